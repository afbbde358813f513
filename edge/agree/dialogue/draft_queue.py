"""The drafts that wait behind the open one, each of them in review, too. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge.records import Draft

_MOST = 4  # So many things an operator remembers to have said.


@dataclass(slots=True)
class DraftQueue:
    """What waits, in the order in which it is asked about."""

    drafts: tuple[Draft, ...] = ()

    @property
    def first(self) -> Draft | None:
        """The draft that is asked about next; None: none waits."""
        return next(iter(self.drafts), None)

    def add(self, draft: Draft, *, first: bool = False) -> tuple[Draft, ...]:
        """Add a draft behind the others, or before them; returned are those too many, which wait no more."""
        waits = (draft, *self.drafts) if first else (*self.drafts, draft)
        self.drafts = waits[-_MOST:]
        return waits[:-_MOST]

    def take_first(self) -> Draft:
        """Remove and return the first draft."""
        first, *others = self.drafts
        self.drafts = tuple(others)
        return first

    def replace(self, utterance_id: str, *drafts: Draft) -> None:
        """Put these drafts in the place of the one with this id; none: it is removed."""
        parts = [drafts if one.utterance_id == utterance_id else (one,) for one in self.drafts]
        self.drafts = tuple(one for part in parts for one in part)

    def remove(self, utterance_ids: Collection[str]) -> None:
        """Remove the drafts with these ids."""
        self.drafts = tuple(one for one in self.drafts if one.utterance_id not in utterance_ids)

    def clear(self) -> tuple[Draft, ...]:
        """Remove and return all."""
        left, self.drafts = self.drafts, ()
        return left
