"""Measurements of a simulation: percentiles, rates, and the report as JSON and as tables."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from lab.simulate.device import REOPENED
from lab.simulate.ledger import SaidEntry

_WORST = frozenset({"stray", "twice", "contradicted", REOPENED})  # Faults that no network or broker failure explains.

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Durations:
    """Collects durations (8 bytes each) and computes percentiles."""

    def __init__(self) -> None:
        self._all = array("d")

    def __len__(self) -> int:
        return len(self._all)

    def add(self, seconds: float) -> None:
        """Add a duration in seconds; a negative one, from the clock's granularity, counts as 0."""
        self._all.append(max(0.0, seconds))

    def as_json(self) -> dict[str, float]:
        """The percentiles and the maximum in milliseconds; empty without durations."""
        if not self._all:
            return {}
        ordered = sorted(self._all)
        shares = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in _SHARES.items()}
        return {name: round(seconds * 1000, 1) for name, seconds in {**shares, "max": ordered[-1]}.items()}


@dataclass(slots=True)
class EntryGroup:
    """Counts and times of one group of entries: pending at the start, or dictated live."""

    entries: int = 0
    answered: int = 0
    again: int = 0  # Sent more than once.
    first_at: float = 0.0
    last_at: float = 0.0
    publish_to_puback: Durations = field(default_factory=Durations)
    puback_to_receipt: Durations = field(default_factory=Durations)
    publish_to_receipt: Durations = field(default_factory=Durations)
    said_to_receipt: Durations = field(default_factory=Durations)

    def add(self, said: SaidEntry) -> None:
        """Add an entry that has its first final receipt."""
        self.answered += 1
        self.again += said.sendings > 1
        self.first_at = min(self.first_at or said.sent_at, said.sent_at)
        self.last_at = max(self.last_at, said.answered_at)
        # With a link that was cut in between the receipt can come of a sending whose PUBACK was lost.
        if said.taken_at:
            self.publish_to_puback.add(said.taken_at - said.sent_at)
            self.puback_to_receipt.add(said.answered_at - said.taken_at)
        self.publish_to_receipt.add(said.answered_at - said.sent_at)
        if not said.owed_at_start:
            self.said_to_receipt.add(said.answered_at - said.at)

    def as_json(self) -> dict[str, Any]:
        """The group's figures as JSON."""
        seconds = self.last_at - self.first_at
        return {
            "entries": self.entries,
            "answered": self.answered,
            "sent_again": self.again,
            "seconds": round(seconds, 2),
            "per_second": round(self.answered / seconds, 1) if seconds > 0 else None,
            "publish_to_puback_ms": self.publish_to_puback.as_json(),
            "puback_to_receipt_ms": self.puback_to_receipt.as_json(),
            "publish_to_receipt_ms": self.publish_to_receipt.as_json(),
            "said_to_receipt_ms": self.said_to_receipt.as_json(),
        }


@dataclass(frozen=True, slots=True)
class TableComparison:
    """Differences between the simulator's ledger and the inventory's table. All but `rows` must be 0."""

    rows: int
    missing: int  # Answered as applied, and not there.
    altered: int  # In the table with other values than dictated.
    wrong_state: int  # Valid although cancelled, or the other way round.
    twice: int  # Made from an utterance of which another entry was made too.
    unknown: int  # Never dictated, or never answered as applied.

    @property
    def agrees(self) -> bool:
        """Whether table and ledger agree."""
        return not (self.missing or self.altered or self.wrong_state or self.twice or self.unknown)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """All measurements of a simulation."""

    asked: Mapping[str, Any]
    machine: Mapping[str, Any]
    connect: Mapping[str, Any]
    backlog: Mapping[str, Any] | None
    live: Mapping[str, Any] | None
    links: Mapping[str, int]  # Cuts, reconnections, sessions that the broker had forgotten.
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    faults: Mapping[str, int]
    lost: int  # Without a final receipt in the end; with a database those besides that were applied and are not there.
    twice: int
    processes: Mapping[str, Mapping[str, float]]
    database: TableComparison | None = None

    @property
    def is_complete(self) -> bool:
        """Whether each entry has one final receipt, and the table agrees."""
        bad = _WORST & {name for name, count in self.faults.items() if count}
        return not (self.lost or self.twice or bad) and (self.database is None or self.database.agrees)

    def as_json(self) -> dict[str, Any]:
        """The result as JSON."""
        compared = None if self.database is None else {**asdict(self.database), "holds": self.database.agrees}
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "database": compared,
            "whole": self.is_complete,
        }


