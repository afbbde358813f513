"""What was erased is in no file any more, and the chain still holds; what is still needed stays."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.errors import Unfinished, UnreadableInput
from dockvoice_protocol.events import parse_event, to_json_bytes
from dockvoice_protocol.hash_chain import BadEvent, DefectKind, is_whole_event_signed
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, ShiftChange, ShiftEvent, Word
from edge.cli.audit import commands
from edge.deliver.device_events import entry_event, withheld_event
from edge.keep import audit
from edge.keep.audit import ERASED
from edge.keep.database import JOURNAL
from edge.keep.entry_log import ENTRIES
from edge.keep.journal import Journal
from edge.keep.signed import StoredClip
from edge.records import OutboxRow, Recording, Utterance, Verdict
from tests.sayings import ACCEPT, ASK, IGNORE, READ, database, entry, utterance

NAME = "Zdzislawa"
SECRETS = (b"Zdzislawa", b"Wurzelbrunft", b"9876543210123")  # A name, a word and a value, which stand in no program.

SPOKEN = Reading(
    *("test", "pallet-move", (Word("Wurzelbrunft", 0.1, 0.4, 1.0),)),
    {"pallet_id": FieldReading("9876543210123", ("Wurzelbrunft",), 0.98)},
)
FIELDS: dict[str, FieldValue] = {"pallet_id": "9876543210123", "quantity": 12, "dock": "B"}
erased_by = partial(withheld_event, reason="erased")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Five entries, the third the one of somebody else; all delivered but the fifth."""
    with Journal.open(tmp_path) as opened:
        for number in range(5):
            row = dictate(opened, number, operator="other" if number == 2 else NAME)
            if number < 4:
                opened.outbox.settle(row.event_id, None)
        yield opened


def dictate(journal: Journal, number: int, operator: str) -> OutboxRow:
    said, answer = utterance(2 * number), utterance(2 * number + 1)
    answered = journal.store_utterance(answer)
    mine = operator == NAME
    journal.conclude(answer.utterance_id, SPOKEN if mine else READ, replace(ASK, fields=FIELDS) if mine else ASK)
    rests_on = (Recording(answer.utterance_id, answered.sha256, answered.seconds),)
    plain = entry(said, journal.store_utterance(said))
    meant = replace(plain, operator=operator, support=rests_on)
    if mine:
        meant = replace(meant, fields=FIELDS, reading=SPOKEN)
    journal.readings.store_answer(said.utterance_id, "a model", "late", meant.reading, None)
    verdict: Verdict = replace(ACCEPT, fields=meant.fields)
    return journal.commit(meant, verdict, partial(entry_event, meant, site="hall", device="dock-1"))


