from __future__ import annotations

import pytest

from dockvoice_protocol.errors import UnreadableInput
from lab.report.comparing import compare_runs
from lab.scoring import Mark
from tests.lab.details import heard, line


def test_runs_over_other_clips_are_not_compared() -> None:
    with pytest.raises(UnreadableInput, match="no clip in common"):
        compare_runs([line(audio="set/a.flac")], [line(audio="set/b.flac")])


def test_what_changed_is_told_and_weighed() -> None:
    before = [line(Mark.ASKED, audio=f"set/{name}.flac") for name in "abcdef"]
    after = [line(Mark.RIGHT, audio=f"set/{name}.flac") for name in "abcde"] + [line(Mark.ASKED, audio="set/f.flac")]
    found = compare_runs(before, after)
    assert [one.clip for one in found.changed_clips] == [f"set/{name}.flac" for name in "abcde"]
    assert (found.only_first_right, found.only_second_right) == (0, 5)
    assert found.as_json()["mcnemar_p"] == 0.0625
    assert found.as_json()["marks"]["right"] == (0, 5)


def test_another_wrong_record_of_the_same_clip_is_a_change_but_no_gain() -> None:
    found = compare_runs([line(Mark.WRONG, heard(dock="D"))], [line(Mark.WRONG, heard(dock="E"))])
    assert len(found.changed_clips) == 1
    assert found.changed_clips[0].before.mark is Mark.WRONG
    assert found.p_value == 1.0