def render_result(result: LoadResult) -> Group:
    """Render the result as tables for the terminal."""
    parts = [_connections_table(result), _counts_and_latencies_table(result), _outcomes_table(result)]
    if result.processes:
        parts.append(_processes_table(result.processes))
    verdict = "Nothing lost, nothing twice." if result.is_complete else "NOT WHOLE: see above."
    return Group(*parts, verdict)


def _connections_table(result: LoadResult) -> Table:
    table = _new_table("what", "", title="Links")
    connect = result.connect
    table.add_row("devices connected", f"{connect['connected']:,} of {result.asked['devices']:,}")
    table.add_row("all of them after", f"{connect['seconds']:,.1f} s ({connect['per_second']:,.0f} a second)")
    spread = connect["handshake_ms"]
    table.add_row("from the first packet to SUBACK", _format_percentiles(spread))
    for name, count in result.links.items():
        table.add_row(name, f"{count:,}")
    return table


def _counts_and_latencies_table(result: LoadResult) -> Table:
    names = [name for name in ("backlog", "live") if getattr(result, name) is not None]
    table = _new_table("entries", *("owed at the start" if name == "backlog" else "said live" for name in names))
    parts: list[Mapping[str, Any]] = [getattr(result, name) for name in names]
    for label, key in (
        ("said", "entries"),
        ("with a final receipt", "answered"),
        ("sent more than once", "sent_again"),
    ):
        table.add_row(label, *(f"{part[key]:,}" for part in parts))
    table.add_row("first sent to last answered", *(f"{part['seconds']:,.1f} s" for part in parts))
    table.add_row("a second", *("-" if part["per_second"] is None else f"{part['per_second']:,.1f}" for part in parts))
    for label, key in (
        ("PUBLISH to PUBACK", "publish_to_puback_ms"),
        ("PUBACK to receipt", "puback_to_receipt_ms"),
        ("PUBLISH to receipt", "publish_to_receipt_ms"),
        ("said to receipt", "said_to_receipt_ms"),
    ):
        table.add_row(label, *(_format_percentiles(part[key]) for part in parts))
    return table


def _outcomes_table(result: LoadResult) -> Table:
    table = _new_table("in the end", "")
    rows: Iterable[tuple[str, int]] = [
        *((f"first answered: {name}", count) for name, count in sorted(result.outcomes.items())),
        *((f"because: {name}", count) for name, count in sorted(result.reasons.items())),
        *((f"fault: {name}", count) for name, count in sorted(result.faults.items())),
        ("lost", result.lost),
        ("twice", result.twice),
    ]
    for name, count in rows:
        table.add_row(name, f"{count:,}")
    if (compared := result.database) is not None:
        for name, count in asdict(compared).items():
            table.add_row(f"database: {name.replace('_', ' ')}", f"{count:,}")
    return table


def _processes_table(processes: Mapping[str, Mapping[str, float]]) -> Table:
    table = _new_table("process", "MB before", "MB at most", "kB a device", "cores, mean", "processor s")
    for name, one in processes.items():
        table.add_row(
            name,
            f"{one['mb_before']:,.1f}",
            f"{one['mb_most']:,.1f}",
            f"{one['kb_per_device']:,.1f}",
            f"{one['cores']:.2f}",
            f"{one['processor_s']:,.1f}",
        )
    return table


def _new_table(first: str, *others: str, title: str | None = None) -> Table:
    table = Table(first, box=SIMPLE_HEAD, title=title)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _format_percentiles(percentiles: Mapping[str, float]) -> str:
    if not percentiles:
        return "-"
    return f"{percentiles['p50']:,.1f} ms; 99 % {percentiles['p99']:,.1f}; longest {percentiles['max']:,.1f}"
