"""Files of expected receipts: every fault of a file is told at once, and only a file without any is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from dockvoice_protocol.signed import LARGEST, MOST_LINES
from inventory.site import table_file
from inventory.site.expected_file import read_expected
from inventory.site.table_file import FaultyFile

HEADER = "notice,trailer,door,pallet,item,quantity,uom,lot_needed\n"
GOOD = "4550012,5501,,0742,A100,24,CS,yes\n"
LINE: dict[str, Any] = {
    "notice": "4550012",
    "trailer": "5501",
    "pallet": "0742",
    "item": "A100",
    "quantity": 24,
    "uom": "CS",
    "lot_needed": True,
}
TRAILER = ReceivingPlace(PlaceKind.TRAILER, "5501")


def refused(directory: Path, content: str | bytes, name: str = "asn.csv") -> str:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UnreadableInput) as caught:
        read_expected(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: header is ''; it must name each of notice, pallet"),
        ("colour," + HEADER, "line 1: column 'colour' is not known; allowed are notice, trailer"),
        (HEADER, "holds no line; give one for each item on each pallet"),
        (HEADER + "\n,,,,,,,\n", "holds no line"),
        (HEADER + GOOD + "4550012,5501\n", "line 3: has not as many cells as the header, 8"),
        (HEADER + '"4550012\n', "is no CSV"),
        (HEADER + ",5501,,742,A100,24,CS,yes\n", "line 2, column notice: found ''; allowed are 1 to 64 characters"),
        (HEADER + f"1,5501,,{'7' * 65},A100,24,CS,yes\n", f"line 2, column pallet: found '{'7' * 64}'; allowed are 1"),
        (HEADER + "1,5501,,7\u202e42,A100,24,CS,yes\n", "line 2, column pallet: found '7\\u202e42'"),
        (HEADER + "1,,,742,A100,24,CS,yes\n", "line 2, columns trailer and door: one of the two must be given"),
        *[
            (HEADER + f"1,{name},,742,A100,24,CS,yes\n", f"line 2, column trailer: found '{name}'; allowed are letters")
            for name in ("55/01", "#", "+", "$SYS", "55 01", "7" * 64)
        ],
        *[
            (HEADER + f"1,5501,,742,A100,{count},CS,yes\n", f"line 2, column quantity: found '{count}'; allowed is a")
            for count in ("", "0", "0.0", "-1", "1e3", "24 CS", "nan", "١٢", "1234567890", "1.0000001")
        ],
        (HEADER + "1,5501,,742,A100,24,cases,yes\n", "line 2, column uom: found 'cases'; allowed is a code"),
        (HEADER + "1,5501,,742,A100,24,CS,\n", "line 2, column lot_needed: found ''; allowed are yes and no"),
        (HEADER + GOOD + GOOD, "line 3, column item: 'A100' on pallet '0742' stands in line 2 too; add the two up"),
        (
            HEADER + GOOD + "1,5502,,0742,B2,1,CS,no\n",
            "line 3, column pallet: '0742' is expected at trailer/5502, and at trailer/5501 in line 2; remove one",
        ),
        (
            HEADER + "".join(f"1,5501,,{n},A100,24,CS,no\n" for n in range(MOST_LINES + 1)),
            "trailer/5501: has 501 lines, which make a message of",
        ),
        (
            HEADER + "".join(f"{'1' * 64},5501,,{n:064},{'A' * 64},24,CS,no\n" for n in range(MOST_LINES)),
            f"and {LARGEST:,} at most for one place; split them between places",
        ),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_fault_is_told_with_its_line_and_column(content: str | bytes, told: str, tmp_path: Path) -> None:
    message = refused(tmp_path, content)
    assert message.startswith(f"{tmp_path / 'asn.csv'}: ")
    assert told in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "must be a list of objects in JSON"),
        ("{}", "must be a list of objects, one for each item on each pallet"),
        ('[{"pallet": "1", "pallet": "2"}]', "it must be a list of objects in JSON"),
        ("[]", "holds no line"),
        (json.dumps([LINE | {"pallet": 742}]), "/0, column pallet: found 742; allowed is text, in quotes, so that 007"),
        (json.dumps([LINE | {"quantity": True}]), "/0, column quantity: found true; allowed is text"),
        (json.dumps([LINE, LINE | {"colour": "red"}]), "/1: column 'colour' is not known"),
    ],
)
def test_a_fault_in_json_is_told_with_its_place(content: str, told: str, tmp_path: Path) -> None:
    assert told in refused(tmp_path, content, "asn.json")


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "asn.csv"
    path.write_text(HEADER + GOOD + "1,5501,,,A100,0,CS,yes\n" + GOOD, encoding="utf-8")
    with pytest.raises(FaultyFile) as caught:
        read_expected(path)
    assert [fault.removeprefix(f"{path}: ").split(":")[0] for fault in caught.value.faults] == [
        *("line 3, column pallet", "line 3, column quantity", "line 4, column item")
    ]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "MAX_FILE_BYTES", 100)
    assert "has 151 bytes; 100 at most; split it" in refused(tmp_path, HEADER + "x" * 95)


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    csv, listed = tmp_path / "asn.csv", tmp_path / "asn.json"
    csv.write_text("\ufeff" + HEADER + GOOD + "\n4550012,,12,0743,A100,2.50,KGM,no\n", encoding="utf-8")
    door = LINE | {"trailer": None, "door": "12", "pallet": "0743", "quantity": 2.5, "uom": "KGM", "lot_needed": False}
    listed.write_text(json.dumps([LINE, door]), encoding="utf-8")
    expected = {
        TRAILER: (ExpectedLine("4550012", "0742", "A100", 24, "CS", lot_needed=True),),
        ReceivingPlace(PlaceKind.DOOR, "12"): (ExpectedLine("4550012", "0743", "A100", 2.5, "KGM", lot_needed=False),),
    }
    assert read_expected(csv) == read_expected(listed) == expected
