"""What is made of the lines of an evaluation: figures with their intervals, tables, two runs compared, a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldReading, Reading
from edge.agent.events import UtteranceDecided
from edge.config import Settings
from edge.records import Cause, ClosedBy, Outcome, Reason, Segment, Utterance, Verdict
from edge.understand.local.incremental import SpeculationCounters
from lab.bench.command import describe_failures
from lab.bench.library import meets_goal, tabulate_by_form, tabulate_by_voice
from lab.evaluate_command import show_progress
from lab.floor import parse_words
from lab.report import breakdown, figures, goals, made_with, measures
from lab.report.comparing import compare_runs
from lab.report.goals import FixedPauseRun
from lab.report.lines import (
    BaselineResult,
    ClipLine,
    Conversation,
    RecognisedUtterance,
    SpeculationTimes,
    read_lines,
    write_lines,
)
from lab.report.lines import build_line as as_line
from lab.report.measures import align_characters, count_confusions
from lab.report.page import ReportInput, render_report
from lab.report.statistics import (
    SpeakerHalf,
    clips_of_half,
    mcnemar_p_value,
    poisson_upper_bound,
    speaker_half,
    wilson_interval,
)
from lab.scoring import Clip, ClipResult, Mark, read_manifest
from tests.lab.details import TRUTH, heard, line
from tests.rows import each_of


def still(mark: Mark, *utterances: RecognisedUtterance, audio: str = "set/900.flac", audio_s: float = 4.0) -> ClipLine:
    """Sound in which nobody speaks."""
    return line(mark, *utterances, truth=None, speaker=None, condition="noise only", audio=audio, audio_s=audio_s)


def decided() -> UtteranceDecided:
    segment = Segment(0, 8_000, 32_000, 40_000, ClosedBy.PAUSE, bytes(2))
    utterance = Utterance("u", "pallet-move", "sha256:x", datetime(2026, 1, 1, tzinfo=UTC), segment)
    said = {"dock": FieldReading("B", ("dock", "b"), 0.91234, rivals=("D",), runner_up="E")}
    opinion = Reading("second", "pallet-move", (), {"dock": FieldReading("D", (), 0.5)})
    verdict = Verdict(Outcome.ASK, (Cause(Reason.FIELD_AMBIGUOUS, "dock"),), {}, ask="dock")
    return UtteranceDecided(
        utterance, Reading("first", "pallet-move", (), said, opinions=(opinion,)), verdict, None, 0.05
    )


def test_a_line_holds_what_was_read_and_comes_back_as_it_was_written(tmp_path: Path) -> None:
    clip = Clip(audio=Path("set/a.flac"), fields=TRUTH, condition="clean", speaker="anna", speech_end=2.0)
    spent = SpeculationCounters(made=2, used=1, made_s=0.123456)
    written = as_line(ClipResult(clip, Mark.ASKED, (decided(),), 4.0, 0.1, spent))
    write_lines(tmp_path / "details.jsonl", [written, line(Mark.RIGHT, heard())])
    first, _ = read_lines(tmp_path / "details.jsonl")
    assert first == written
    (utterance,) = first.heard
    assert (utterance.readings["dock"].confidence, utterance.readings["dock"].runner_up) == (0.9123, "E")
    assert utterance.opinions[0].readings["dock"].value == "D"
    assert (utterance.ask, utterance.reasons, utterance.closing) == ("dock", ("field_ambiguous:dock",), "pause")
    assert first.decision_ms == 550.0
    assert first.ahead is not None
    assert (first.ahead.made, first.ahead.used, first.ahead.made_s) == (2, 1, 0.1235)
    assert type(first.truth["quantity"] if first.truth else None) is int  # and never "12"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1: is not JSON; name"),
        ('{"audio": "a"}', "line 1: form"),
        ("[1]", "line 1: is not a JSON object; name"),
        (None, "cannot be read (No such file"),
    ],
)
def test_a_file_that_is_no_details_is_refused(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "details.jsonl"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableInput, match=re.escape(told)):
        read_lines(file)


def test_a_speaker_stays_in_one_half_and_silence_is_in_both() -> None:
    assert {speaker_half(name) for name in ("am_adam", "am_echo", "af_heart", "bm_lewis")} == set(SpeakerHalf)
    assert speaker_half("am_adam") is speaker_half("am_adam")
    clips = [
        Clip(audio=Path(f"{number}.flac"), fields=None, condition="clean", speaker=speaker)
        for number, speaker in enumerate(["am_adam", "am_echo", "af_heart", "bm_lewis", None])
    ]
    parts = [clips_of_half(clips, one) for one in SpeakerHalf]
    assert sum(map(len, parts)) == len(clips) + 1


def test_risk_takes_the_surest_first_and_what_is_equally_sure_at_once() -> None:
    lines = [
        line(Mark.RIGHT, heard(0.9)),
        line(Mark.WRONG, heard(0.9, dock="D")),
        line(Mark.RIGHT, heard(1.0)),
        line(Mark.ASKED, heard(1.0, dock=None)),
    ]
    assert measures.risk_coverage_curve(lines) == [(0.25, 0.0), (0.75, pytest.approx(1 / 3))]


def test_reliability_says_how_often_a_confidence_is_right() -> None:
    lines = [line(Mark.RIGHT, heard(0.75)), line(Mark.WRONG, heard(0.75, dock="D")), line(Mark.MISSED)]
    (one,) = measures.bin_by_confidence([field for field in measures.field_results(lines) if field.name == "dock"])
    assert (one.confidence, one.right.share, one.count) == (0.75, 0.5, 2)


def test_sound_without_speech_has_hours_and_a_bound() -> None:
    assert measures.measure_silence([line(Mark.RIGHT, heard())]) is None
    lines = [still(Mark.SILENT, audio_s=3600), still(Mark.INVENTED, heard(), audio_s=3600)]
    found = measures.measure_silence(lines)
    assert found is not None
    assert (found.hours, found.utterances, found.invented) == (2.0, 1, 1)
    assert found.as_json()["invented_per_hour_at_most"] == pytest.approx(2.37, abs=0.01)


def every_kind() -> list[ClipLine]:
    parked = Conversation(end="parked", fields={}, questions=3, seconds=20.0)
    right = Conversation(end="right", fields=dict(TRUTH), questions=1, seconds=10.0)
    return [
        line(Mark.RIGHT, heard(), speaker="am_adam", conversation=right),
        line(Mark.WRONG, heard(0.95, pallet_id="752"), condition="10dB", audio="set/<b>.flac", conversation=parked),
        line(Mark.ASKED, heard(0.6, Outcome.ASK, dock=None), condition="10dB"),
        line(Mark.MISSED, condition="10dB"),
        still(Mark.SILENT),
        still(Mark.INVENTED, heard(), audio="made/wind-0"),
    ]


def test_the_operators_table_counts_wrong_among_what_was_kept() -> None:
    table = figures.tabulate_conversations(every_kind())
    together = dict(zip(table.columns, table.rows[-1], strict=True))
    assert (together["n"], together["kept"], together["questions"]) == ("2", "1", "2.00")
    assert together["wrong % of kept"].startswith("0.0 ")
    assert together["parked %"].startswith("50.0 ")


def run(lines: Sequence[ClipLine], sound: bytes = b"fLaC and more") -> ReportInput:
    return ReportInput(
        "set/manifest.jsonl", "2026-01-01", tuple(lines), {"cores": "2"}, {"policy": "balanced"}, lambda _: sound
    )


class Reader(HTMLParser):
    """Notes what a page is made of, and that every element is closed."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_needs_nothing_beside_itself_and_escapes_what_it_is_given() -> None:
    text = render_report(run(every_kind()))
    found = read(text)
    assert "<b>" not in text
    assert "wrong: <b>.flac" in found.text
    addresses = [one for _, told in found.seen for one in (told.get("src"), told.get("href")) if one]
    assert addresses
    assert all(one.startswith("data:audio/flac;base64,") for one in addresses)
    assert not [tag for tag, _ in found.seen if tag in {"script", "link", "iframe"}]
    assert {told["aria-label"] for tag, told in found.seen if tag == "svg"} == {
        "Outcomes by condition", "Risk against coverage", "Latency", "Reliability", "Digits heard as",
        "Letters heard as",
    }  # fmt: skip


