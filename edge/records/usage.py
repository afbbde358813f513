"""What a reading takes from a paid service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reading took from a paid service, as the service counted it."""

    client: str
    """Which configured client was asked."""
    model: str
    text_tokens_in: int = 0
    audio_tokens_in: int = 0
    tokens_out: int = 0
    audio_seconds: float = 0.0
    """For services that charge by the minute."""
    request_id: str | None = None
    """What the service calls the request: for its support."""
    cost_usd: float | None = None
    """By the prices in the settings; None where no price is set."""
