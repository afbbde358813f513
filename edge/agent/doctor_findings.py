"""Findings of `dockvoice doctor`: what a measured value means, and what to do about it. Pure.

The checks themselves reach into every room, so they are handed in. What they find is judged here, without reaching for
anything: figures in, findings out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from edge.errors import DockvoiceError, closed_to_us

MB = 1_000_000

RETIRING = timedelta(days=90)  # Warned so long ahead: a model wants to be tried on recordings before it is changed.

SLOW_SHARE = 0.5
"""A list of models costs a service nothing: one that takes half of the deadline for it will miss the deadline."""

WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))
"""First and last version of SQLite in which a checkpoint that races a write of another connection can damage the file
(https://www.sqlite.org/wal.html, "The WAL-Reset Bug")."""


class Level(IntEnum):
    """How bad it is."""

    WELL = 0
    WARNING = 1  # It works, and will not for ever.
    FAILED = 2  # It does not work.


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    what: str  # What was looked at: `journal`, `model gpt_audio`.
    level: Level
    found: str
    todo: str | None = None  # What a person is to do about it.


Check = Callable[[], Awaitable[Iterable[Finding]]]
"""Looks at one thing. What it raises of ours is a finding too, and so is what this user may not see."""


async def examine(checks: Mapping[str, Check]) -> list[Finding]:
    """Make every check, one after the other; one that fails does not keep the others from being made."""
    findings: list[Finding] = []
    for what, check in checks.items():
        try:
            findings.extend(await check())
        except DockvoiceError as fault:
            findings.append(failed(what, fault))
        except PermissionError as fault:
            findings.append(failed(what, closed_to_us(fault)))
    return findings


def failed(what: str, fault: DockvoiceError) -> Finding:
    """An error of ours as a finding: what stands behind the semicolon says what to do."""
    found, _, todo = str(fault).partition("; ")
    return Finding(what, Level.FAILED, found, todo or None)


def worst(findings: Iterable[Finding]) -> Level:
    """The level of the worst finding."""
    return max((finding.level for finding in findings), default=Level.WELL)


def sqlite(version: str) -> Finding:
    """Which SQLite keeps the journal."""
    first, last = WAL_RESET_BUG
    if first <= _numbers(version) <= last:
        todo = (
            "nothing while the agent alone writes the journal, as it does; open a copy of it where other programs "
            "want to write, and take a newer SQLite with the next system"
        )
        return Finding("sqlite", Level.WARNING, f"{version}: can damage a file that two programs write", todo)
    return Finding("sqlite", Level.WELL, version)


def disk(path: str, free: int, *, alarm_mb: float, stop_mb: float) -> Finding:
    """How much room the journal's disk has, in bytes."""
    found = f"{path}: {free / MB:,.0f} MB free"
    if free < stop_mb * MB:
        return Finding(
            "disk", Level.FAILED, f"{found}: nothing is recorded below {stop_mb:g}", "free space on its disk"
        )
    if free < alarm_mb * MB:
        return Finding("disk", Level.WARNING, f"{found}: recordings are removed below {alarm_mb:g}", "free space there")
    return Finding("disk", Level.WELL, found)


def clock(*, believed: bool) -> Finding:
    """Whether anything keeps this machine's clock right."""
    if believed:
        return Finding("clock", Level.WELL, "synchronised")
    todo = "set up systemd-timesyncd or chrony; until then events say that their time is doubtful"
    return Finding("clock", Level.WARNING, "nothing vouches for it", todo)


def waiting(*, dead: int, reviewed: int, flagged: int, deferred: int) -> Finding:
    """What in the journal waits for a person, or for a model."""
    letters = "dead letter" if dead == 1 else "dead letters"
    counts = {letters: dead, "under review": reviewed, "contradicted": flagged, "deferred": deferred}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if not told:
        return Finding("journal", Level.WELL, "whole, and nothing in it waits")
    return Finding("journal", Level.WARNING, f"whole; {told}", "look at `dockvoice queue list --held`")


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """What a service said about a model."""

    name: str  # What the settings call the interpreter or transcriber.
    model: str
    client: str
    seconds: float
    is_there: bool | None  # None where only a request would show.
    ends: date | None


def model(seen: ModelSeen, today: date, deadline_s: float) -> list[Finding]:
    """Is the model there, for how long, and is its service fast enough?"""
    what = f"model {seen.name}"
    if seen.is_there is False:
        todo = f"name one that is, in understand: model of {seen.name!r}; or deploy it"
        return [Finding(what, Level.FAILED, f"client {seen.client!r} serves no {seen.model}", todo)]
    findings = [_lifetime(what, seen, today)]
    if seen.seconds > deadline_s * SLOW_SHARE:
        found = f"client {seen.client!r} took {seen.seconds:.2f} s for next to nothing"
        todo = (
            f"too little is left of understand.deadline_ms ({deadline_s:g} s): look at the link, choose a nearer "
            "region, or name a fallback"
        )
        findings.append(Finding(what, Level.WARNING, found, todo))
    return findings


def _lifetime(what: str, seen: ModelSeen, today: date) -> Finding:
    todo = "choose its successor, and try that on your recordings: `dockvoice reread`, `dockvoice evaluate`"
    if seen.ends is not None and seen.ends <= today:
        return Finding(what, Level.FAILED, f"{seen.model} was shut down on {seen.ends}", todo)
    if seen.ends is not None and seen.ends - today <= RETIRING:
        return Finding(what, Level.WARNING, f"{seen.model} is shut down on {seen.ends}", todo)
    if seen.is_there is None:
        return Finding(what, Level.WELL, f"client {seen.client!r} answers; {seen.model} shows at the first utterance")
    until = f" until {seen.ends}" if seen.ends is not None else ""
    return Finding(what, Level.WELL, f"{seen.model} is there{until}, {seen.seconds * 1000:.0f} ms")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
