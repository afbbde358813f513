"""Steps of a posting: what is to be done next, by what is wanted and what was found in the other system. Pure.

It is looked before anything is done, and afterwards. So it does not matter where a kill falls, what an answer said, or
whether one came: what stands there decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.connect.ports import Document, DocumentState
from inventory.records import PostingState

FIRST_S, LONGEST_S = 2.0, 600.0
"""Waits before what failed is tried again, doubled each time. Ten minutes: nobody in an office waits longer unasked."""

MOST_STEPS = 8  # For one posting in one go: a system that doubles all it is told must not keep us for ever.


SETTLED = frozenset({PostingState.POSTED, PostingState.REVERSED, PostingState.VOID})
"""States in which nothing waits for anybody."""


@dataclass(frozen=True, slots=True)
class Post:
    """Post it, or bring the draft to its end."""

    draft: Document | None


@dataclass(frozen=True, slots=True)
class Reverse:
    """Take this one back."""

    document: Document


@dataclass(frozen=True, slots=True)
class Settled:
    """It is as it should be."""

    state: PostingState
    document: Document | None


Step = Post | Reverse | Settled


def next_step(found: Sequence[Document], *, stands: bool) -> Step:
    """What is to be done where these documents were found, the oldest first, and the entry `stands` or does not."""
    live = sorted(
        (one for one in found if one.state is not DocumentState.REVERSED),
        key=lambda one: one.state is not DocumentState.DONE,  # stable: of those that are alike the oldest is kept
    )
    if not stands:
        if live:
            return Reverse(live[-1])
        return Settled(PostingState.REVERSED if found else PostingState.VOID, found[-1] if found else None)
    if len(live) > 1:
        return Reverse(live[-1])
    if not live:
        return Post(None)
    kept = live[0]
    return Settled(PostingState.POSTED, kept) if kept.state is DocumentState.DONE else Post(kept)


def wait_s(failed: int, asked: float | None = None) -> float:
    """So long until the next try, after so many that failed in a row; longer where the other side asks for it."""
    return max(min(FIRST_S * 2.0 ** min(failed - 1, 20), LONGEST_S), min(asked or 0.0, LONGEST_S))
