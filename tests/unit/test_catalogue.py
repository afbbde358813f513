from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue


def written(directory: Path, text: str, name: str = "docks.csv") -> Path:
    (directory / name).write_text(text, encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "docks.csv:1: header is ''"),
        ("dock\nA\n", "docks.csv:1: header is 'dock', must be 'value', 'value,spoken' or 'value,spoken,check'"),
        ("value\n", "docks.csv:1: holds no value"),
        ("value\n\n", "docks.csv:1: holds no value"),
        ("value\nA\nB\nA\n", "docks.csv:4: column value: 'A' stands here a second time"),
        ("value,spoken\nA\n", "docks.csv:2: has 1 columns, the header 2"),
        ("value\nA,alpha\n", "docks.csv:2: has 2 columns, the header 1"),
        ("value,spoken\n,blue door\n", "docks.csv:2: column value: is empty"),
        ("value\nA\u202eB\n", "docks.csv:2: column value: 'A\\u202eB' holds control characters"),
        ("value,spoken\nA,Blue-Door\n", "docks.csv:2: column spoken: 'Blue-Door' must be words in small letters"),
        ("value,spoken\nA,blue door\nB,red|blue door\n", "docks.csv:3: column spoken: 'blue door' already means"),
        (
            "value,spoken,check\nA,,4 7\n",
            "docks.csv:2: column check: '4 7' must be one word in small letters, or digits",
        ),
        ('value\n"A\n', "docks.csv: cannot be read"),
    ],
)
def test_a_fault_is_told_with_file_line_and_column(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        Catalogue.load(written(tmp_path, text))
    assert told in str(caught.value)


def test_the_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "value\nA\nA\n", "a.csv")
    written(tmp_path, "values\nA\n", "b.csv")
    with pytest.raises(Misconfigured, match=r"a\.csv:3: .*b\.csv:1: "):
        Catalogue.load(tmp_path)


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "docks.csv").write_bytes(b"value\n\xff\n")
    with pytest.raises(Misconfigured, match="UTF-8"):
        Catalogue.load(tmp_path)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such directory"):
        Catalogue.load(tmp_path / "absent")


def test_an_unknown_catalogue_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    catalogue = Catalogue.load(written(tmp_path, "value\nA\n"))
    with pytest.raises(Misconfigured, match="'doors' does not exist; known: docks"):
        catalogue.values("doors")


def test_values_keep_their_order_and_their_zeros(tmp_path: Path) -> None:
    assert Catalogue.load(written(tmp_path, "value\n007\n\nB\nA\n")).values("docks") == ("007", "B", "A")


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert Catalogue.load(written(tmp_path, "\ufeffvalue\nA\n")).values("docks") == ("A",)


def test_a_value_may_have_words_of_its_own(tmp_path: Path) -> None:
    catalogue = Catalogue.load(written(tmp_path, "value,spoken\nA,blue door | the cold one\nB,\n"))
    assert catalogue.spoken("docks") == {"blue door": "A", "the cold one": "A"}


def test_the_shipped_docks_are_a_to_h(repository: Path) -> None:
    assert Catalogue.load(repository / "config" / "catalogue").values("docks") == tuple("ABCDEFGH")


def test_a_value_has_the_check_word_of_its_line_or_none(tmp_path: Path) -> None:
    catalogue = Catalogue.load(written(tmp_path, "value,spoken,check\nA,,47\nB,,apple\nC,,\n"))
    assert [catalogue.checks_of("docks", value) for value in "ABCD"] == [("47",), ("apple",), (), ()]
    assert catalogue.checks_of("doors", "A") == ()
