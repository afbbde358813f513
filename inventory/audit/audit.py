"""Audits the stored events: signatures, hash chain, and whether each entry is as its event says.

It proves more than a device can by itself: the inventory received the events before they could be changed on the
device.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockvoice_protocol import hash_chain, plain_file
from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import (
    CHAIN,
    PREVIOUS,
    Acknowledgement,
    BadEvent,
    ChainVerifier,
    DefectKind,
    KeySpan,
    KnownFaults,
    PublicKey,
    Signer,
    StoredEvent,
    parse_event_or_empty,
    sha256_hex,
)
from dockvoice_protocol.instants import parse_iso
from dockvoice_protocol.systemd import user_name_of_id
from dockvoice_protocol.terminal.plain_text import mark_unprintable
from inventory.records import DeviceProgress
from inventory.store.keys import KEY_FILE_NAME

if TYPE_CHECKING:
    from inventory.queries.trail import StockMoveTexts, TrailEvent
    from inventory.repository import Store
    from inventory.store.stock import StockMove

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
"""Format of a number in a database: Python also parses 1_2 and digits of other scripts, which SQL sums differently."""

_KEY_FILES = "*.pem"  # The files of a directory of keys.


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audit's result for one device."""

    site: str
    device: str
    events: int  # Number of valid events, refused ones included.
    broken: BadEvent | None  # The first invalid event, where the audit ended; None if all are valid.
    spans: tuple[KeySpan, ...]  # The signing keys, by range of numbers.
    checked: bool  # Whether there were keys to check the signatures with.
    withheld: tuple[int, ...] = ()  # Events of which only the seal is here, not acknowledged.
    refused: tuple[int, ...] = ()  # Refused events, which made no entry.
    stray_entries: int = 0  # Entries without an event.
    stray_moves: int = 0  # Stock moves without an event.
    out_of_turn: int = 0
    """Events before the first number, or after the last one handled, which the chain does not cover."""
    known: bool = True  # Whether the table of devices has it.
    acknowledged: tuple[Acknowledgement, ...] = ()  # Known faults.
    found: str | None = None  # SHA-256 of the broken or first withheld event, for an acknowledgement.

    @property
    def is_whole(self) -> bool:
        """Whether there are events, all checked, none out of turn, no stray rows, and every fault is acknowledged."""
        amiss = self.broken or self.withheld or self.stray_entries or self.stray_moves or self.out_of_turn
        return self.checked and self.known and not amiss and bool(self.events or self.acknowledged)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON."""
        broken = None if self.broken is None else {**asdict(self.broken), "told": self.broken.wrong.message}
        return {"whole": self.is_whole, **asdict(self), "broken": broken}

    def text_lines(self) -> Iterator[str]:
        """The report as lines of text for the terminal."""
        whose, names = ("events that hold", "signed with") if self.checked else ("links that hold", "names key")
        yield f"{self.site}/{self.device}: {whose}: {self.events}"
        for span in self.spans:
            yield f"  {span.first} to {span.last}: {names} {span.keyid}"
        if self.refused:
            yield f"  refused, so that no entry was made of them: {_format_runs(self.refused)}"
        for one in self.acknowledged:
            why = f"{mark_unprintable(one.who)}, {one.at}: {mark_unprintable(one.reason)}"
            yield f"  KNOWN at {one.sequence}: {DefectKind(one.wrong).message} ({why})"
        yield from self._fault_lines()

    def _fault_lines(self) -> Iterator[str]:
        if not self.checked:
            yield (
                "  NOT CHECKED: no key is enrolled or given, and no signature was looked at: whoever owns the database "
                "can have written all of it; give --key or --keys"
            )
        if not self.known:
            yield "  MISSING: no row of `devices` says how far its events have come"
        if self.withheld:
            yield f"  WITHHELD: {_format_runs(self.withheld)}: {DefectKind.WITHHELD.message}"
        counted = {
            "STRAY: entries without an event behind them": self.stray_entries,
            "STRAY: rows of `stock_moves` without an event behind them": self.stray_moves,
            "OUT OF TURN: events before the first number or behind the last one handled": self.out_of_turn,
        }
        yield from (f"  {text}: {number}" for text, number in counted.items() if number)
        if self.broken is not None:
            yield f"  BROKEN at {self.broken.sequence}: {self.broken.wrong.message}"
        if not (self.events or self.broken or self.acknowledged):
            yield "  NO EVENT: there is nothing that could be whole"


def audit_device(
    store: Store,
    of: DeviceProgress,
    keys: Mapping[str, PublicKey] | None,
    tell: Callable[[int], None] = lambda _: None,
    *,
    known_faults: KnownFaults | None = None,
) -> AuditReport:
    """Verify a device's events from the first to the last, or to the first fault that is not acknowledged.

    `keys` are the keys that may have signed, by key id; None leaves the signatures unchecked. `tell` is called after
    each event with the number of valid ones. Raises Unavailable.
    """
    return _Audit(store, of, keys, known_faults or KnownFaults((), {})).verify_and_report(tell)


class _Audit:
    """The audit of one device in progress."""

    def __init__(
        self, store: Store, of: DeviceProgress, keys: Mapping[str, PublicKey] | None, known: KnownFaults
    ) -> None:
        self._store = store
        self._of = of
        self._checked = keys is not None
        self._links = ChainVerifier(keys)
        self._known = known
        self._states = _EntryStates()
        self._stock = _StockMoves()
        self._withheld: list[int] = []
        self._refused: list[int] = []
        self._found: str | None = None

    def verify_and_report(self, tell: Callable[[int], None]) -> AuditReport:
        """Audit the device's events; return the report."""
        broken = None
        for came in self._store.load_trail(self._of.site, self._of.device, self._of.handled):
            if (broken := self._check_event(came)) is not None:
                break
            tell(self._links.last)
        if broken is None:
            broken = next(
                (one for one in self._find_final_faults() if not self._check_acknowledged_and_note_hash(*one)),
                (None, None),
            )[0]
        known = (self._of.site, self._of.device) in {(of.site, of.device) for of in self._store.progress()}
        beside = self._store.count_strays(self._of.site, self._of.device, self._of.handled if known else 0)
        return AuditReport(
            self._of.site,
            self._of.device,
            self._links.held,
            broken,
            tuple(self._links.spans),
            self._checked,
            tuple(self._withheld),
            tuple(self._refused),
            beside.entries,
            beside.moves,
            beside.out_of_turn,
            known,
            tuple(self._known.met),
            self._found,
        )

    def _check_event(self, came: TrailEvent) -> BadEvent | None:
        """The unacknowledged fault of an event; None if the chain goes on after it."""
        chained = _as_chained(came, self._links.link)
        while wrong := self._links.next_fault(chained) or self._find_stored_fault(came, chained.event):
            broken = BadEvent(self._links.last + 1, wrong)
            if not self._check_acknowledged_and_note_hash(broken, _evidence_hash(came, self._links.link, wrong)):
                return broken
            if not self._links.skip_acknowledged(wrong, chained):
                self._collect(came)
                return None
        if came.withheld and not self._check_acknowledged_and_note_hash(
            BadEvent(came.sequence, DefectKind.WITHHELD), _evidence_hash(came, chained.previous)
        ):
            self._withheld.append(came.sequence)
        if not came.applied:
            self._refused.append(came.sequence)
        self._collect(came)
        self._links.advance(chained)
        return None

    def _collect(self, came: TrailEvent) -> None:
        self._states.add(came)
        self._stock.add(came)

    def _find_final_faults(self) -> Iterator[tuple[BadEvent, str]]:
        """Faults that only all events together show."""
        if self._links.last < self._of.handled:
            yield (
                BadEvent(self._links.last + 1, DefectKind.MISSING),
                sha256_hex(f"{self._links.link}\n{self._of.handled}\n"),
            )
        for sequence, text in self._states.find_faults():
            yield BadEvent(sequence, DefectKind.STATE_ALTERED), sha256_hex(text)

    def _check_acknowledged_and_note_hash(self, broken: BadEvent, found: str) -> bool:
        known = self._known.excuse_if_acknowledged(broken, lambda: found)
        if not known and (self._found is None or broken.wrong is not DefectKind.WITHHELD):
            self._found = found  # of the fault that ends the audit, else of the first one withheld
        return known

    def _find_stored_fault(self, came: TrailEvent, event: Mapping[str, Any]) -> DefectKind | None:
        """The first mismatch between an event and its stored rows; None if they match."""
        return self._find_row_fault(came, event) or _find_entry_fault(came) or self._stock.find_fault(came)

    def _find_row_fault(self, came: TrailEvent, event: Mapping[str, Any]) -> DefectKind | None:
        """The mismatch between an event and its own row; None if they match."""
        named = (event.get("id"), event.get("sequence"))
        same = named == (came.event_id, str(came.sequence))
        if came.applied:
            source = Topics("", self._of.site, self._of.device).source
            same = same and (event.get("source"), event.get("type")) == (source, came.type)
        return None if same else DefectKind.ROW_ALTERED


