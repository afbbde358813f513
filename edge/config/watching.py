"""What may be set about the agent's own health: `[watch]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.config.section import Section


class Watch(Section):
    """The agent's own health."""

    stall_s: float = Field(
        30, ge=1, le=600, description="a microphone that gives no sound for this long ends the agent, seconds"
    )
    zeros_s: float = Field(
        1.5, ge=0.5, le=600, description="so long nothing but zeros from a microphone is no fault, seconds"
    )
    gated_zeros_s: float = Field(
        300,
        ge=0.5,
        le=3600,
        description="the same with a headset that has shown to send zeros between words, seconds",
    )
    fault_command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="run at each fault of the microphone, and when it is over"
    )
