"""Files of operators: every fault of a file is told at once, and only a file without any is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import Operator
from dockvoice_protocol.signed import MOST_OPERATORS
from inventory.site.roster import read_operators
from inventory.site.table_file import FaultyFile

HEADER = "name,number,spoken,language,forms\n"
FORMS = ("pallet-move", "stock-count")


def refused(directory: Path, content: str, name: str = "roster.csv") -> str:
    path = directory / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableInput) as caught:
        read_operators(path, FORMS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: header is ''; it must name each of name once, and number or spoken"),
        ("colour," + HEADER, "line 1: column 'colour' is not known; allowed are name, number"),
        (HEADER, "holds no line; give one for each operator, or withdraw the roster with --withdraw"),
        (
            HEADER + "op\u200b-17,471,ana,,\n",
            "line 2, column name: found 'op\\u200b-17'; allowed are 1 to 64 characters",
        ),
        (
            HEADER + "op-17,471,a\U000e0041na,,\n",
            "column spoken: found 'a\\U000e0041na'; allowed are 1 to 64 characters",
        ),
        (HEADER + ",471,ana,,\n", "line 2, column name: found ''; allowed are 1 to 64 characters"),
        (HEADER + "op\u202e17,471,ana,,\n", "line 2, column name: found 'op\\u202e17'"),
        *[
            (HEADER + f"op-17,{number},ana,,\n", f"line 2, column number: found '{number}'; allowed are two to six")
            for number in ("4", "4711471", "47a", "4 7 1", "-47", "٤٧١")
        ],
        (HEADER + "op-17,,,,\n", "line 2, columns number and spoken: both are empty; give what the operator signs on"),
        (HEADER + "op-17,471,ana;14,,\n", "line 2, column spoken: found '14'; allowed are 1 to 64 characters"),
        (HEADER + "op-17,471,a;b;c;d;e;f,,\n", "column spoken: found 'a;b;c;d;e;f'; allowed are 5 names"),
        (HEADER + "op-17,471,ana,xx,\n", "line 2, column language: found 'xx'; allowed are en, de, es, fr"),
        (HEADER + "op-17,471,ana,,unload\n", "column forms: found 'unload'; allowed are the inventory's forms, pallet"),
        (HEADER + "op-17,471,,,\nop-17,82,,,\n", "line 3, column name: 'op-17' stands in line 2 too; give each"),
        (HEADER + "op-17,471,,,\nop-18,471,,,\n", "line 3, column number: '471' stands in line 2 too"),
        (HEADER + "op-17,,Ana,,\nop-18,,ben;ana,,\n", "line 3, column spoken: 'ana' stands in line 2 too"),
        (
            HEADER + "".join(f"op-{n},{n:04},,,\n" for n in range(MOST_OPERATORS + 1)),
            "has 501 operators, which make a message of",
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_column(content: str, told: str, tmp_path: Path) -> None:
    message = refused(tmp_path, content)
    assert message.startswith(f"{tmp_path / 'roster.csv'}: ")
    assert told in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "must be a list of objects, one for each operator"),
        (json.dumps([{"name": "op-17", "number": 471}]), "/0, column number: found 471; allowed is text, in quotes"),
        (json.dumps([{"name": "op-17", "number": "471", "pin": "1"}]), "/0: column 'pin' is not known"),
        (json.dumps([{"name": "op-17", "spoken": [7]}]), "/0, column spoken: found [7]; allowed is text"),
    ],
)
def test_a_fault_in_json_is_told_with_its_place(content: str, told: str, tmp_path: Path) -> None:
    assert told in refused(tmp_path, content, "roster.json")


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(HEADER + ",4,,xx,\nop-18,82,,,\nop-18,83,,,\n", encoding="utf-8")
    with pytest.raises(FaultyFile) as caught:
        read_operators(path, FORMS)
    assert len(caught.value.faults) == 4


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    listed, nested = tmp_path / "roster.csv", tmp_path / "roster.json"
    listed.write_text("\ufeff" + HEADER + "op-17,0471,ana; ana maria,es,pallet-move;stock-count\nop-18,,ben,,\n")
    row = {"name": "op-17", "number": "0471", "spoken": ["ana", "ana maria"], "language": "es", "forms": [*FORMS]}
    nested.write_text(json.dumps([row, {"name": "op-18", "spoken": "ben"}]), encoding="utf-8")
    assert read_operators(listed, FORMS) == read_operators(nested, FORMS)
    assert read_operators(listed, FORMS) == (
        Operator("op-17", "0471", ("ana", "ana maria"), "es", FORMS),
        Operator("op-18", spoken=("ben",)),
    )