class _EntryStates:
    """The states of entries: in the table, and by the events that amend and cancel them."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int, str]] = {}
        self._kept: dict[str, tuple[int, str]] = {}

    def add(self, came: TrailEvent) -> None:
        """Remember the state that an event gives to an earlier entry, and its own entry's stored state."""
        if came.entered is not None and came.entered.state != "current":
            self._kept[came.event_id] = (came.sequence, came.entered.state)
        data = _data(parse_event_or_empty(came.body)) if came.applied else {}
        for name, state in (("amends", "amended"), ("cancels", "cancelled")):
            if name in data:
                self._said[str(data[name])] = (came.sequence, state)

    def find_faults(self) -> Iterator[tuple[int, str]]:
        """Yield entries whose stored state is not that of the events: number, and both states."""
        found = []
        for event_id in self._said.keys() | self._kept.keys():
            said, kept = self._said.get(event_id), self._kept.get(event_id)
            if said is None or kept is None or said[1] != kept[1]:
                found.append(((said or kept or (0, ""))[0], f"{event_id} {said} {kept}"))
        return iter(sorted(found))


class _StockMoves:
    """The stock moves of a device: in the table, and by its events."""

    def __init__(self) -> None:
        self._ended: dict[str, StockMove | None] = {}  # What each entry that is not current any more had added.

    def add(self, came: TrailEvent) -> None:
        """Remember what an event's entry added to stock, if the entry is not current."""
        if came.entered is not None and came.entered.state != "current":
            self._ended[came.event_id] = _stock_added(came)

    def find_fault(self, came: TrailEvent) -> DefectKind | None:
        """The mismatch between the stored stock moves and the events; None if they match."""
        if not _is_same_move(came.added, _stock_added(came)):
            return DefectKind.STOCK_ALTERED
        named = self._replaced_id(came)
        if named is not None and named not in self._ended:
            return None  # the entry is current by mistake, which is reported at the end
        before = None if named is None else self._ended[named]
        back = None if before is None else {**before, "quantity": -before["quantity"]}
        return None if _is_same_move(came.taken_back, back) else DefectKind.STOCK_ALTERED

    def _replaced_id(self, came: TrailEvent) -> str | None:
        said = _data(parse_event_or_empty(came.body)) if came.applied and not came.withheld else {}
        named = said.get("amends") or said.get("cancels")
        return None if named is None else str(named)


