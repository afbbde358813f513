"""What may be set about the journal's disk: `[keep]`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from edge.config.section import Section


class Keep(Section):
    """The journal's disk. 1 MB is 1,000,000 bytes."""

    budget_mb: float = Field(
        4000,
        ge=1,
        le=1_000_000,
        description="all recordings together; beyond it settled ones are removed, MB",
    )
    entries_mb: float = Field(
        4000,
        ge=1,
        le=1_000_000,
        description="the journal and its second copy together; beyond it the oldest settled entries are removed, MB",
    )
    retention_days: int = Field(90, ge=1, le=3650, description="settled recordings older than this are removed, days")
    alarm_free_mb: float = Field(
        500,
        ge=1,
        le=1_000_000,
        description="with less free space there is an alarm, and settled ones make room, MB",
    )
    stop_free_mb: float = Field(
        100, ge=0.5, le=100_000, description="with less free space nothing more is recorded, MB"
    )
    reserve_mb: float = Field(
        16, ge=0, le=1000, description="space held back, so that what was said last can still be kept, MB"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.alarm_free_mb <= self.stop_free_mb:
            raise ValueError("alarm_free_mb is not more than stop_free_mb: the alarm must come before recording stops")
        return self
