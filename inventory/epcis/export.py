"""Exports all entries that GS1 can name as one document; the others are reported and counted.

Each event is validated by check.py before it is written. Events of earlier documents are neither repeated nor
contradicted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from dockvoice_protocol.instants import timestamp
from inventory.epcis import vocabulary
from inventory.epcis.check import Checker
from inventory.epcis.history import History, StoredEvent, Translation
from inventory.epcis.mapping import EpcisMapping
from inventory.epcis.naming import EpcisEvent, Lack, Unexported
from inventory.forms import Roles


@dataclass(slots=True)
class Tally:
    """Counts of an export."""

    events: int = 0  # In the document.
    entries: int = 0  # Entries with events in the document.
    declarations: int = 0  # Events that declare another one wrong.
    before: int = 0  # Events in earlier documents.
    unchanged: int = 0  # Corrections without effect in EPCIS.
    left_out: Counter[str] = field(default_factory=Counter)  # By form.
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # By code; one entry may have several.


_Refused = Callable[[StoredEvent, Unexported], None]


class Export:
    """One export of stored events, and its counts."""

    def __init__(self, mapping: EpcisMapping, roles: Roles, now: datetime, refused: _Refused) -> None:
        """`refused` is called for each entry that is not exported."""
        self.tally = Tally()
        self._told: dict[str, str] = {}
        self._history = History(mapping, roles, self._told)
        self._checker = Checker(mapping.zones)
        self._now = now
        self._refused = refused

    def remember_earlier(self, earlier: Iterable[EpcisEvent]) -> None:
        """Remember the events of an earlier document."""
        for event in earlier:
            self._checker.learn(event)
            if "errorDeclaration" not in event:
                content = {name: value for name, value in event.items() if name != "recordTime"}
                self._told[str(event.get("eventID"))] = json.dumps(content)

    def lines(self, came: Iterable[StoredEvent]) -> Iterator[str]:
        """Yield the document's text, one event a line."""
        yield json.dumps({**_HEAD, "creationDate": timestamp(self._now)})[:-1] + ', "epcisBody": {"eventList": ['
        between = "\n"
        for event in self.events(came):
            yield between + json.dumps(event, ensure_ascii=False)
            between = ",\n"
        yield "\n]}}\n"

    def events(self, came: Iterable[StoredEvent]) -> Iterator[EpcisEvent]:
        """Yield the EPCIS events to write."""
        for one in came:
            became = self._history.translate(one)
            new = [event for event in became.events if self._checker.told_before(event) is not True]
            not_known = [event for event in new if self._checker.told_before(event) is None]
            unsound = list(self._find_breaches(new))
            reasons = [*became.refusals, *unsound]
            self._count(one, became, reasons)
            if unsound or not (one.replaced or one.struck_at):
                # An entry that is replaced later needs its events again then; remembering all would fill the memory.
                for event in not_known:
                    self._checker.forget(event)
            if unsound:
                continue
            self.tally.before += len(became.events) - len(new)
            self.tally.events += len(new)
            self.tally.entries += bool(new)
            self.tally.declarations += sum("errorDeclaration" in event for event in new)
            yield from new

    def _count(self, one: StoredEvent, became: Translation, reasons: list[Unexported]) -> None:
        if became.left_out is not None:
            self.tally.left_out[became.left_out] += 1
        self.tally.unchanged += became.unchanged
        self.tally.refused += bool(reasons)
        self.tally.reasons.update({str(reason.code) for reason in reasons})
        for reason in reasons:
            self._refused(one, reason)

    def _find_breaches(self, new: Iterable[EpcisEvent]) -> Iterator[Unexported]:
        """Why events may not be written: they contradict an earlier document, or break a rule."""
        for event in new:
            if self._checker.told_before(event) is False:
                told = f"{event['eventID']} was exported before and said something else; has the mapping changed?"
                yield Unexported(
                    Lack.OTHERWISE, f"{told} Say it right in the mapping as it was then, or correct the entry"
                )
                continue
            self._checker.learn(event)
            for breach in self._checker.check_event(event, "", self._now):
                yield Unexported(Lack.UNSOUND, str(breach))


_HEAD = {"@context": [vocabulary.CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0"}