def _stock_added(came: TrailEvent) -> StockMove | None:
    """The stock move that the event says its entry adds."""
    from inventory.store import stock  # noqa: PLC0415 - `dockvoice --help` must not import SQLAlchemy

    event = parse_event_or_empty(came.body)
    said = _data(event) if came.applied and not came.withheld else {}
    its = stock.to_stock_move_values(said["fields"]) if "fields" in said else None
    if its is None:
        return None
    site, device = event["source"].split("/")[2::2]
    return {"entry": came.event_id, "site": site, "device": device, "form": said["form"], **its}


def _is_same_move(kept: StockMoveTexts | None, said: StockMove | None) -> bool:
    if kept is None or said is None:
        return kept is said
    quantity = str(kept["quantity"])
    return _NUMBER.fullmatch(quantity) is not None and {**kept, "quantity": Decimal(quantity)} == said


def find_devices(store: Store, name: str | None) -> list[DeviceProgress]:
    """The device called `name`, as site/device; every device named in any row, without a name.

    One that the table of devices lacks has handled no event. Raises UnreadableInput, Unavailable.
    """
    every = {f"{of.site}/{of.device}": of for of in store.progress()}
    for site, device in sorted(store.load_device_names()):
        every.setdefault(f"{site}/{device}", DeviceProgress(site, device, 0, 0, datetime.fromtimestamp(0, UTC)))
    if name is None:
        return list(every.values())
    if name not in every:
        raise UnreadableInput(f"--device {name}: no event ever came from it; there are {', '.join(every) or 'none'}")
    return [every[name]]


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys, enrolled or given as files, that may have signed devices' events."""

    enrolled: Mapping[tuple[str, str], Mapping[str, PublicKey]]
    """By site and device, then by key id: a file named as enrolled ones are counts for its device alone."""
    anyones: Mapping[str, PublicKey]  # From files whose names have no device.
    awaited: frozenset[str]  # The ids of all keys not revoked: each should have signed an event.

    def keys_of(self, site: str, device: str) -> dict[str, PublicKey]:
        """The keys that may have signed events of this device, by key id."""
        return {**self.anyones, **self.enrolled.get((site, device), {})}


