from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken import command_phrases
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.rough import commands_by_name, form_words
from edge.agent import doctor
from edge.agent.doctor import (
    Check,
    Finding,
    ModelCheckResult,
    Severity,
    find_worst,
    make_checks,
    reachable_broker_finding,
    run_checks,
)
from edge.config import Deliver, Settings, Understand
from edge.keep.journal import Journal
from edge.understand.local import factory, moonshine, weights, whisper
from tests.rows import each_of
from tests.shipped import ROOT

TODAY = date(2026, 11, 20)
WELL = Finding("disk", Severity.WELL, "room")


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
    assert asyncio.run(run_checks(checks)) == [
        Finding("form", Severity.FAILED, "form 'x': not among the forms", "name one that is"),
        Finding("broker", Severity.FAILED, "nobody listens", None),
        WELL,
    ]


def test_what_this_user_may_not_see_is_a_finding_too() -> None:
    closed = PermissionError(13, "Permission denied", "/var/lib/dockvoice/journal.db")
    found, other = asyncio.run(run_checks({"journal": raising(closed), "disk": made(WELL)}))
    assert (found.what, found.level) == ("journal", Severity.FAILED)
    assert found.found == "/var/lib/dockvoice/journal.db: Permission denied"
    assert "runuser -u" in str(found.todo)
    assert other == WELL


def test_a_journal_that_the_next_start_brings_up_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()  # as a kill within the first start leaves it
    look = make_checks(Settings(state_directory=tmp_path, site="north", device="dock-3"), TODAY)["journal"]
    (found,) = asyncio.run(run_checks({"journal": look}))
    assert (found.level, found.todo) == (Severity.WARNING, "start the agent once to bring it up")
    assert "journal.db: is empty" in found.found
    Journal.open(tmp_path).close()
    assert not any("empty" in found.found for found in asyncio.run(run_checks({"journal": look})))


def test_the_worst_counts() -> None:
    warning = Finding("clock", Severity.WARNING, "nothing vouches for it")
    failed = doctor.error_finding("journal", StorageFailed("damaged"))
    assert find_worst([]) is Severity.WELL
    assert find_worst([WELL, warning]) is Severity.WARNING
    assert find_worst([warning, failed, WELL]) is Severity.FAILED


@each_of(("version", "level"), [("3.6.23", Severity.WELL), ("3.40.1", Severity.WARNING), ("3.51.3", Severity.WELL)])
def test_versions_of_sqlite_that_two_writers_can_damage_are_named(version: str, level: Severity) -> None:
    found = doctor.sqlite_finding(version)
    assert (found.level, version in found.found) == (level, True)
    assert (found.todo is None) == (level is Severity.WELL)


@each_of(("free", "level"), [(80e6, Severity.FAILED), (200e6, Severity.WARNING), (600e6, Severity.WELL)])
def test_room_on_the_disk(free: int, level: Severity) -> None:
    assert doctor.disk_finding("/var", int(free), alarm_mb=500, stop_mb=100).level is level


def test_what_waits_is_counted() -> None:
    assert doctor.undone_decision_findings({}) == []
    (decisions,) = doctor.undone_decision_findings({"forged": 2, "late": 1})
    assert (decisions.level, decisions.found) == (Severity.WARNING, "not done: 2 forged, 1 late")
    assert doctor.waiting_finding(refused=0, dead=0, reviewed=0, flagged=0, deferred=0).level is Severity.WELL
    found = doctor.waiting_finding(refused=3, dead=1, reviewed=0, flagged=2, deferred=30)
    assert found.level is Severity.WARNING
    assert found.found == "whole; 3 refused, 1 dead letter, 2 contradicted, 30 deferred"


def seen(seconds: float = 0.1, *, is_there: bool | None = True, ends: date | None = None) -> ModelCheckResult:
    return ModelCheckResult("audio", "gpt-audio-mini", "openai", seconds, is_there, ends)


@each_of(
    ("model", "levels", "told"),
    [
        (seen(), [Severity.WELL], "gpt-audio-mini is there, 100 ms"),
        (seen(ends=date(2027, 1, 20)), [Severity.WARNING], "is shut down on 2027-01-20"),
        (seen(ends=date(2026, 11, 20)), [Severity.FAILED], "was shut down on 2026-11-20"),
        (seen(is_there=False), [Severity.FAILED], "'openai' serves no gpt-audio-mini"),
        (seen(is_there=None), [Severity.WELL], "shows at the first utterance"),
        (
            ModelCheckResult(
                "f", "gemini-2.5-flash", "g", 0.1, True, date(2026, 12, 1), ", says a page", "gemini-3.5-flash-lite"
            ),
            [Severity.WARNING],
            "gemini-2.5-flash is shut down on 2026-12-01, says a page",
        ),
        # A day that a page told may have been put off: a vendor's own word may not.
        (
            ModelCheckResult("f", "gemini-2.5-flash", "g", 0.1, None, date(2026, 10, 16), ", says a page"),
            [Severity.WARNING],
            "was shut down on 2026-10-16, says a page",
        ),
        (
            ModelCheckResult("v", "voxtral-small-2507", "m", 0.1, True, None, "", "s"),
            [Severity.WARNING],
            "is superseded",
        ),
        (seen(0.7), [Severity.WELL, Severity.WARNING], "took 0.70 s"),
    ],
)
def test_what_a_service_says_of_a_model(model: ModelCheckResult, levels: list[Severity], told: str) -> None:
    findings = doctor.model_findings(model, TODAY, 1.2)
    assert [one.level for one in findings] == levels
    assert told in findings[-1].found
    assert all((one.todo is None) == (one.level is Severity.WELL) for one in findings)