def test_settings_are_told_without_keys_and_addresses() -> None:
    used = Settings.model_validate(
        {"understand": {"clients": {"cloud": {"kind": "openai", "url": "https://x.example"}}}}
    )
    told = made_with.describe_settings(used, [line(Mark.RIGHT, heard())])
    assert told["read by"] == "scripted"
    assert told["understand.mode"] == "on-device"
    assert "hear.endpoint.hangover_ms" in told
    assert "x.example" not in str(told)
    assert made_with.describe_machine()["processor"]


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


@each_of(
    ("truth", "heard", "pairs"),
    [
        ("", "", ()),
        ("742", "742", (("7", "7"), ("4", "4"), ("2", "2"))),
        ("742", "752", (("7", "7"), ("4", "5"), ("2", "2"))),
        ("742", "72", (("7", "7"), ("4", ""), ("2", "2"))),
        ("72", "742", (("7", "7"), ("", "4"), ("2", "2"))),
        ("B", "", (("B", ""),)),
    ],
)
def test_truth_and_heard_lie_side_by_side(truth: str, heard: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert align_characters(truth, heard) == pairs


def test_digits_and_letters_are_counted_apart() -> None:
    digits, letters = count_confusions([("15", "50"), ("B", "D"), ("B", "B")])
    assert digits[("1", "5")] == digits[("5", "0")] == 1
    assert letters == {("B", "D"): 1, ("B", "B"): 1}


@each_of(
    ("hits", "of", "least", "most"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (95, 100, 0.8882, 0.9785), (1, 116, 0.0015, 0.0472)],
)
def test_wilsons_interval_as_published_tables_give_it(hits: int, of: int, least: float, most: float) -> None:
    found = wilson_interval(hits, of)
    assert found is not None
    assert found.share == pytest.approx(hits / of)
    assert (found.least, found.most) == pytest.approx((least, most), abs=2e-4)


@each_of(("events", "most"), [(0, 2.996), (1, 4.744), (2, 6.296), (10, 16.962)])
def test_the_upper_bound_of_a_poisson_count(events: int, most: float) -> None:
    assert poisson_upper_bound(events) == pytest.approx(most, abs=1e-3)


@each_of(("first", "second", "chance"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375)])
def test_mcnemar_counts_coin_tosses(first: int, second: int, chance: float) -> None:
    assert mcnemar_p_value(first, second) == pytest.approx(chance)
    assert mcnemar_p_value(second, first) == pytest.approx(chance)


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


@pytest.mark.parametrize(("total", "lines"), [(3, 3), (10, 10), (444, 10)])
def test_a_log_gets_a_line_for_each_tenth_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str], total: int, lines: int
) -> None:
    with show_progress("hearing", total) as advance:
        for _ in range(total):
            advance()
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == lines
    assert told.err.splitlines()[-1] == f"hearing: {total} of {total}"