def found(directory: Path) -> list[str]:
    """Every file in which one of the secrets stands."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    holding = {path.name for path in files if any(secret in path.read_bytes() for secret in SECRETS)}
    return sorted(holding)


def recordings(directory: Path) -> int:
    return len(list((directory / "evidence").glob("*/*.flac")))


def test_nothing_of_an_operator_is_left_in_any_file_and_the_chain_holds(journal: Journal, tmp_path: Path) -> None:
    assert ENTRIES in found(tmp_path)
    journal.outbox.settle(str(journal.outbox.last_event().event_id), None)  # type: ignore[union-attr]
    before = [one.link for one in journal.trail.events()]
    with database(journal).writing():
        for who in (NAME, "other"):
            journal.shifts.store_change(ShiftEvent(who, ShiftChange.ON))
    first = next(journal.queries.histories()).utterance_id
    journal.clips.store(
        StoredClip("r", first, "0" * 64, sound=True, who="ana", reason=NAME, asked_at="then", body="{}")
    )
    erased = journal.erasing.erase_operator(NAME, "clerk", erased_by)
    assert (erased.utterances, erased.entries, erased.waiting, erased.left) == (8, 4, (), ())
    assert found(tmp_path) == []
    assert [one.operator for one in journal.shifts.shifts_and_breaks(10)] == ["other"]
    assert journal.clips.latest_listener(None) is None
    assert journal.clips.load_due(9) == []
    assert recordings(tmp_path) == 2
    report = audit.verify(journal.trail)
    assert (report.broken, report.events) == (None, 5)
    assert [(span.keyid, span.first, span.last) for span in report.erased] == [("clerk", 1, 2), ("clerk", 4, 5)]
    assert [one.link for one in journal.trail.events()] == before
    dictate(journal, 5, "other")
    journal.close()
    assert found(tmp_path) == []
    with Journal.open(tmp_path) as again:
        assert audit.verify(again.trail).events == 6
        assert found(tmp_path) == []


def test_all_before_a_day_also_what_led_to_no_entry(journal: Journal, tmp_path: Path) -> None:
    journal.outbox.settle(str(journal.outbox.last_event().event_id), None)  # type: ignore[union-attr]
    said = utterance(30)
    journal.store_utterance(said)
    journal.conclude(said.utterance_id, SPOKEN, replace(IGNORE, fields=FIELDS))
    later: Utterance = replace(utterance(31), heard_at=datetime(2027, 1, 1, tzinfo=UTC))
    journal.store_utterance(later)
    journal.conclude(later.utterance_id, READ, ASK)
    with database(journal).writing():
        journal.shifts.store_change(ShiftEvent("op-17", ShiftChange.ON))
        database(journal).execute("UPDATE shifts SET at = '2026-11-30T06:00:00+00:00'")
        journal.shifts.store_change(ShiftEvent("op-18", ShiftChange.ON))
        database(journal).execute("UPDATE shifts SET at = '2027-01-01T06:00:00+00:00' WHERE operator = 'op-18'")
    erased = journal.erasing.erase_before(datetime(2026, 12, 1, tzinfo=UTC), "clerk", erased_by)
    assert (erased.utterances, erased.entries) == (11, 5)
    assert [one.operator for one in journal.shifts.shifts_and_breaks(10)] == ["op-18"]
    assert found(tmp_path) == []
    assert recordings(tmp_path) == 1


def test_what_is_owed_waits(journal: Journal, tmp_path: Path) -> None:
    erased = journal.erasing.erase_operator(NAME, "clerk", erased_by)
    assert erased.entries == 3
    assert erased.waiting[0] == "5"
    assert journal.queries.history("5").operator == NAME
    assert audit.verify(journal.trail).broken is None


def test_an_inventory_that_lost_it_gets_a_tombstone(journal: Journal, tmp_path: Path) -> None:
    journal.erasing.erase_entry(journal.queries.history("2").utterance_id, "clerk", erased_by)
    journal.outbox.reopen(2, 2)
    (row, *_) = journal.outbox.load_due(1)
    event = parse_event(row.body.encode())
    assert (event["sequence"], event["data"]["reason"]) == ("2", "erased")
    assert not any(secret in to_json_bytes(event) for secret in SECRETS)
    assert is_whole_event_signed(event, journal.public_key, [journal.public_key], withheld=True)
    journal.close()
    (tmp_path / JOURNAL).write_bytes(b"rubbish" * 1000)
    with Journal.open(tmp_path) as rebuilt:  # from entries.log
        assert json.loads(rebuilt.outbox.load_due(2)[1].body)["data"]["reason"] == "erased"


@pytest.mark.parametrize("step", ["replace", "compact", "remove_recordings"])
def test_a_kill_in_the_middle_is_brought_to_its_end(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    where: dict[str, object] = {
        "replace": journal._entries._entry_log,
        "compact": database(journal),
        "remove_recordings": journal.retention,
    }
    which = journal.queries.history("2").utterance_id

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(where[step], step, killed)
        journal.erasing.erase_entry(which, "clerk", erased_by)
    assert (tmp_path / "journal.erasing").exists()
    journal.close()
    with Journal.open(tmp_path) as again:
        assert not (tmp_path / "journal.erasing").exists()
        assert audit.verify(again.trail).broken is None
        again.erasing.erase_entry(which, "clerk", erased_by)
        again.erasing.erase_operator(NAME, "clerk", erased_by)
        assert audit.verify(again.trail).broken is None
        assert ERASED in (again.queries.history("2").event or {})


def test_a_reader_beside_it_is_told_of_and_the_next_start_goes_on(journal: Journal, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        with pytest.raises(Unfinished, match="another program reads it"):
            journal.erasing.erase_entry(journal.queries.history("1").utterance_id, "clerk", erased_by)
    journal.close()
    Journal.open(tmp_path).close()
    assert not (tmp_path / "journal.erasing").exists()


def altered(change: Callable[[dict[str, object]], object], journal: Journal) -> None:
    (row,) = database(journal).rows("SELECT body FROM outbox WHERE sequence = 2")
    stub = json.loads(row["body"])
    change(stub[ERASED])
    database(journal).execute(
        "UPDATE outbox SET body = ? WHERE sequence = 2", [json.dumps(stub, separators=(",", ":"))]
    )


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"by": "nobody"}, DefectKind.ERASURE_FORGED),
        ({"at": "2020-01-01"}, DefectKind.ERASURE_FORGED),
        ({"event_sha256": "0" * 64}, DefectKind.ALTERED),
    ],
)
def test_what_is_said_of_an_erasure_cannot_be_altered(
    journal: Journal, change: dict[str, str], wrong: DefectKind
) -> None:
    journal.erasing.erase_entry(journal.queries.history("2").utterance_id, "clerk", erased_by)
    altered(lambda told: told.update(change), journal)
    assert audit.verify(journal.trail).broken == BadEvent(2, wrong)


def test_the_command(journal: Journal, tmp_path: Path) -> None:
    journal.close()

    told = CliRunner().invoke(commands, ["erase", "--operator", NAME, "--state", str(tmp_path)])
    assert told.stdout == "erased: 6 utterances, 3 entries of them\n"
    assert isinstance(told.exception, Unfinished)
    assert "not erased yet: 5" in str(told.exception)
    told = CliRunner().invoke(commands, ["erase", "--entry", "3", "--state", str(tmp_path)])
    assert (told.exit_code, told.stdout) == (0, "erased: 2 utterances, 1 entry of them\n")
    (tmp_path / "journal.broken-1.db").touch()
    told = CliRunner().invoke(commands, ["erase", "--before", "2026-01-01", "--state", str(tmp_path)])
    assert "journal.broken-1.db" in str(told.exception)
    assert CliRunner().invoke(commands, ["erase", "--state", str(tmp_path)]).exit_code == 2
    told = CliRunner().invoke(commands, ["erase", "--entry", "none", "--state", str(tmp_path)])
    assert isinstance(told.exception, UnreadableInput)
    told = CliRunner().invoke(commands, ["verify", "--state", str(tmp_path)])
    assert told.exit_code == 0
    assert "1 to 4: erased by " in told.stdout
