"""Words that are one value of a field, and words that are none, each read behind the field's label."""

from __future__ import annotations

import json
import tomllib
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import FieldReading, FieldValue, Word
from tests.rows import each_of, every

TABLE = tomllib.loads((Path(__file__).parent / "tables" / "spoken_values.toml").read_text())

PATTERNS = {"digits": "^[0-9]{1,18}$", "letter": "^[A-Z]$", "alphanumeric": "^[A-Z0-9]{1,18}$"}
LABEL = {"cardinal": "quantity", "digits": "pallet", "letter": "dock", "alphanumeric": "item"}
"""By the way a field is spoken, what it is called."""

BEHIND_A_LABEL: dict[str, dict[str, FieldValue]] = {
    "cardinal": {"hundred": 100, "thousand": 1000, "and five": 5, "a five": 5},
    "letter": {"oh": "O", "as in bravo": "B"},
    "alphanumeric": {"b seven hundred": "B700", "as in bravo": "B"},
}
"""What few say for a value, and hardly anybody for anything else, when the label says that it is one. A count digit by
digit is not among it: "quantity one two" may be cut off, or two values."""


@cache
def form() -> Form:
    """A field spoken in each way, which may hold any value of its kind."""
    fields = {
        label: {
            "type": "string",
            "title": label,
            "pattern": PATTERNS[spoken],
            "x-voice": {
                "labels": [label],
                "spoken": spoken,
                "ask": f"Which {label}?",
                "readback": f"{label} {{value}}",
            },
        }
        for spoken, label in LABEL.items()
        if spoken in PATTERNS
    }
    readback = ", ".join(f"{{{label}}}" for label in LABEL.values())
    count = {"type": "integer", "title": "quantity", "minimum": 0, "maximum": 99_999}
    voice = {"labels": ["quantity"], "spoken": "cardinal", "ask": "How many?", "readback": "{value}"}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Anything",
        "description": "A field of every kind.",
        "type": "object",
        "properties": fields | {"quantity": count | {"x-voice": voice}},
        "required": ["quantity"],
        "additionalProperties": False,
        "x-voice": {"name": "anything", "spoken_name": "anything", "readback": readback, "identifies": ["pallet"]},
    }
    with TemporaryDirectory() as directory:
        path = Path(directory) / "anything.schema.json"
        path.write_text(json.dumps(schema), encoding="utf-8")
        return load_form(path)


def reading(spoken: str, said: str) -> FieldReading | None:
    words = [Word(text, at * 0.4, at * 0.4 + 0.4, 1.0) for at, text in enumerate(f"{LABEL[spoken]} {said}".split())]
    return read_fields(words, form(), Catalogue({})).get(LABEL[spoken])


def is_read(spoken: str, row: tuple[str, FieldValue]) -> None:
    said, value = row
    found = reading(spoken, said)
    assert found is not None
    assert (found.value, found.rivals) == (value, ())


def is_nothing(spoken: str, said: str) -> None:
    """No value is sure, but for what a label makes one."""
    found = reading(spoken, said)
    sure = found.value if found is not None and not found.rivals else None
    assert sure == BEHIND_A_LABEL.get(spoken, {}).get(said)


@each_of("spoken", LABEL)
def test_words_that_are_a_value(spoken: str) -> None:
    every(TABLE[spoken].items(), partial(is_read, spoken))


@each_of("spoken", LABEL)
def test_words_that_are_no_value(spoken: str) -> None:
    every(TABLE[f"no_{spoken}"], partial(is_nothing, spoken))
