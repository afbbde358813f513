"""Words that a form does not know: what is counted of them, what one more would change, and when no file is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldValue
from edge.agent.learning import WordRole, add_word_to_form
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules, decide
from edge.cli.forms import commands
from edge.keep.journal import Journal
from edge.records import ClosedBy, Outcome
from tests.fakes import ScriptedInterpreter, reading
from tests.sayings import ACCEPT, entry, render, utterance

DOOR = "pallet 742, twelve units, door 2"
COLLI = "pallet seven four two, twelve colli, dock B"
WHOLE = "pallet 742, twelve units, dock B"
TALK = "the forklift at door 7 is broken"
ENTRY: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}
FORM = "schemas/forms/pallet-move.schema.json"


def spoken(directory: Path, rules: Rules, said: Sequence[str | tuple[str, dict[str, FieldValue]]]) -> None:
    """A journal of these; what comes with fields is on record with them."""
    with Journal.open(directory) as journal:
        for number, one in enumerate(said):
            text, fields = (one, None) if isinstance(one, str) else one
            reading, heard = parse_typed(text, rules), utterance(number)
            kept = journal.store_utterance(heard)
            verdict = decide(reading, ClosedBy.PAUSE, rules)
            if fields is None and verdict.outcome is Outcome.ACCEPT:
                fields = dict(verdict.fields)
            if fields is None:
                journal.conclude(heard.utterance_id, reading, verdict)
            else:
                meant = replace(entry(heard, kept), fields=fields, reading=reading)
                journal.commit(meant, replace(ACCEPT, fields=fields), render)


def run(directory: Path, *arguments: str, **more: Any) -> Any:
    since = ["--since", "2026-11-20T00:00", "--state", str(directory)]
    return CliRunner().invoke(commands, [*arguments, *since], **more)


def test_what_nothing_explains_is_grouped_by_what_it_stands_beside(tmp_path: Path, rules: Rules) -> None:
    recorded = (COLLI, ENTRY)
    spoken(tmp_path, rules, [DOOR, WHOLE, DOOR.replace("2", "bravo"), TALK, recorded, "hello there"])
    done = run(tmp_path, "unknown", "--json")
    assert done.exit_code == 0, done.output
    found = [json.loads(one) for one in done.stdout.splitlines()]
    assert [(one["phrase"], one["times"], one["recorded"]) for one in found] == [("door #", 2, 0), ("# colli", 1, 1)]
    assert found[0]["lacking"][0] == "dock"
    shown = run(tmp_path, "unknown")
    assert "door #" in shown.stdout


def test_a_word_is_added_and_nothing_else_of_the_file_changes(repository: Path) -> None:
    file = repository / FORM
    before = json.loads(file.read_text(encoding="utf-8"))
    after = json.loads(add_word_to_form(file, "dock", WordRole.LABEL, " Door ", "en"))
    assert after["properties"]["dock"]["x-languages"].pop("en") == {"labels": ["door"]}
    assert after == before
    german = json.loads(add_word_to_form(file, "quantity", WordRole.UNIT, "Kolli", "de"))
    assert german["properties"]["quantity"]["x-languages"]["de"]["units"][-1] == "kolli"
    for field, kind, word, told in (
        ("gate", WordRole.LABEL, "door", "no such field; it has pallet_id"),
        ("dock", WordRole.UNIT, "colli", "counts nothing"),
        ("dock", WordRole.LABEL, "Dock", "is a label of 'dock' already"),
    ):
        with pytest.raises(Misconfigured, match=told):
            add_word_to_form(file, field, kind, word, "en")
    with pytest.raises(UnreadableInput, match="cannot be read as a form"):
        add_word_to_form(repository / "README.md", "dock", WordRole.LABEL, "door", "en")


def test_what_a_word_would_change_is_shown_and_the_file_is_one_that_can_be_dictated(
    tmp_path: Path, rules: Rules
) -> None:
    spoken(tmp_path, rules, [WHOLE, DOOR.replace("2", "B"), TALK, COLLI])
    out = tmp_path / "pallet-move.schema.json"
    add = ("add-word", "pallet-move", "door", "--field", "dock", "--out", str(out))
    done = run(tmp_path, *add, "--json")
    assert done.exit_code == 0, done.output
    talk, change = (json.loads(one) for one in done.stdout.splitlines())
    assert (talk["harm"], talk["before"], talk["after"]) == ("other", {}, {}), "what is talk would be asked about"
    assert (change["harm"], change["before"]) == ("gained", {})
    assert change["after"].items() >= {"quantity": 12, "dock": "B"}.items()
    assert CliRunner().invoke(commands, ["check", str(out)]).exit_code == 0
    again = run(tmp_path, "add-word", "pallet-move", "dock", "--field", "pallet_id", "--out", str(out))
    assert isinstance(again.exception, Misconfigured), "a word that means another field already"


def test_where_an_entry_on_record_would_be_another_it_comes_first_and_no_file_is_made(
    tmp_path: Path, rules: Rules
) -> None:
    """Somebody says "door" of what is another dock: on record is B."""
    recorded = ("pallet 742, twelve units, door C", ENTRY)
    spoken(tmp_path, rules, [DOOR.replace("2", "B"), recorded])
    out = tmp_path / "pallet-move.schema.json"
    add = ("add-word", "pallet-move", "door", "--field", "dock", "--out", str(out))
    done = run(tmp_path, *add, "--json")
    assert done.exit_code == 1
    *changes, told = done.stdout.splitlines()
    assert [json.loads(one)["harm"] for one in changes] == ["record", "gained"]
    assert told.startswith("1 entry on record would be another")
    assert not out.exists()
    assert run(tmp_path, *add, "--anyway").exit_code == 0
    assert out.exists()


def test_the_recordings_are_read_by_the_devices_own_recogniser_with_the_word_and_without(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken(tmp_path, rules, [DOOR])
    without, other = ScriptedInterpreter(reading(ENTRY)), ScriptedInterpreter(reading({**ENTRY, "dock": "D"}))

    def knows(_: object, form: Form, __: object) -> ScriptedInterpreter:
        return other if "door" in form["dock"].wording("en").labels else without

    monkeypatch.setattr("edge.cli.forms.make_recogniser", knows)
    out = tmp_path / "pallet-move.schema.json"
    done = run(tmp_path, "add-word", "pallet-move", "door", "--field", "dock", "--out", str(out), "--hear", "--json")
    assert done.exit_code == 1, done.output
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["harm"], first["heard"], first["after"]["dock"]) == ("record", True, "D")
    assert not out.exists()
