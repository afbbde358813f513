from __future__ import annotations

from edge.records import Outcome
from lab.report import goals
from lab.report.lines import ClipLine, Conversation
from lab.scoring import Mark
from tests.lab.details import TRUTH, heard, line


def told(lines: list[ClipLine]) -> dict[str, str]:
    """What the table says of each goal: whether it is met, by how much it is missed."""
    return {row[0]: row[-1] for row in goals.tabulate_goals(lines).rows}


def test_a_goal_is_missed_by_so_many_clips() -> None:
    lines = [line(Mark.RIGHT, heard())] * 18 + [line(Mark.ASKED, heard(0.5, Outcome.ASK)), line(Mark.WRONG, heard())]
    found = told(lines)
    assert found["clean: right %"] == "missed by 1 of 20"
    assert found["clean: wrong %"] == "missed by 1 of 20"


def test_what_a_condition_may_hold_in_wrong_ones_is_rounded_down() -> None:
    right, wrong = line(Mark.RIGHT, heard(), condition="10dB"), line(Mark.WRONG, heard(), condition="10dB")
    assert told([right] * 99 + [wrong])["10dB: wrong %"] == "met"
    assert told([right] * 98 + [wrong])["10dB: wrong %"] == "missed by 1 of 99"


def test_what_is_parked_is_no_record() -> None:
    def ended(end: str) -> ClipLine:
        conversation = Conversation(end=end, fields=dict(TRUTH), questions=1, seconds=9.0)
        return line(Mark.ASKED, heard(0.5, Outcome.ASK), conversation=conversation)

    name = "clean: wrong in the end, with an operator, %"
    assert told([ended("right"), ended("parked")])[name] == "met"
    assert told([ended("right"), ended("wrong")])[name] == "missed by 1 of 2"
    assert name not in told([ended("parked")])


def test_what_stood_in_the_way_is_told_apart() -> None:
    lines = [
        line(Mark.RIGHT, heard()),
        line(Mark.ASKED, heard(0.5, Outcome.ASK)),
        line(Mark.ASKED, heard(0.5, Outcome.ASK, dock="D")),
        line(Mark.ASKED, heard(0.5, Outcome.ASK, dock=None)),
        line(Mark.MISSED),
        line(Mark.WRONG, heard(dock="D")),
    ]
    table = goals.tabulate_causes_of_not_right(lines)
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "condition": "clean", "right": "1", "unsure": "1", "misread": "1", "incomplete": "2", "wrong": "1",
    }  # fmt: skip
