from __future__ import annotations

from lab.report import goals
from lab.report.goals import FixedPauseRun
from lab.report.lines import ClipLine, SpeculationTimes
from lab.scoring import Mark
from tests.lab.details import heard, line


def rows(lines: list[ClipLine], fixed: list[ClipLine]) -> dict[str, dict[str, str]]:
    table = goals.tabulate_fixed_pause(lines, FixedPauseRun(600, fixed))
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_both_ways_stand_beside_each_other_in_each_condition() -> None:
    early, late = (line(Mark.RIGHT, heard(), decision_ms=time) for time in (300.0, 650.0))
    found = rows([early], [late])
    assert list(found) == ["clean: by meaning", "clean: fixed 600 ms"]
    assert [one["median ms"] for one in found.values()] == ["300", "650"]
    noisy = line(Mark.RIGHT, heard(), condition="10dB", decision_ms=400.0)
    assert rows([early, noisy], [late, noisy])["together: by meaning"]["median ms"] == "350"


def test_a_dictation_is_cut_in_two_where_the_second_part_began_before_the_last_word_ended() -> None:
    first, rest = heard(), heard()
    noise_after = rest.model_copy(update={"speech_start_s": 2.5})
    assert line(Mark.WRONG, first, rest).is_cut_in_two
    assert not line(Mark.RIGHT, first, noise_after).is_cut_in_two
    found = rows([line(Mark.WRONG, first, rest)], [line(Mark.RIGHT, first)])
    assert found["clean: by meaning"]["cut in two %"].startswith("100.0 ")
    assert found["clean: fixed 600 ms"]["cut in two %"].startswith("0.0 ")


def test_reading_at_pauses_costs_what_was_thrown_away_and_heard_again() -> None:
    spent = SpeculationTimes(made=3, used=1, made_s=0.3, used_s=0.1, again_s=0.2, ahead_s=0.9, after_s=0.1)
    one = line(Mark.RIGHT, heard()).model_copy(update={"ahead": spent})
    table = goals.tabulate_speculation([one, line(Mark.RIGHT, heard(), condition="10dB")])
    found = dict(zip(table.columns, table.rows[0], strict=True))
    assert (found["readings"], found["thrown away"], found["away each"]) == ("3", "2", "2.00")
    assert (found["wasted ms each"], found["wasted %"]) == ("400", "40")
    assert [row[0] for row in table.rows] == ["clean"]  # of 10 dB nothing was counted
