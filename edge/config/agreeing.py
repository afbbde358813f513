"""What may be set about what it takes to be sure: `[agree]`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from edge.config.section import Section


class PolicyName(StrEnum):
    """How the site weighs questions against errors."""

    STRICT = "strict"
    BALANCED = "balanced"
    FAST = "fast"


class Agree(Section):
    """What it takes to be sure."""

    policy: PolicyName = Field(PolicyName.BALANCED, description="how questions weigh against errors")
    minimum_confidence: float | None = Field(
        None, ge=0, le=1, description="a field less likely to be right than this is asked for; unset: by the policy"
    )
    conversation: bool | Literal["auto"] = Field(
        "auto",
        description="hold entries, ask, correct and cancel by voice; false: one utterance is one entry; "
        "auto: once there is a speaker to be heard",
    )
    undo_s: float = Field(4, ge=1, le=60, description="an entry is held for so long after its readback, seconds")
    patience_s: float = Field(8, ge=2, le=120, description="an answer is waited for so long, twice, seconds")
    operators: dict[str, str] = Field(
        default_factory=dict, description="who may sign on: the name as spoken, to the one on record; none: nobody must"
    )
