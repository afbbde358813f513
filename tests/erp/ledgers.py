"""Another system as it may behave at its worst, and entries for a connector that posts into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from inventory.connect.ports import Away, Declined, Document, DocumentState, Posting, PulledData, ReversalReason


class Killed(BaseException):
    """The process was killed here."""


@dataclass
class Books:
    """The other system: it keeps what it did, whatever the process on this side came to."""

    documents: list[tuple[str, Document]] = field(default_factory=list)
    posted: dict[str, Posting] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def standing(self, reference: str) -> list[Document]:
        return [one for of, one in self.documents if of == reference and one.state is not DocumentState.REVERSED]

    @property
    def stock(self) -> dict[str | None, Decimal]:
        """By pallet, what stands there."""
        found: dict[str | None, Decimal] = {}
        for reference, document in self.documents:
            if document.state is DocumentState.DONE:
                posting = self.posted[reference]
                found[posting.pallet] = found.get(posting.pallet, Decimal(0)) + (posting.quantity or 0)
        return found


@dataclass
class Other:
    """A connector to it. `before` and `after` a deed may raise, or do nothing."""

    books: Books
    before: Callable[[str, Posting], None] = lambda _deed, _posting: None
    after: Callable[[str, Posting], None] = lambda _deed, _posting: None
    does: Callable[[str, Posting], int] = lambda _deed, _posting: 1  # How often it does what it was told.
    can_find: bool = True
    leaves_drafts: bool = False

    def find(self, posting: Posting) -> Sequence[Document]:
        self.books.calls.append(("find", posting.reference))
        self.before("find", posting)
        return [one for of, one in self.books.documents if of == posting.reference]

    def post(self, posting: Posting, draft: Document | None) -> Document:
        self._begin("post", posting)
        document = draft
        for _ in range(self.does("post", posting)):
            document = self.put(posting, draft)
        self.after("post", posting)
        return document or Document("nothing", "nothing", DocumentState.DONE)

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        self._begin("reverse", posting)
        for _ in range(min(1, self.does("reverse", posting))):
            self._change(document, DocumentState.REVERSED)
        self.after("reverse", posting)
        return replace(document, state=DocumentState.REVERSED)

    def pull(self) -> PulledData:
        return PulledData(None, None, None)

    def describe_system(self) -> str:
        return "other"

    def flush_old_batch(self) -> None: ...

    def close(self) -> None: ...

    def _begin(self, deed: str, posting: Posting) -> None:
        self.books.calls.append((deed, posting.reference))
        self.before(deed, posting)

    def put(self, posting: Posting, draft: Document | None) -> Document:
        self.books.posted[posting.reference] = posting
        if draft is not None:
            return self._change(draft, DocumentState.DONE)
        number = len(self.books.documents) + 1
        state = DocumentState.DRAFT if self.leaves_drafts else DocumentState.DONE
        made = Document(f"doc,{number}", f"N{number}", state)
        self.books.documents.append((posting.reference, made))
        return made

    def _change(self, document: Document, state: DocumentState) -> Document:
        at = next(at for at, (_, one) in enumerate(self.books.documents) if one.id == document.id)
        reference, one = self.books.documents[at]
        self.books.documents[at] = (reference, replace(one, state=state))
        return self.books.documents[at][1]


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 13, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def moves(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


__all__ = ["Away", "Books", "Clock", "Declined", "Killed", "Other"]
