from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from dockvoice_protocol.forms.spoken.grammar.lexicon import OF_FIELDS, Role
from dockvoice_protocol.forms.spoken.grammar.path import EventKind
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from edge.cli.forms import commands
from edge.cli.parse import EVENT_TEXTS, SMALL
from edge.cli.tables import MOODS
from tests.rows import each_of


def explained(text: str, *options: str) -> str:
    result = CliRunner().invoke(commands, ["read", "--explain", text, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def words(text: str) -> list[tuple[str, str]]:
    """Each stretch of the best explanation, with what it stands for."""
    told = parsed(text)["explanations"][0]["words"]
    return [(" ".join(one["words"]), one["stand_for"]) for one in told]


def parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(explained(text, "--json"))
    return found


def test_every_word_is_there_once_and_in_order() -> None:
    text = "lorem pallet number 742 about twelve full units at dock b please order 9981 and not d thanks"
    assert " ".join(said for said, _ in words(text)) == text


def test_each_word_with_what_it_stands_for() -> None:
    assert words("okay, pallet number 742, twelve full units going to dock B, please") == [
        ("okay", "opening"),
        ("pallet", "label of pallet_id"),
        ("number", "between label and value"),
        ("742", "value of pallet_id: 742"),
        ("twelve", "value of quantity: 12"),
        ("full", "between number and unit"),
        ("units", "unit of quantity"),
        ("going to", "link"),
        ("dock", "label of dock"),
        ("b", "value of dock: B"),
        ("please", "remark"),
    ]


def test_a_correction_is_told() -> None:
    assert words("pallet 742, twelve, no, fifteen units")[2:] == [
        ("twelve", "taken back at once"),
        ("no", "announces a correction"),
        ("fifteen", "value of quantity: 15, a correction"),
        ("units", "unit of quantity"),
    ]


def test_all_that_may_happen_and_every_role_has_its_words() -> None:
    assert EVENT_TEXTS.keys() | {EventKind.MENTION, EventKind.MOOD} == set(EventKind)
    assert SMALL.keys() | OF_FIELDS | {Role.QUESTION, Role.MOOD, Role.TAKEN_BACK} == set(Role)


@each_of("code", LANGUAGES)
def test_every_mood_of_a_language_has_its_words(code: str) -> None:
    assert language_named(code).not_a_record.keys() <= MOODS.keys()
