from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date

import pytest

from edge.agent import doctor_findings
from edge.agent.doctor_findings import Check, Finding, Level, ModelSeen, examine, worst
from edge.errors import Misconfigured, StorageFailed, Unavailable

TODAY = date(2026, 11, 20)
WELL = Finding("disk", Level.WELL, "room")


def made(*findings: Finding) -> Check:
    async def check() -> Iterable[Finding]:
        return findings

    return check


def raising(fault: Exception) -> Check:
    async def check() -> Iterable[Finding]:
        raise fault

    return check


def test_a_check_that_fails_is_a_finding_and_keeps_no_other_from_being_made() -> None:
    checks = {
        "form": raising(Misconfigured("form 'x': not among the forms; name one that is")),
        "broker": raising(Unavailable("nobody listens")),
        "disk": made(WELL),
    }
    assert asyncio.run(examine(checks)) == [
        Finding("form", Level.FAILED, "form 'x': not among the forms", "name one that is"),
        Finding("broker", Level.FAILED, "nobody listens", None),
        WELL,
    ]


def test_what_this_user_may_not_see_is_a_finding_too() -> None:
    closed = PermissionError(13, "Permission denied", "/var/lib/dockvoice/journal.db")
    found, other = asyncio.run(examine({"journal": raising(closed), "disk": made(WELL)}))
    assert (found.what, found.level) == ("journal", Level.FAILED)
    assert found.found == "/var/lib/dockvoice/journal.db: Permission denied"
    assert "sudo -u" in str(found.todo)
    assert other == WELL


def test_what_is_no_fault_of_the_installation_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(examine({"disk": raising(ZeroDivisionError())}))


def test_the_worst_counts() -> None:
    warning = Finding("clock", Level.WARNING, "nothing vouches for it")
    failed = doctor_findings.failed("journal", StorageFailed("damaged"))
    assert worst([]) is Level.WELL
    assert worst([WELL, warning]) is Level.WARNING
    assert worst([warning, failed, WELL]) is Level.FAILED


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.6.23", Level.WELL),
        ("3.7.0", Level.WARNING),
        ("3.40.1", Level.WARNING),
        ("3.51.2", Level.WARNING),
        ("3.51.3", Level.WELL),
        ("4.0.0", Level.WELL),
    ],
)
def test_versions_of_sqlite_that_two_writers_can_damage_are_named(version: str, level: Level) -> None:
    found = doctor_findings.sqlite(version)
    assert (found.level, version in found.found) == (level, True)
    assert (found.todo is None) == (level is Level.WELL)


@pytest.mark.parametrize(("free", "level"), [(80e6, Level.FAILED), (200e6, Level.WARNING), (600e6, Level.WELL)])
def test_room_on_the_disk(free: int, level: Level) -> None:
    assert doctor_findings.disk("/var", int(free), alarm_mb=500, stop_mb=100).level is level


def test_a_clock_that_nobody_vouches_for() -> None:
    assert doctor_findings.clock(believed=True).level is Level.WELL
    assert "chrony" in str(doctor_findings.clock(believed=False).todo)


def test_what_waits_is_counted() -> None:
    assert doctor_findings.waiting(dead=0, reviewed=0, flagged=0, deferred=0).level is Level.WELL
    found = doctor_findings.waiting(dead=1, reviewed=0, flagged=2, deferred=30)
    assert found.level is Level.WARNING
    assert found.found == "whole; 1 dead letter, 2 contradicted, 30 deferred"


def seen(seconds: float = 0.1, *, is_there: bool | None = True, ends: date | None = None) -> ModelSeen:
    return ModelSeen("audio", "gpt-audio-mini", "openai", seconds, is_there, ends)


@pytest.mark.parametrize(
    ("model", "levels", "told"),
    [
        (seen(), [Level.WELL], "gpt-audio-mini is there, 100 ms"),
        (seen(ends=date(2027, 3, 1)), [Level.WELL], "is there until 2027-03-01"),
        (seen(ends=date(2027, 1, 20)), [Level.WARNING], "is shut down on 2027-01-20"),
        (seen(ends=date(2026, 11, 20)), [Level.FAILED], "was shut down on 2026-11-20"),
        (seen(is_there=False), [Level.FAILED], "'openai' serves no gpt-audio-mini"),
        (seen(is_there=None), [Level.WELL], "shows at the first utterance"),
        (seen(0.7), [Level.WELL, Level.WARNING], "took 0.70 s"),
    ],
)
def test_what_a_service_says_of_a_model(model: ModelSeen, levels: list[Level], told: str) -> None:
    findings = doctor_findings.model(model, TODAY, 1.2)
    assert [one.level for one in findings] == levels
    assert told in findings[-1].found
    assert all((one.todo is None) == (one.level is Level.WELL) for one in findings)
