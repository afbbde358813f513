from __future__ import annotations

from lab.bench.library import describe_failures, meets_goal, tabulate_by_form, tabulate_by_voice
from lab.scoring import Mark
from tests.lab.details import heard, line
from tests.rows import each_of


@each_of(
    ("right", "asked", "wrong", "met"), [(47, 3, 0, True), (46, 4, 0, False), (49, 0, 1, False), (199, 0, 1, True)]
)
def test_a_goal_is_met_where_enough_is_right_and_next_to_nothing_wrong(
    right: int, asked: int, wrong: int, met: bool
) -> None:
    lines = [line(Mark.RIGHT)] * right + [line(Mark.ASKED)] * asked + [line(Mark.WRONG)] * wrong
    assert meets_goal("20dB", lines) is met


def test_forms_and_voices_are_counted_apart_and_what_went_amiss_is_told() -> None:
    lines = [line(Mark.RIGHT), line(Mark.ASKED, heard(0.4), condition="20dB", speaker="ben")]
    assert [row[:5] for row in tabulate_by_form(lines).rows] == [
        ("pallet-move: clean", "1", "1", "0", "0"),
        ("pallet-move: 20dB", "1", "0", "1", "0"),
    ]
    assert [row[0] for row in tabulate_by_voice(lines).rows] == ["anna: clean", "ben: 20dB"]
    told = list(describe_failures(lines))
    assert told[0].startswith("asked (pallet-move, 20dB, ben)")
    assert "some words" in told[1]