def load_trusted_keys(files: Iterable[Path], directory: Path | None, enrolled_folder: Path) -> TrustedKeys | None:
    """The public keys in these files and in the directory's *.pem; without any, those in `enrolled_folder`.

    None if there is no key there either. Raises UnreadableInput.
    """
    given = [*files, *(sorted(directory.glob(_KEY_FILES)) if directory else ())]
    if directory is not None and not given:
        raise UnreadableInput(f"{directory}: holds no {_KEY_FILES}; `dockvoice audit key` on a device prints its key")
    enrolled: dict[tuple[str, str], dict[str, PublicKey]] = {}
    anyones, awaited = dict[str, PublicKey](), set[str]()
    for path in given or sorted(enrolled_folder.glob(_KEY_FILES)):
        key, named = read_public_key(path), KEY_FILE_NAME.fullmatch(path.name)
        if named is None or named["keyid"] != key.keyid:
            anyones[key.keyid] = key
        else:
            enrolled.setdefault((named["site"], named["device"]), {})[key.keyid] = key
        if named is None or named["revoked"] is None:
            awaited.add(key.keyid)
    return TrustedKeys(enrolled, anyones, frozenset(awaited)) if enrolled or anyones else None


def read_acknowledgements(path: Path | None) -> list[Acknowledgement]:
    """The acknowledgements in this file; empty without a file. Raises UnreadableInput."""
    if path is None:
        return []
    try:
        return hash_chain.parse_acknowledgements(plain_file.read_regular_file(path).decode("utf-8"))
    except OSError as fault:
        raise UnreadableInput(f"{path}: {fault.strerror}; name the file that `acknowledge` wrote") from None
    except ValueError as fault:
        raise UnreadableInput(f"{path}: {fault}; name the file that `acknowledge` wrote") from None


