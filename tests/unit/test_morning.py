"""The morning list: which entries come first, what another reading changes, and what a model is asked and not asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading, Usage
from edge.cli import morning
from edge.cli.morning import commands
from edge.config import Settings
from edge.keep.journal import Journal
from edge.records import Recording
from edge.understand.weighing import EntryUtterance, measure_doubt
from tests.fakes import ScriptedInterpreter
from tests.sayings import ACCEPT, FIELDS, NOON, entry, render, utterance

MOVE: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}


def read(sure: float | Mapping[str, float], reader: str = "vosk", **other: FieldValue) -> Reading:
    """A reading of these values, so sure; with others where given."""
    values = {**MOVE, **other}
    confidence = dict.fromkeys(values, sure) if isinstance(sure, float) else sure
    fields = {name: FieldReading(value, (str(value),), confidence[name]) for name, value in values.items()}
    return Reading(reader, "pallet-move", (), fields)


def measured(recorded: Reading, *others: Reading, fields: Mapping[str, FieldValue] = MOVE) -> float:
    return measure_doubt(fields, (EntryUtterance("u", recorded, others),)).measure


def test_what_was_heard_otherwise_is_doubted_the_more_the_surer_that_was_and_the_less_sure_the_record() -> None:
    ordered = [
        measured(read(0.99), read(0.99)),  # two agree
        measured(read(0.99), read(0.95, quantity=13), read(0.95, "other")),  # two against one
        measured(read(0.99)),
        measured(read(0.8), read(0.95)),
        measured(read(0.99), read(0.8, quantity=13)),
        measured(read(0.99), read(0.95, quantity=13)),
        measured(read(0.8), read(0.95, quantity=13)),
        measured(read(0.8), read(0.95, quantity=13), read(0.95, "other", quantity=13)),
    ]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) == len(ordered)
    assert all(0.0 <= one <= 1.0 for one in ordered)


def test_spelling_is_no_difference_and_who_heard_nothing_of_a_field_says_nothing_of_it() -> None:
    only_dock = replace(read(0.95), fields={"dock": FieldReading("b", ("b",), 0.95)})
    assert measure_doubt(MOVE, (EntryUtterance("u", read(0.9), (only_dock,)),)).otherwise == ()
    nothing = read(0.95, quantity=13)
    unread = replace(nothing, not_understood=NotUnderstoodReason.NO_WORDS)
    assert measured(read(0.9), unread) == measured(read(0.9))


def test_a_correction_is_held_against_what_was_heard_of_the_correction() -> None:
    """ "Twelve", "no, fifteen": another ear hears both, and doubts nothing."""
    corrected = {**MOVE, "quantity": 15}
    first = EntryUtterance("u1", read(0.9, quantity=15), (read(0.95),))
    said = FieldReading(15, ("fifteen",), 0.9)
    amended = Reading("vosk", "pallet-move", (), {"quantity": said}, act=Act.AMEND)
    heard = replace(amended, interpreter="other")
    assert measure_doubt(corrected, (first, EntryUtterance("u2", amended, (heard,)))).otherwise == ()
    misheard = replace(heard, fields={"quantity": replace(said, value=50)})
    (other,) = measure_doubt(corrected, (first, EntryUtterance("u2", amended, (misheard,)))).otherwise
    assert (other.field, other.recorded, other.other_value, other.utterance_id) == ("quantity", 15, 50, "u2")


def test_what_was_said_once_for_many_entries_is_not_doubted_in_each_and_what_was_not_recorded_is() -> None:
    taken = FieldReading("B", (), 1.0, said_in=("u0",))
    recorded = replace(read(0.95), fields={**read(0.95).fields, "dock": taken})
    assert measure_doubt(MOVE, (EntryUtterance("u", recorded, (read(0.99, dock="C"),)),)).otherwise == ()
    (other,) = measure_doubt(MOVE, (EntryUtterance("u", read(0.95), (read(0.9, damaged="yes"),)),)).otherwise
    assert (other.field, other.recorded, other.other_value) == ("damaged", None, "yes")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Three entries, heard alike surely; the second was corrected in a second utterance, the third replaced."""
    with Journal.open(tmp_path) as journal:
        for number in range(3):
            said = utterance(number)
            meant = replace(entry(said, journal.store_utterance(said)), fields=MOVE, reading=read(0.9))
            if number == 1:
                more = utterance(10)
                kept = journal.store_utterance(more)
                meant = replace(meant, support=(Recording(more.utterance_id, kept.sha256, kept.seconds),))
            journal.commit(meant, replace(ACCEPT, fields=MOVE), render)
        said = utterance(5)
        latest = journal.queries.entries(1)[0]
        again = replace(
            entry(said, journal.store_utterance(said)), act=Act.AMEND, replaces=latest.event_id, reading=read(0.9)
        )
        journal.commit(again, replace(ACCEPT, fields=FIELDS), render)
    return tmp_path


