from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import FieldReading, Reading
from edge.agent.events import UtteranceDecided
from edge.config import Settings
from edge.records import Cause, ClosedBy, Outcome, Reason, Segment, Utterance, Verdict
from edge.understand.local.incremental import Speculation
from lab.report import figures, made_with, measures
from lab.report.lines import ClipLine, Conversation, HeardUtterance, read_lines, write_lines
from lab.report.lines import build_line as as_line
from lab.report.page import ReportInput, render_report
from lab.report.statistics import SpeakerHalf, clips_of_half, speaker_half
from lab.scoring import Clip, ClipResult, Mark
from tests.lab.details import TRUTH, heard, line


def still(mark: Mark, *utterances: HeardUtterance, audio: str = "set/900.flac", audio_s: float = 4.0) -> ClipLine:
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
    spent = Speculation(made=2, used=1, made_s=0.123456)
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
