from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from edge.cli.forms import commands
from edge.cli.sayings import OUTCOMES
from edge.records import Outcome
from tests.rows import each_of
from tests.shipped import FORMS

HELD = {"pallet_id": "742", "quantity": 12, "dock": "B"}


def told(*lines: str | bytes, options: tuple[str, ...] = (), status: int = 0) -> list[dict[str, Any]]:
    given = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    result = CliRunner().invoke(commands, ["read", "--lines", *options], input=given)
    assert result.exit_code == status, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def answered(text: str, **more: object) -> dict[str, Any]:
    (line,) = told(json.dumps({"text": text, **more}))
    return line


@each_of(
    ("line", "error"),
    [
        ("nonsense", "line 1: it is not JSON: Expecting value, column 1; allowed: one object"),
        ("", "line 1: it is not JSON"),
        ("[" * 100_000, "line 1: it is nested too deeply; allowed: one object"),
        ("[1]", "line 1: found [1], allowed: one object"),
        (b'{"text": "\xff"}', "line 1: it is no text; allowed"),
        (r'{"text": "\ud800"}', "line 1: it holds half a character"),
        ('{"text": "x", "text": "y"}', "line 1: a key stands twice"),
        ('{"txt": "x"}', "line 1: found the key 'txt', allowed: text, form, language, asked, held"),
        ("{}", "line 1: text: found none, allowed: what was said, a string"),
        ('{"text": 5}', "line 1: text: found 5, allowed: what was said, a string"),
        (json.dumps({"text": "x" * 70_000}), "line 1: text: found 70000 bytes, allowed: 65536"),
        ('{"text": "x", "form": "nope"}', f"line 1: form: found 'nope', allowed: {', '.join(sorted(FORMS))}"),
        ('{"text": "x", "form": 1}', f"line 1: form: found 1, allowed: {', '.join(sorted(FORMS))}"),
        ('{"text": "x", "language": "tlh"}', "line 1: language: found 'tlh', allowed: en, "),
        ('{"text": "x", "language": 5}', "line 1: language: found 5, allowed: en, "),
        ('{"text": "x", "asked": ["a"]}', "line 1: asked: found ['a'], allowed: pallet_id, quantity, dock, or null"),
        ('{"text": "x", "held": 1}', "line 1: held: found 1, allowed: an object of fields and values, or null"),
        ('{"text": "x", "held": {"a": 1}}', "line 1: held: found the field 'a', allowed: pallet_id, quantity, dock"),
        (
            '{"text": "x", "held": {"quantity": "12"}}',
            "line 1: held: quantity: found '12', allowed: a value of the type integer",
        ),
    ],
)
def test_a_bad_line_is_answered_with_what_is_wrong(line: str | bytes, error: str) -> None:
    (found,) = told(line, status=1)
    assert found.keys() == {"error"}
    assert found["error"].startswith(error)


def test_after_a_bad_line_the_rest_goes_on() -> None:
    found = told("nonsense", '{"text": "yes"}', "{}", '{"text": "help"}', status=1)
    assert [one.get("command", "error") for one in found] == ["error", "yes", "error", "help"]
    assert found[2]["error"].startswith("line 3: ")


@each_of("arguments", [("--lines", "dock B"), (), ("--lines", "--explain"), ("--lines", "--language", "xx")])
def test_options_that_do_not_go_together_are_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(commands, ["read", *arguments], input="").exit_code == 2


def test_every_outcome_of_typed_text_has_a_word() -> None:
    # What only a conversation or a model beyond the device makes is none of them.
    assert OUTCOMES.keys() | {Outcome.HOLD, Outcome.DEFER, Outcome.HEED, Outcome.CANCEL} == set(Outcome)


def test_the_next_entry() -> None:
    found = answered("pallet 743, ten units, dock A", held=HELD)
    assert (found["outcome"], found["fields"]) == ("accept", {"pallet_id": "743", "quantity": 10, "dock": "A"})
    assert "act" not in found


def test_form_and_language_are_those_of_the_line_or_of_the_options() -> None:
    german = json.dumps({"text": "Artikel B714, zwölf Stück", "form": "stock-count", "language": "de"})
    plain = json.dumps({"text": "Palette 742, zwölf Stück, Tor B", "form": None, "language": None, "held": None})
    count, move = told(german, plain, options=("--language", "de-AT"))
    assert count["fields"] == {"item": "B714", "quantity": 12}
    assert move["fields"] == HELD


@each_of(
    ("language", "text"),
    [
        ("en", "I count twelve"), ("en", "there are only twelve"), ("en", "we've only got twelve"),
        ("es", "hay solo doce"), ("es", "solo hay doce"), ("it", "ce ne sono solo dodici"), ("it", "ne conto dodici"),
        ("pt", "são só doze"), ("pl", "jest tylko dwanaście"), ("pl", "liczę dwanaście"),
        ("fr", "il n'y en a que douze"), ("de", "es sind nur zwölf"),
    ],
)  # fmt: skip
def test_a_sentence_answers_how_many(language: str, text: str) -> None:
    line = answered(text, language=language, asked="quantity")
    assert (line["outcome"], line["fields"]) == ("accept", {"quantity": 12})