def settings(state: Path, **understand: Any) -> Settings:
    client = {"mine": {"kind": "self-hosted", "url": "http://127.0.0.1:9"}}
    reader = {"best": {"kind": "chat-audio", "client": "mine", "model": "m"}}
    asked = {"clients": client, "interpreters": reader, **understand}
    return Settings.model_validate({"state_directory": state, "understand": asked})


def again(state: Path, reads: ScriptedInterpreter, most_usd: float = 1.0) -> morning.MorningList:
    with Journal.inspect(state) as journal, pytest.MonkeyPatch.context() as patched:
        patched.setattr("edge.cli.morning.make_interpreter", lambda *_: reads)
        found = morning.rank_entries(journal.readings, NOON)
        asyncio.run(morning.read_again_and_rank(settings(state), "best", journal.readings, found, most_usd))
    return found


def test_the_entry_that_the_model_hears_otherwise_comes_first(state: Path) -> None:
    with Journal.inspect(state) as journal:
        assert [one.entry.sequence for one in morning.rank_entries(journal.readings, NOON).entries] == [1, 2, 4]
    reads = ScriptedInterpreter(read(0.95), read(0.95, quantity=13), read(0.95), read(0.95))
    found = again(state, reads)
    assert found.entries[0].entry.sequence == 2
    assert (found.read_again, found.unread) == (4, 0)
    (other,) = found.entries[0].doubt.otherwise
    assert (other.field, other.other_value, other.interpreter) == ("quantity", 13, "vosk")


def test_no_model_is_asked_for_more_than_may_be_spent_nor_for_what_is_no_more(state: Path) -> None:
    paid = replace(read(0.95), usage=Usage("mine", "m", 0, 0, 0, 1.0, cost_usd=0.6))
    found = again(state, ScriptedInterpreter(*[paid] * 4))
    assert (found.read_again, found.unread, found.spent_usd) == (2, 2, 1.2)
    for file in (state / "evidence").glob("*/*.flac"):
        file.unlink()
    found = again(state, ScriptedInterpreter())
    assert (found.read_again, found.unread) == (0, 4)


def test_the_command_tells_people_and_programs(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = ScriptedInterpreter(read(0.95, "best"), read(0.95, "best", quantity=13), *[read(0.95, "best")] * 2)
    monkeypatch.setattr("edge.cli.morning.make_interpreter", lambda *_: reads)
    monkeypatch.setattr("edge.cli.morning.load_settings_with_options", lambda *_, **__: settings(state, morning="best"))
    since = ["--since", "2026-11-20T00:00"]
    told = CliRunner().invoke(commands, [*since, "--json", "--limit", "1"])
    assert told.exit_code == 0, told.output
    line = json.loads(told.stdout.splitlines()[-1])
    assert (line["sequence"], line["fields"], line["otherwise"][0]["heard"]) == (2, MOVE, 13)
    monkeypatch.setattr("edge.cli.morning.load_settings_with_options", lambda *_, **__: settings(state))
    shown = CliRunner().invoke(commands, since)
    assert "nothing was read again: understand.morning names no model" in shown.stdout
    assert "3 of 3 entries" in shown.stdout
