# ruff: noqa: E501 - a row a case
"""`dockvoice epcis` on databases with a dock's entries, and what it writes before GS1's own JSON Schema."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from inventory.records import Applied
from inventory.repository import Store
from inventory.reviews.flags import FlagState
from inventory.store.tables import entries, events, flags
from tests.dictated import amended, cancelled, identity, recorded
from tests.epcis import MAPPING, RECEIVED, SAID, SCHEMA, a_day, by_gs1, exported, with_urns
from tests.epcis.broken import whole
from tests.processes.command import called, dockvoice
from tests.rows import every
from tests.store import reader


def of_form(event: dict[str, Any], form: str, fields: dict[str, Any]) -> dict[str, Any]:
    event["subject"] = event["data"]["form"] = form
    if "fields" in event["data"]:
        event["data"]["fields"] = fields
    return event


def a_real_day(url: str, repository: Path, first: int = 1) -> None:
    """What devices said, judged and applied as the consumer does: some of each form, corrected, cancelled, struck."""
    read = reader(repository)
    said = [(form, dict(fields)) for form, fields in SAID.items() if form != "cycle-count"]
    came = [of_form(recorded(first + at), form, fields) for at, (form, fields) in enumerate(said)]
    at = first + len(said)
    came += [
        of_form(recorded(at), "receive", {**RECEIVED, "pallet_id": "742"}),
        of_form(amended(at + 1, first), "receive", {**SAID["receive"], "quantity": 23}),
        of_form(cancelled(at + 2, first + 1), "receive-notice", {}),
        of_form(recorded(at + 3), "gate-in", {"trailer": "5501", "sealed": True}),
    ]
    with closing(Store.open(url)) as store:
        for event in came:
            assert isinstance(applied := store.apply(read(event)), Applied), applied


def strike(url: str, number: int) -> None:
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    row: dict[str, Any] = {
        "event_id": identity(1, number),
        "rule": "duplicate_pallet",
        "site": "north",
        "device": "dock-3",
    }
    row |= {"reason": "already_received:dock-4", "flagged_at": at, "state": "open"}
    with closing(Store.open(url)) as store, store.engine.begin() as transaction:
        transaction.execute(insert(flags).values(**row))
    with closing(Store.open(url)) as store:
        store.flags.decide(identity(1, number), FlagState.STRUCK, "bo", "said twice")


def export(url: str, *arguments: str | Path, capfd: pytest.CaptureFixture[str]) -> subprocess.CompletedProcess[str]:
    return called("epcis", "--database", url, "export", "--mapping", MAPPING, *arguments, capfd=capfd)


def told(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))["epcisBody"]["eventList"]
    return found


def all_of_it(url: str) -> list[Any]:
    with closing(Store.open(url)) as store, store.engine.begin() as transaction:
        return [transaction.execute(select(table)).all() for table in (events, entries, flags)]


def test_a_days_entries_are_exported_and_what_has_no_name_is_told_and_counted(
    url: str, repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    a_real_day(url, repository)
    strike(url, 4)
    before = all_of_it(url)
    out, later = tmp_path / "first.jsonld", tmp_path / "second.jsonld"
    ended = export(url, "--out", out, capfd=capfd)
    assert ended.returncode == 1
    assert "found '742' with 3 digits, a SSCC has 18" in ended.stderr
    assert (
        "13 events of 10 entries; 3 of them error declarations; left out: gate-in 1; 1 refused: pallet 1"
        in ended.stderr
    )
    assert [*by_gs1().iter_errors(json.loads(out.read_text(encoding="utf-8")))] == []
    reasons = [one["errorDeclaration"]["reason"] for one in told(out) if "errorDeclaration" in one]
    assert sorted(reasons) == ["did_not_occur", "did_not_occur", "incorrect_data"]

    checked = called("epcis", "check", out, "--mapping", MAPPING, "--schema", SCHEMA, capfd=capfd)
    assert (checked.returncode, checked.stdout) == (0, f"{out}: it holds, with 13 events\n")

    again = export(url, "--out", later, "--known", out, "--json", capfd=capfd)
    assert told(later) == []
    refusal, counts = map(json.loads, again.stderr.splitlines())
    assert (refusal["device"], refusal["code"]) == ("dock-3", "pallet")
    assert (counts["events"], counts["before"], counts["refused"]) == (0, 13, 1)
    assert all_of_it(url) == before, "the database stays as it is"


def test_a_second_export_tells_what_came_and_what_was_corrected_since(
    url: str, repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    read, first, second = reader(repository), tmp_path / "1.jsonld", tmp_path / "2.jsonld"
    with closing(Store.open(url)) as store:
        store.apply(read(of_form(recorded(1), "receive", dict(RECEIVED))))
    assert export(url, "--out", first, capfd=capfd).returncode == 0
    with closing(Store.open(url)) as store:
        store.apply(read(of_form(amended(2, 1), "receive", {**RECEIVED, "quantity": 23})))
    assert export(url, "--out", second, "--known", first, capfd=capfd).returncode == 0
    declared, right = told(second)
    assert declared["errorDeclaration"]["correctiveEventIDs"] == [right["eventID"]]
    assert called("epcis", "check", first, second, capfd=capfd).returncode == 0
    assert called("epcis", "check", second, "--known", first, capfd=capfd).returncode == 0
    alone = called("epcis", "check", second, capfd=capfd)
    assert alone.returncode == 1
    assert "is no event of these files; name the one that has it (unknown_event)" in alone.stdout


def test_without_a_file_the_document_alone_is_on_standard_output(repository: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    a_real_day(url, repository)
    ended = dockvoice("epcis", "export", "--mapping", MAPPING, "--database", url)
    assert [*by_gs1().iter_errors(json.loads(ended.stdout))] == []
    assert "refused: north/dock-3 9: pallet_id: found '742'" in ended.stderr


def test_what_cannot_be_is_told_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    url, there, broken_json = f"sqlite:///{tmp_path / 'inventory.db'}", tmp_path / "there", tmp_path / "broken"
    Store.open(url).close()
    there.touch()
    misspelt = tmp_path / "misspelt.toml"
    misspelt.write_text(
        MAPPING.read_text(encoding="utf-8").replace('read_point = "dock"', 'read_point = "dok"'), encoding="utf-8"
    )
    broken_json.write_text('{"a": 1, "a": 2}', encoding="utf-8")
    rows: dict[str, tuple[list[str | Path], int, str]] = {
        "no mapping": (["export", "--database", url], 2, "--mapping"),
        "an absent mapping": (["export", "--mapping", tmp_path / "no.toml"], 66, "no such file; name the mapping"),
        "a field that no form has": (
            ["export", "--mapping", misspelt, "--database", url], 78, "forms.pallet-move.read_point: found 'dok', the form has dock",
        ),
        "no database": (["export", "--mapping", MAPPING, "--database", f"sqlite:///{tmp_path}/no.db"], 66, "no such database"),
        "a file that is there": (["export", "--mapping", MAPPING, "--database", url, "--out", there], 66, "exists already"),
        "a folder that is not": (
            ["export", "--mapping", MAPPING, "--database", url, "--out", tmp_path / "no" / "out"], 66, "cannot be written",
        ),
        "an unknown site": (["export", "--mapping", MAPPING, "--site", "south"], 2, "the mapping has north"),
        "a known file that is none": (["export", "--mapping", MAPPING, "--known", there], 66, "must be an EPCIS document"),
        "a known file without events": (["check", there, "--known", MAPPING], 66, "must be an EPCIS document"),
        "no file": (["check"], 2, "FILE"),
        "an absent file": (["check", tmp_path / "none"], 66, "cannot be read (No such file or directory)"),
        "a member twice": (["check", broken_json], 66, "a key stands twice in one object"),
        "a zone that is none": (["check", there, "--zone", "Berlin"], 2, "such as Europe/Berlin"),
        "a schema that is none": (["check", there, "--schema", there], 66, "must be an EPCIS document"),
    }  # fmt: skip

    def look(row: tuple[list[str | Path], int, str]) -> None:
        arguments, code, words = row
        ended = called("epcis", *arguments, capfd=capfd)
        assert (ended.returncode, words in ended.stderr) == (code, True), ended.stderr
        assert "Traceback" not in ended.stderr

    every(rows, look)
    assert not (tmp_path / "out.part").exists()


def test_an_empty_database_gives_an_empty_document(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    Store.open(url).close()
    ended = export(url, "--out", tmp_path / "out", capfd=capfd)
    assert (ended.returncode, told(tmp_path / "out")) == (0, [])
    assert "0 events of 0 entries" in ended.stderr


def test_a_file_with_many_faults_is_told_up_to_a_hundred_and_to_programs_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    document = exported(a_day())[0]
    document["epcisBody"]["eventList"] = [{"type": "ObjectEvent"}] * 50
    file = tmp_path / "many.jsonld"
    file.write_text(json.dumps(document), encoding="utf-8")
    for_people = called("epcis", "check", file, capfd=capfd).stdout.splitlines()
    assert len(for_people) == 101
    assert for_people[-1] == f"{file}: and 150 more"
    for_programs = [
        json.loads(line) for line in called("epcis", "check", file, "--json", capfd=capfd).stdout.splitlines()
    ]
    assert len(for_programs) == 250
    assert {one["rule"] for one in for_programs} == {"missing", "nothing"}


def test_what_is_exported_is_valid_against_the_schema_of_gs1_whatever_form_and_writing() -> None:
    for names in (None, with_urns()):
        document, _, _ = exported(a_day(), names)
        assert [*by_gs1().iter_errors(document)] == []
        assert len(document["epcisBody"]["eventList"]) > 10
    assert [*by_gs1().iter_errors(whole())] == []