def load_signer(path: Path) -> Signer:
    """The signer with the Ed25519 private key of a PEM file. Raises UnreadableInput."""
    make = "`openssl genpkey -algorithm ed25519` makes one"
    try:
        return Signer.from_pem(plain_file.read_regular_file(path))
    except FileNotFoundError:
        raise UnreadableInput(f"{path}: no such file; {make}") from None
    except PermissionError:
        user = user_name_of_id(os.geteuid())
        raise UnreadableInput(f"{path}: may not be read by {user}, who runs this; `chown {user}: {path}`") from None
    except OSError as fault:
        raise UnreadableInput(f"{path}: {fault.strerror}; name the file of a private key") from None
    except ValueError:
        raise UnreadableInput(f"{path}: is no Ed25519 private key in PEM without a password; {make}") from None


def read_public_key(path: Path) -> PublicKey:
    """The public key in a file. Raises UnreadableInput."""
    try:
        return PublicKey.from_pem(plain_file.read_regular_file(path))
    except OSError as fault:
        raise UnreadableInput(f"{path}: {fault.strerror}; give what `dockvoice audit key` printed") from None
    except ValueError:
        raise UnreadableInput(f"{path}: is no Ed25519 public key; give what `dockvoice audit key` printed") from None


def _as_chained(came: TrailEvent, link: str) -> StoredEvent:
    """The event for the chain. An invalid event names no predecessor, and gets the current link."""
    event = parse_event_or_empty(came.body)
    return StoredEvent(
        sequence=came.sequence,
        previous=str(event.get(PREVIOUS, link)),
        link=str(event.get(CHAIN)),
        event=event,
        audio_sha256=_recording_sha256(event),
        withheld=came.withheld,
    )


def _recording_sha256(event: Mapping[str, Any]) -> str:
    utterance = _data(event).get("utterance")
    # Without a recording the link cannot be right, which recomputing it shows.
    return str(utterance.get("audio_sha256")) if isinstance(utterance, dict) else ""


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def _find_entry_fault(came: TrailEvent) -> DefectKind | None:
    """The mismatch between an event and its entry; None if they match."""
    event = parse_event_or_empty(came.body)
    said = _data(event) if came.applied and not came.withheld else {}
    made = came.entered
    if made is None or "fields" not in said:
        return None if made is None and "fields" not in said else DefectKind.ENTRY_ALTERED
    site, device = event["source"].split("/")[2::2]
    expected = (site, device, said["form"], said["operator"], said["utterance"]["id"], said.get("amends"))
    found = (made.site, made.device, made.form, made.operator, made.utterance_id, made.replaces)
    same = expected == found and _tell_booleans_from_numbers(said["fields"]) == _tell_booleans_from_numbers(
        parse_event_or_empty(made.fields)
    )
    return None if same and parse_iso(event["time"]) == parse_iso(made.recorded_at) else DefectKind.ENTRY_ALTERED


def _tell_booleans_from_numbers(value: Any) -> Any:
    """A value for comparison: a database may return 2.0 as 2, but true is not 1."""
    if isinstance(value, dict):
        return {name: _tell_booleans_from_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_tell_booleans_from_numbers(one) for one in value]
    return (isinstance(value, bool), value)


def _evidence_hash(came: TrailEvent, link: str, wrong: DefectKind | None = None) -> str:
    """A hash of the audited state that an acknowledgement covers."""
    body = came.body.decode(errors="replace") if isinstance(came.body, bytes) else came.body
    moved = f"{came.added}\n{came.taken_back}\n" if wrong is DefectKind.STOCK_ALTERED else ""
    return sha256_hex(f"{came.sequence}\n{link}\n{body}\n{came.entered}\n{moved}")


def _format_runs(numbers: Sequence[int]) -> str:
    """Format runs of numbers, the first and the last of each."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] == number - 1:
            rows[-1][1:] = [number]
        else:
            rows.append([number])
    return ", ".join(" to ".join(map(str, row)) for row in rows)
