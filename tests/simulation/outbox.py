"""The device's journal in the simulation: a quick model, and the real one, which must behave just like it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.deliver.device_events import entry_event
from edge.keep import device_key
from edge.keep.journal import Journal
from edge.keep.storage import DiskFull
from edge.records import EventIds, OutboxRow, Utterance
from tests.sayings import ACCEPT, entry, utterance
from tests.simulation.events import AT, Saying, body, event
from tests.simulation.virtual import Fuse

T = TypeVar("T")

Withhold = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Note = Callable[[str, int], None]  # Called with what was committed, and the number it concerns.


class Disk:
    """What the journal lies on."""

    def __init__(self, fuse: Fuse, note: Note) -> None:
        self.full = False
        self.fuse = fuse
        self.note = note

    def demand_room(self) -> None:
        """Raises DiskFull."""
        if self.full:
            raise DiskFull("journal.db: the disk is full")


class Outbox(Protocol):
    """The part of the journal that delivery uses, and what the simulation asks."""

    dead: dict[int, tuple[str, str]]  # The id of each dead letter and why it is one, by its number.

    @property
    def public_key(self) -> PublicKey:
        """What the device's signatures are checked with."""
        ...

    def speak(self, saying: Saying) -> None:
        """Commit what was said; the same saying once only."""
        ...

    def fates(self) -> dict[int, str]:
        """What became of each event, by its number: `waiting`, `settled`, `refused` or `dead`."""
        ...

    def count_unsettled(self) -> int:
        """How many events are owed."""
        ...

    def crash(self) -> None:
        """The process is gone; what was committed stays."""
        ...

    def open(self) -> None:
        """The next life begins."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


@cache
def public_key() -> PublicKey:
    """Some device's."""
    with TemporaryDirectory() as scratch:
        return device_key.load_or_create(Path(scratch)).public


@dataclass
class _Row:
    row: OutboxRow
    saying: Saying
    settled: bool = False
    fate: str = "waiting"


class ModelOutbox:
    """The outbox as a table in memory."""

    last_removed_sequence = 0  # Nothing is ever removed to make room.

    def __init__(self, disk: Disk) -> None:
        self.dead: dict[int, tuple[str, str]] = {}
        self.public_key = public_key()
        self._disk = disk
        self._rows: dict[str, _Row] = {}
        self._logged: _Row | None = None  # The second copy: what was committed last, or was about to be.

    def speak(self, saying: Saying) -> None:
        if any(known.saying == saying for known in self._rows.values()):
            return
        sequence = len(self._rows) + 1
        said = body(saying, sequence)
        self._disk.demand_room()
        self._logged = _Row(OutboxRow(event(saying, sequence)["id"], sequence, said), saying)
        self._commit("said", sequence, self._enter)

    def load_due(self, limit: int) -> list[OutboxRow]:
        return [known.row for known in self._rows.values() if not known.settled][:limit]

    def last_event(self) -> OutboxRow | None:
        return list(self._rows.values())[-1].row if self._rows else None

    def count_unsettled(self) -> int:
        return sum(not known.settled for known in self._rows.values())

    def is_event_pending(self, event_id: str) -> bool:
        return event_id in self._rows and not self._rows[event_id].settled

    def mark_sent(self, event_id: str) -> None:
        self._commit("sent", self._rows[event_id].row.sequence, lambda: None)

    def settle(self, event_id: str, receipt: Receipt | None) -> bool:
        if (known := self._rows.get(event_id)) is None:
            return False
        refused = receipt is not None and receipt.outcome is ReceiptOutcome.REFUSED

        def change() -> bool:
            if not known.settled and known.fate == "waiting":
                known.fate = "refused" if refused else "settled"
            known.settled = True
            return True

        return self._commit("settled", known.row.sequence, change)

    def reopen(self, first: int, last: int) -> int:
        named = [known for known in self._rows.values() if first <= known.row.sequence <= last and known.settled]

        def change() -> int:
            for known in named:
                known.settled = False
                known.fate = "dead" if known.fate == "dead" else "waiting"
            return len(named)

        return self._commit("reopened", first, change)

    def dead_letter(self, event_id: str, reason: str, withhold: Withhold) -> bool:
        known = self._rows[event_id]

        def change() -> bool:
            if known.settled or known.fate != "waiting":
                return False
            tombstone = json.dumps(withhold(json.loads(known.row.body)))
            known.row, known.fate = replace(known.row, body=tombstone), "dead"
            return True

        self.dead[known.row.sequence] = (event_id, reason)
        return self._commit("dead", known.row.sequence, change)

    def demand_owner(self, source: str) -> None:
        pass

    def fates(self) -> dict[int, str]:
        return {known.row.sequence: known.fate for known in self._rows.values()}

    def crash(self) -> None:
        pass

    def open(self) -> None:
        self._enter()

    def close(self) -> None:
        pass

    def _enter(self) -> None:
        if self._logged is not None:
            self._rows.setdefault(self._logged.row.event_id, self._logged)

    def _commit(self, what: str, sequence: int, change: Callable[[], T]) -> T:
        self._disk.demand_room()
        self._disk.fuse.burn()
        result = change()
        self._disk.note(what, sequence)
        self._disk.fuse.burn()
        return result