def test_a_link_that_others_can_read_is_refused_and_where_the_settings_allow_it_warned_of() -> None:
    open_link = Mqtt(host="10.0.0.7")
    settings = Settings(deliver=Deliver(mqtt=open_link))
    (found,) = asyncio.run(run_checks({"broker": make_checks(settings, TODAY)["broker"]}))
    assert (found.level, found.found) == (
        Severity.FAILED,
        "mqtt.tls: is false, and all that is said goes to 10.0.0.7 in the clear",
    )
    assert reachable_broker_finding("broker 10.0.0.7:1883", open_link.exposure).level is Severity.WARNING
    assert reachable_broker_finding("broker localhost:1883", Mqtt().exposure).level is Severity.WELL


KNOWN = "pallet number quantity units cases boxes pieces cartons dock ana anna ben"


def words_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: set[str], model: str = "small-en-us", **settings: Any
) -> Finding:
    """What the doctor finds of the words, with a recogniser that knows some."""
    (tmp_path / "graph").mkdir()
    listed = "".join(f"{word}\t{number}\n" for number, word in enumerate(sorted(words)))
    (tmp_path / "graph" / "words.txt").write_text(listed, encoding="utf-8")
    monkeypatch.setattr(factory, "locate", lambda one, _: tmp_path if one.name == model else None)
    settings["understand"] = {"model": model}
    (found,) = asyncio.run(run_checks({"words": make_checks(Settings(**settings), TODAY)["words"]}))
    return found


COMMANDS = {word for said in command_phrases() for word in said.split()}


@pytest.mark.parametrize(
    ("names", "level", "told"),
    [
        (["ben", "14"], Severity.WELL, "told apart; the recogniser knows them, and the 76 ways to say commands"),
        (["wojciech"], Severity.FAILED, "does not know 'wojciech'"),
        (["ana", "anna"], Severity.WARNING, "'ana' and 'anna'"),
    ],
)
def test_names_that_cannot_be_heard_or_told_apart_are_found(
    names: list[str], level: Severity, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators = {"operators": {name: f"op-{name}" for name in names}}
    found = words_of(tmp_path, monkeypatch, {*KNOWN.split(), *COMMANDS}, agree=operators)
    assert found.level is level
    assert told in found.found


@pytest.mark.parametrize(("spoken", "level"), [("zwinger", Severity.FAILED), ("zwinger|swinger", Severity.WELL)])
def test_a_name_of_a_dock_needs_a_way_that_the_recogniser_knows(
    spoken: str, level: Severity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docks.csv").write_text(f"value,spoken\nA,\nZ,{spoken}\n", encoding="utf-8")
    known = {*KNOWN.split(), *COMMANDS, "swinger"}
    found = words_of(tmp_path, monkeypatch, known, forms={"catalogue": tmp_path})
    assert found.level is level
    assert ("does not know 'zwinger'" in found.found) == (level is Severity.FAILED)


GERMAN = language_named("de")
MOVE = load_form(ROOT / "schemas" / "forms" / "pallet-move.schema.json")
SAID = [said for said, _ in form_words(MOVE, Catalogue.load(ROOT / "config" / "catalogue"), GERMAN)]
SAID += [said for ways in commands_by_name(GERMAN).values() for said in ways]
IN_GERMAN = {word for said in SAID for word in said.lower().split()}


@pytest.mark.parametrize(
    ("lacking", "level", "told"),
    [
        (set(), Severity.WELL, r"hears a way to say each of \d+$"),
        ({"stk", "fuenf"}, Severity.WELL, r"each of \d+; of their words not 'fuenf', 'stk'$"),
        ({"sieben"}, Severity.FAILED, r"cannot hear the number 7 \('sieben'\)$"),
        ({"tor", "dock", "rampe", "laderampe"}, Severity.FAILED, r"cannot hear the field 'dock' \("),
        ({"stornieren", "storniere"}, Severity.FAILED, r"cannot hear the command 'cancel' \("),
    ],
)
def test_what_a_recogniser_of_another_language_cannot_hear_is_told(
    lacking: set[str], level: Severity, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = words_of(tmp_path, monkeypatch, IN_GERMAN - lacking, "small-de")
    assert found.level is level, found
    assert re.search(told, found.found), found.found


@pytest.mark.skipif(not (whisper.is_installed() and moonshine.is_installed()), reason="a second recogniser is not here")
@pytest.mark.parametrize(
    ("length", "told", "todo"),
    [
        (
            4096,
            "tokenizer.json: cannot be loaded (",
            "remove the directory and run `dockvoice models get whisper-base`",
        ),
        (4095, "whisper-base: a file is missing or is not as long", "run `dockvoice models get whisper-base`"),
    ],
)
def test_damaged_weights_of_the_second_recogniser_are_found(length: int, told: str, todo: str, tmp_path: Path) -> None:
    model = weights.find_model("whisper-base")
    place = tmp_path / model.name
    place.mkdir()
    sizes = dict.fromkeys(model.files, 4096)
    for file in sizes:
        (place / file).write_bytes(bytes(length))
    note = {"archive": model.sources[0].zip_sha256, "tuned": model.tuned, "files": sizes}
    (place / weights.NOTE).write_text(json.dumps(note), encoding="utf-8")
    settings = Settings(understand=Understand(witness=True, models_directory=tmp_path))
    (found,) = asyncio.run(run_checks({"witness": make_checks(settings, TODAY)["witness"]}))
    assert found.level is Severity.WARNING
    assert told in found.found
    assert found.todo == todo
