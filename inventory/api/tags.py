"""Tags: by which a program says what it has seen, so that nothing is sent twice and nobody writes over another."""

from __future__ import annotations

import hashlib


def tag_of(body: bytes) -> str:
    """The tag of an answer: the same answer has the same."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_among(tag: str, given: str | None) -> bool:
    """Whether a header names this tag."""
    named = [one.strip().removeprefix("W/") for one in (given or "").split(",")]
    return tag in named or named == ["*"]
