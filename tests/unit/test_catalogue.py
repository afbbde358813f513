from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.records import UnitFactor
from dockvoice_protocol.signed import parse_master_topic
from tests.rows import rows_of


def written(directory: Path, text: str, name: str = "docks.csv") -> Path:
    (directory / name).write_text(text, encoding="utf-8")
    return directory


@pytest.mark.parametrize(("text", "told"), rows_of("catalogue", "a_fault_is_told_with_file"))
def test_a_fault_is_told_with_file_line_and_column(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        Catalogue.load(written(tmp_path, text))
    assert told in str(caught.value)


UNITS = "value,unit,factor,base\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "items.units.csv:1: header is '', must be 'value,unit,factor,base'"),
        (UNITS + "A1,CS,12\n", "items.units.csv:2: has 3 columns, the header 4"),
        (UNITS + "A9,CS,12,EA\n", "items.units.csv:2: column value: 'A9' is not in items.csv; add it there"),
        (UNITS + "A1,case,12,EA\n", "items.units.csv:2: column unit: 'case' must be a code"),
        *[
            (UNITS + f"A1,CS,{factor},EA\n", f"items.units.csv:2: column factor: '{factor}' must be a number above 0")
            for factor in ("0", "0.000", "-12", "1e3", "a dozen", "", "1234567890", "0.0000001")
        ],
        (UNITS + "A1,EA,12,EA\n", "items.units.csv:2: column factor: '12' of the base unit 'EA' itself must be 1"),
        (UNITS + "A1,CS,12,EA\nA1,CS,10,EA\n", "items.units.csv:3: column unit: 'CS' of 'A1' stands in line 2"),
        (UNITS + "A1,CS,12,EA\nA1,PL,40,CS\n", "items.units.csv:3: column base: 'CS', but 'EA' in line 2"),
    ],
)
def test_a_fault_in_the_units_of_items_is_told(text: str, told: str, tmp_path: Path) -> None:
    written(tmp_path, "value\nA1\nA2\n", "items.csv")
    with pytest.raises(Misconfigured) as caught:
        Catalogue.load(written(tmp_path, text, "items.units.csv"))
    assert told in str(caught.value)


def test_units_without_their_catalogue_are_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"there is no items\.csv beside it"):
        Catalogue.load(written(tmp_path, UNITS + "A1,CS,12,EA\n", "items.units.csv"))


def test_a_unit_holds_what_the_master_data_say_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path, "value\nA1\nA2\n", "items.csv")
    known = Catalogue.load(written(tmp_path, UNITS + "A1,CS,12,EA\n", "items.units.csv"))
    assert known.values("items") == ("A1", "A2")
    assert "items.units" not in known.entries
    assert known.factor("items", "A1", "CS") == UnitFactor("EA", Decimal(12))
    assert known.factor("items", "A1", "EA") == UnitFactor("EA", Decimal(1))
    for nothing in [("items", "A1", "PL"), ("items", "A2", "CS"), ("docks", "A1", "CS"), (None, None, None)]:
        assert known.factor(*nothing) is None


def test_a_recogniser_gets_the_ways_that_it_knows_where_there_is_one(tmp_path: Path) -> None:
    rows = "value,spoken\nY,zwinger\nZ,zwinger gate|swinger|east gate\n"
    heard = Catalogue.load(written(tmp_path, rows)).with_known_ways(lambda words: "zwinger" not in words)
    assert heard.entries["docks"] == {"Y": ("zwinger",), "Z": ("swinger", "east gate")}


def test_what_is_no_catalogue_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such directory"):
        Catalogue.load(tmp_path / "absent")
    (tmp_path / "docks.csv").write_bytes(b"value\n\xff\n")
    with pytest.raises(Misconfigured, match="UTF-8"):
        Catalogue.load(tmp_path)


def test_an_unknown_catalogue_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    catalogue = Catalogue.load(written(tmp_path, "value\nA\n"))
    with pytest.raises(Misconfigured, match="'doors' does not exist; known: docks"):
        catalogue.values("doors")


def test_values_keep_their_order_and_their_zeros(tmp_path: Path) -> None:
    assert Catalogue.load(written(tmp_path, "value\n007\n\nB\nA\n")).values("docks") == ("007", "B", "A")


def test_a_value_may_have_words_of_its_own(tmp_path: Path) -> None:
    catalogue = Catalogue.load(written(tmp_path, "value,spoken\nA,blue door | the cold one\nB,\n"))
    assert catalogue.value_by_spoken("docks") == {"blue door": "A", "the cold one": "A"}


def test_a_value_has_the_check_word_of_its_line_or_none(tmp_path: Path) -> None:
    catalogue = Catalogue.load(written(tmp_path, "value,spoken,check\nA,,47\nB,,apple\nC,,\n"))
    assert [catalogue.check_words("docks", value) for value in "ABCD"] == [("47",), ("apple",), (), ()]
    assert catalogue.check_words("doors", "A") == ()


def test_master_data_is_taken_from_the_topic_of_its_site_and_kind_alone() -> None:
    topic = Topics.catalogue("dockvoice", "north", "docks")
    assert parse_master_topic("dockvoice", "north", topic) == "docks"
    below, elsewhere = Topics.catalogue("dockvoice", "north", "docks/more"), Topics.catalogue("dockvoice", "s", "docks")
    for other in (below, elsewhere, "docks", ""):
        with pytest.raises(MalformedMessage):
            parse_master_topic("dockvoice", "north", other)
