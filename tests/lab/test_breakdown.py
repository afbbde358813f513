from __future__ import annotations

import re
from pathlib import Path

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from lab.floor import parse_words
from lab.report import breakdown
from lab.report.lines import BaselineResult, ClipLine
from lab.scoring import Mark, read_manifest
from tests.lab.details import TRUTH, heard, line
from tests.rows import each_of


def said(words: str) -> list[str]:
    return re.findall(r"[a-z']+", words.lower().replace("-", " "))


@each_of(
    ("words", "values"),
    [
        ("pallet seven four two twelve units dock b", ("742", 12, "B")),
        ("four hundred units of pallet double oh nine for dock charlie", ("009", 400, "C")),
        ("pallet fifty three fifty five quantity nine dock b as in bravo", ("5355", 9, "B")),
        ("pallet one one correction pallet one two three units no four units dock a sorry dock e", ("12", 4, "E")),
        ("pallet seven four two four dock b three units", ("7424", 3, "B")),  # a "for" heard as "four" is a digit here
        ("pallet seven four two twelve units", None),
        ("pallet dock b twelve units", None),
        ("cheers", None),
        ("", None),
    ],
)
def test_the_plain_parser_takes_whatever_is_whole(
    form: Form, catalogue: Catalogue, words: str, values: tuple[str, int, str] | None
) -> None:
    expected = None if values is None else dict(zip(TRUTH, values, strict=True))
    assert parse_words(words.split(), form, catalogue) == expected


def test_the_plain_parser_reads_every_sentence_of_our_own_set_as_it_is_written(
    form: Form, catalogue: Catalogue, repository: Path
) -> None:
    clips = read_manifest(repository / "tests/data/speech/set/manifest.jsonl")
    dictated = [clip for clip in clips if clip.fields is not None and clip.form == form.name and clip.text]
    assert dictated
    assert [clip.text for clip in dictated if parse_words(said(clip.text), form, catalogue) != clip.fields] == []


def of(speaker: str, right: int, wrong: int, *, condition: str = "clean", noise: str | None = None) -> list[ClipLine]:
    marks = [Mark.RIGHT] * right + [Mark.WRONG] * wrong
    return [line(mark, heard(), speaker=speaker, condition=condition, noise=noise) for mark in marks]


def test_the_worst_and_the_lower_quartile_of_the_groups_are_told_with_intervals() -> None:
    lines = [*of("a", 9, 1), *of("b", 10, 0), *of("c", 5, 5), *of("d", 8, 2), *of("e", 0, 1)]
    (row,) = breakdown.tabulate_spread(lines).rows
    told = dict(zip(breakdown.tabulate_spread(lines).columns, row, strict=True))
    assert (told["by: condition"], told["groups"]) == ("speaker: clean", "4")  # one clip of e tells nothing
    assert (told["worst"], told["right %"]) == ("c", "50.0 (23.7-76.3)")
    assert (told["most wrong"], told["wrong %"]) == ("c", "50.0 (23.7-76.3)")
    assert told["lower quartile right %"].startswith("72.5 (")


def test_the_floor_stands_beside_us_over_the_same_clips() -> None:
    ways = [(Mark.RIGHT, Mark.RIGHT), (Mark.RIGHT, Mark.WRONG), (Mark.ASKED, Mark.WRONG), (Mark.ASKED, Mark.MISSED)]
    lines = [line(mark, heard(), floor=BaselineResult(mark=floor, fields=None)) for mark, floor in ways]
    (row,) = breakdown.tabulate_baseline([*lines, line(Mark.SILENT, truth=None)]).rows
    assert [cell.partition(" ")[0] for cell in row] == ["clean", "4", "50.0", "25.0", "0.0", "50.0", "1"]
    assert not breakdown.tabulate_baseline([line(Mark.RIGHT, heard())]).rows
