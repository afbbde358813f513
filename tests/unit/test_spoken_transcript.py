from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.records import FieldReading, FieldValue
from tests.rows import each_of, every
from tests.tiers import sized

TABLES = Path(__file__).parent / "tables"
NOTHING = "nothing"


def tables() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each table of transcripts, by the name of its file."""
    for path in sorted(TABLES.glob("transcripts_*.toml")):
        yield path.stem, tomllib.loads(path.read_text(encoding="utf-8"))


CASES = {f"{name}: {theme}": (table, said) for name, table in tables() for theme, said in table["said"].items()}


def told(form: Form, readings: Mapping[str, FieldReading]) -> str:
    """Readings as a table writes them: a slot for each field, in the order of the form."""
    return " ".join(_slot(readings.get(field.name)) for field in form.fields) if readings else NOTHING


def _slot(reading: FieldReading | None) -> str:
    if reading is None:
        return "-"
    return "?" if reading.value is None else "|".join(map(str, (reading.value, *reading.rivals)))


@pytest.fixture(scope="module")
def forms(repository: Path) -> Mapping[str, Form]:
    paths = [*(repository / "schemas" / "forms").glob("*.schema.json"), *TABLES.glob("*.schema.json")]
    return {form.name: form for form in map(load_form, paths)}


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> Catalogue:
    shipped, ours = Catalogue.load(repository / "config" / "catalogue"), Catalogue.load(TABLES / "catalogue")
    return Catalogue({**shipped.entries, **ours.entries}, {**shipped.checks, **ours.checks})


@each_of(("table", "said"), CASES.values(), ids=CASES)
def test_what_a_model_writes_becomes_these_fields(
    table: Mapping[str, Any], said: Mapping[str, str], forms: Mapping[str, Form], catalogue: Catalogue
) -> None:
    form = forms[table["form"]]

    def becomes(row: tuple[str, str]) -> None:
        text, expected = row
        assert told(form, read_transcript(text, form, catalogue, table["language"])) == expected

    every(said.items(), becomes)


ONE_IN = sized(quick=4, test=1, nightly=1)  # One form of the library in so many.

LIBRARY = sorted(TABLES.glob("library_*.toml"))[::ONE_IN]
FEWEST = 40  # In English.
FEWEST_OF_ANOTHER = 12  # In two languages at least, besides English.


@each_of("path", LIBRARY, ids=[path.stem for path in LIBRARY])
def test_a_form_of_the_library_records_what_is_said_or_asks(
    path: Path, forms: Mapping[str, Form], catalogue: Catalogue
) -> None:
    form = forms[path.stem.removeprefix("library_").replace("_", "-")]
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = {(language, text): expected for language, of in said.items() for text, expected in of.items()}
    assert len(said["en"]) >= FEWEST
    assert sum(len(of) >= FEWEST_OF_ANOTHER for language, of in said.items() if language != "en") > 1

    def becomes(row: tuple[tuple[str, str], str]) -> None:
        (language, text), expected = row
        read = read_transcript(text, form, catalogue, language)
        assert named(form, catalogue, read) == expected

    every(rows.items(), becomes)


def test_only_its_own_deed_closes_a_trailer(forms: Mapping[str, Form], catalogue: Catalogue) -> None:
    tables = tomllib.loads((TABLES / "closing_deeds.toml").read_text(encoding="utf-8"))
    rows = [(code, text, kind) for code, table in tables.items() for kind, said in table.items() for text in said]

    def becomes(row: tuple[str, str, str]) -> None:
        code, text, kind = row
        read = read_transcript(text, forms["close-trailer"], catalogue, code)
        closed = {name: reading.value for name, reading in read.items() if reading.value is not None}
        assert closed == ({"trailer": "5501"} if kind == "closes" else {})

    every(rows, becomes)


SPOKEN = Path(__file__).parents[1] / "data" / "speech" / "library"
FIRST, OTHERS = (
    tomllib.loads((SPOKEN / f"{name}.toml").read_text(encoding="utf-8")) for name in ("sentences", "others")
)


@each_of(("name", "said"), [(name, {**said, **OTHERS[name]}) for name, said in list(FIRST.items())[::ONE_IN]])
def test_what_voices_say_for_a_form_of_the_library_is_read_as_its_truth(
    name: str, said: Mapping[str, Mapping[str, FieldValue]], forms: Mapping[str, Form], catalogue: Catalogue
) -> None:
    form = forms[name]
    assert len(said) >= FEWEST

    def becomes(row: tuple[str, Mapping[str, FieldValue]]) -> None:
        text, truth = row
        assert not form.faults(truth)
        assert {
            name: (one.value, one.rivals) for name, one in read_transcript(text, form, catalogue, "en").items()
        } == {name: (value, ()) for name, value in truth.items()}

    every(said.items(), becomes)


def named(form: Form, catalogue: Catalogue, readings: Mapping[str, FieldReading]) -> str:
    """Readings as a table of the library writes them: what is refused has a "!"."""

    def shown(name: str, value: FieldValue) -> str:
        field = form[name]
        return f"{value}" + ("" if field.allows(value) and catalogue.has_values(field.catalogue, value) else "!")

    def slot(name: str, reading: FieldReading) -> str:
        values = () if reading.value is None else (reading.value, *reading.rivals)
        return "|".join(shown(name, value) for value in values) or "?"

    given = [field.name for field in form.fields if field.name in readings]
    return ", ".join(f"{name}={slot(name, readings[name])}" for name in given) or NOTHING