class RealOutbox:
    """The journal itself, in a directory of its own.

    On a disk that can be full, in a process that can end just before a commit or just after.
    """

    def __init__(self, disk: Disk, directory: Path) -> None:
        self.dead: dict[int, tuple[str, str]] = {}
        self._disk = disk
        self._directory = directory
        shutil.copytree(_empty(), directory, dirs_exist_ok=True)
        self._heard: dict[Saying, Utterance] = {}
        self._numbers: dict[str, int] = {}
        self._noted_as: tuple[str, int] | None = None  # What the next commit is to be noted as.
        self.open()

    def open(self) -> None:
        self._journal = Journal.open(self._directory)
        commit = self._journal._db.writing

        @contextmanager
        def writing() -> Iterator[None]:
            if self._noted_as is None:
                with commit():
                    yield
                return
            self._disk.demand_room()
            with commit():
                yield
                self._disk.fuse.burn()
            self._disk.note(*self._noted_as)
            self._disk.fuse.burn()

        self._journal._db.writing = writing  # type: ignore[method-assign]

    def crash(self) -> None:
        self._journal.close()

    def close(self) -> None:
        self._journal.close()

    @property
    def public_key(self) -> PublicKey:
        return self._journal.public_key

    @property
    def last_removed_sequence(self) -> int:
        return self._journal.trail.last_removed_sequence

    def speak(self, saying: Saying) -> None:
        journal, said = self._journal, self._heard.setdefault(saying, utterance(saying.number))
        if (kept := journal.queries.get_utterance(said.utterance_id)) is not None and kept.event_id is not None:
            return
        self._disk.demand_room()
        meant = replace(entry(said, journal.store_utterance(said)), fields=saying.fields, operator=saying.operator)
        site, device = AT

        def render(minted: EventIds) -> dict[str, Any]:
            self._numbers[minted.event_id] = minted.sequence
            return entry_event(meant, minted, site=site, device=device)

        with self._about("said", journal.trail.last_sequence() + 1):
            journal.commit(meant, ACCEPT, render)

    def load_due(self, limit: int) -> list[OutboxRow]:
        return self._journal.outbox.load_due(limit)

    def last_event(self) -> OutboxRow | None:
        return self._journal.outbox.last_event()

    def count_unsettled(self) -> int:
        return self._journal.outbox.count_unsettled()

    def is_event_pending(self, event_id: str) -> bool:
        return self._journal.outbox.is_event_pending(event_id)

    def mark_sent(self, event_id: str) -> None:
        with self._about("sent", self._numbers[event_id]):
            self._journal.outbox.mark_sent(event_id)

    def settle(self, event_id: str, receipt: Receipt | None) -> bool:
        with self._about("settled", self._numbers[event_id]):
            return self._journal.outbox.settle(event_id, receipt)

    def reopen(self, first: int, last: int) -> int:
        with self._about("reopened", first):
            return self._journal.outbox.reopen(first, last)

    def dead_letter(self, event_id: str, reason: str, withhold: Withhold) -> bool:
        self.dead[self._numbers[event_id]] = (event_id, reason)
        with self._about("dead", self._numbers[event_id]):
            return self._journal.outbox.dead_letter(event_id, reason, withhold)

    def demand_owner(self, source: str) -> None:
        self._journal.outbox.demand_owner(source)

    def fates(self) -> dict[int, str]:
        return {kept.sequence: str(kept.state) for kept in self._journal.queries.entries(1000)}

    @contextmanager
    def _about(self, what: str, sequence: int) -> Iterator[None]:
        self._noted_as = (what, sequence)
        try:
            yield
        finally:
            self._noted_as = None


@cache
def _empty() -> Path:
    """A journal in which nothing was said, to be copied: making one takes longer than a whole run."""
    directory = Path(_scratch().name) / "empty"
    Journal.open(directory).close()
    return directory


@cache
def _scratch() -> TemporaryDirectory[str]:
    return TemporaryDirectory()
