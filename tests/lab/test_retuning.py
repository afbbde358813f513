"""What a site's own recordings make of thresholds and curves, tried on speakers left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.forms.spoken.confusable import RivalKind
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agent.events import UtteranceDecided
from edge.agree.decide import Rules, decide
from edge.config import Settings
from edge.records import Acoustics, ClosedBy, Outcome, Segment, Utterance
from edge.understand.local.confidence import VOSK, Calibration, calibration_curves
from lab.bench.calibration import log_loss
from lab.bench.rotation import GROUPS, cross_validate_groups, judge_left_out_results, tabulate_right_wrong_by_fitted_set
from lab.on_record import final_entries_by_utterance
from lab.retune_command import replace_tuning, retune
from lab.retuning import (
    ON_RECORD,
    PULL,
    SHARE_ITSELF,
    FieldSample,
    KeptClip,
    TriedTuning,
    Tuning,
    choose_best,
    cross_validate,
    describe_missing_recordings,
    extract_field_samples,
    fit_curves,
    fit_logistic_curve,
    mark_with_curves,
)
from lab.scoring import Clip, Mark, Truth
from tests.rows import each_of

SPEAKERS = ("anna", "ben", "carl", "dora")


def sayings(count: int, share: float, rules: Rules, wrong: int = 0) -> list[KeptClip]:
    """So many by each speaker, the first of them wrong."""
    made = {(who, right): clip(who, share, rules, right=right) for who in SPEAKERS for right in (True, False)}
    return [
        replace(one, clip=one.clip.model_copy(update={"text": str(number)}))
        for who in SPEAKERS
        for number in range(count)
        for one in (made[who, number >= wrong],)
    ]


def shares(every: Sequence[KeptClip], rules: Rules) -> tuple[tuple[TriedTuning, ...], TriedTuning | None]:
    ways = cross_validate(every, {"pallet-move": rules})
    return ways, choose_best(ways)


def test_too_few_are_refused_and_it_is_told_how_many_more(rules: Rules, tmp_path: Path) -> None:
    assert describe_missing_recordings(sayings(50, 0.9, rules)) is None
    assert "record 40 more, new speakers among them: 0" in str(describe_missing_recordings(sayings(40, 0.9, rules)))
    one_speaker = [one for one in sayings(300, 0.9, rules) if one.clip.speaker == "anna"]
    assert "300 sayings of 1 speakers; it takes 200, and 4 speakers" in str(describe_missing_recordings(one_speaker))
    assert "record 45 more, new speakers among them: 3" in str(describe_missing_recordings(one_speaker))
    (tmp_path / "manifest.jsonl").write_text(
        '{"audio": "a.flac", "fields": {"dock": "B"}, "condition": "clean", "speaker": "anna", "speech_end": 1.0}\n'
    )
    (tmp_path / "a.flac").touch()
    with pytest.raises(UnreadableInput, match=r"manifest.jsonl: 1 sayings of 1 speakers; .* 199 more.*record-truth"):
        retune(tmp_path / "manifest.jsonl")


def test_what_is_wrong_at_a_site_is_asked_there(rules: Rules) -> None:
    every = sayings(16, 0.995, rules) + sayings(5, 0.6, rules, wrong=4)
    ways, best = shares(every, rules)
    assert ways[0].wrong_count == 4 * 4
    assert best is not None
    assert best.wrong_count == 0
    assert best.right_percent >= ways[0].right_percent - 10


@each_of(("clips", "condition", "better"), [(380, "clean", False), (381, "clean", True), (381, ON_RECORD, False)])
def test_less_is_asked_only_where_so_many_bear_it_out(clips: int, condition: str, better: bool, rules: Rules) -> None:
    """At work nobody knows that what was not corrected is right, however much there is of it."""
    one = clip("anna", 0.25, rules)
    one = replace(one, clip=one.clip.model_copy(update={"condition": condition}))
    ways = [
        TriedTuning(name, [(one, mark)] * clips, Tuning()) for name, mark in (("as", Mark.ASKED), ("own", Mark.RIGHT))
    ]
    assert choose_best(ways) is (ways[1] if better else None)


def test_less_is_asked_only_where_somebody_has_heard_what_was_said(rules: Rules) -> None:
    agreed = clip("anna", 0.25, rules)
    agreed = replace(agreed, clip=agreed.clip.model_copy(update={"truth": Truth.AGREED}))
    ways = [
        TriedTuning(name, [(agreed, mark)] * 381, Tuning()) for name, mark in (("as", Mark.ASKED), ("own", Mark.RIGHT))
    ]
    assert choose_best(ways) is None


def test_what_is_recorded_where_nothing_was_said_is_as_bad_as_a_wrong_record(rules: Rules) -> None:
    alarm = clip("anna", 0.5, rules)
    alarm = replace(alarm, clip=alarm.clip.model_copy(update={"fields": None, "speaker": None}))
    every = [*sayings(16, 0.995, rules), *[alarm] * 10]
    ways, best = shares(every, rules)
    assert [(mark, ways[0].wrong_count) for _, mark in ways[0].nothing[:1]] == [(Mark.INVENTED, 10)]
    assert best is not None
    assert best.wrong_count == 0


@dataclass(frozen=True)
class Entry:
    utterance_id: str
    event_id: str | None
    act: Act | None
    replaces: str | None
    fields: Mapping[str, FieldValue]
    operator: str | None = "anna"


def test_an_entry_is_what_its_operator_made_of_it_in_the_end() -> None:
    entries: list[Any] = [
        Entry("u1", "e1", Act.RECORD, None, {"dock": "B"}),
        Entry("u2", "e2", Act.RECORD, None, {"dock": "C"}),
        Entry("u3", "e3", Act.AMEND, "e1", {"dock": "D"}),
        Entry("u4", "e4", Act.AMEND, "e3", {"dock": "E"}),
        Entry("u5", "e5", Act.CANCEL, "e2", {}),
        Entry("u6", "e6", Act.AMEND, "e0", {"dock": "A"}),
    ]
    assert {said: entry.fields for said, entry in final_entries_by_utterance(entries).items()} == {"u1": {"dock": "E"}}


SITE = """# ours
site = "north"

[agree] # how sure
policy = "balanced"
minimum_confidence = 0.9

[understand.calibration.none]
weights = "small-en-us"
offset = 3
slope = 3

[deliver]
prefix = "dock"
"""


@pytest.mark.parametrize("text", ["", SITE, 'site = "north"\n[deliver]\nprefix = "dock"\n'])
def test_the_agent_takes_what_is_written(text: str, tmp_path: Path) -> None:
    way = Tuning({**VOSK, RivalKind.ALIKE: Calibration(-0.5, 2.0)}, 0.8)
    (tmp_path / "edge.toml").write_text(replace_tuning(text, way, "small-en-us", "# told\n"))
    settings = load_settings(Settings, tmp_path / "edge.toml")
    assert settings.agree.minimum_confidence == 0.8
    assert calibration_curves("small-en-us", settings.understand.calibration) == way.curves
    assert calibration_curves("small-de", settings.understand.calibration) == VOSK
    if text:
        assert (settings.site, settings.deliver.prefix) == ("north", "dock")
    (tmp_path / "edge.toml").write_text(replace_tuning(text, Tuning(), "small-en-us", "# told\n"))
    settings = load_settings(Settings, tmp_path / "edge.toml")
    assert (settings.agree.minimum_confidence, settings.understand.calibration) == (None, {})


def test_what_was_written_is_taken_back_and_what_was_changed_since_stays(tmp_path: Path) -> None:
    file, kept = tmp_path / "edge.toml", tmp_path / "edge.toml.before-retune"
    way = Tuning({**VOSK, RivalKind.ALIKE: Calibration(-0.5, 2.0)}, 0.8)
    kept.write_text(SITE)
    file.write_text(replace_tuning(SITE, way, "small-en-us", "# told\n").replace('prefix = "dock"', 'prefix = "north"'))
    retune(take_back=file)
    before, after = (load_settings(Settings, one) for one in (write_to(tmp_path / "site.toml", SITE), file))
    assert (after.agree, after.understand) == (before.agree, before.understand)
    assert (after.site, after.deliver.prefix) == ("north", "north")
    with pytest.raises(UnreadableInput, match=r"before-retune: no such file; .* it serves once"):
        retune(take_back=file)


def write_to(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_a_kind_that_there_is_not_is_refused() -> None:
    curve = {"weights": "small-en-us", "offset": 0, "slope": 1}
    own = load_settings(Settings, None, understand={"calibration": {"rhyme": curve}}).understand.calibration
    with pytest.raises(Misconfigured, match=r"understand\.calibration: rhyme: no such kind; allowed: none, less"):
        calibration_curves("small-en-us", own)


TRUTH: Mapping[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}
QUIET = Acoustics(level_db=-20, snr_db=40, clipped=0, second_voice=0, speech_seconds=3)
TRUSTING = dict.fromkeys(RivalKind, Calibration(10.0, 1.0))
DOUBTING = dict.fromkeys(RivalKind, Calibration(-10.0, 1.0))


def clip(speaker: str, share: float, rules: Rules, *, right: bool = True) -> KeptClip:
    """A sentence in which the dock was heard with a share of `share`, as D where it is not right."""
    said = {**TRUTH, "dock": "B" if right else "D"}
    sure = VOSK[RivalKind.NONE].probability(share)
    fields = {name: FieldReading(value, (), sure, calibrated=True) for name, value in said.items()}
    reading = Reading("vosk/test", "pallet-move", (), fields)
    segment = Segment(0, 0, 16_000, 20_000, ClosedBy.PAUSE, b"")
    utterance = Utterance("a", "pallet-move", "sha256:0", datetime.now(UTC), segment)
    decided = UtteranceDecided(utterance, reading, decide(reading, ClosedBy.PAUSE, rules), None, 0.0)
    made = Clip(audio=Path("a.flac"), fields=dict(TRUTH), condition="clean", speaker=speaker)
    return KeptClip(made, "set", "pallet …", ((decided, QUIET),))


def test_a_clip_is_decided_anew_by_other_curves(rules: Rules) -> None:
    surely, wrongly = clip("anna", 0.95, rules), clip("anna", 0.95, rules, right=False)
    assert surely.decided[0][0].verdict.outcome is Outcome.ACCEPT
    assert mark_with_curves(surely, VOSK, rules) is mark_with_curves(surely, TRUSTING, rules) is Mark.RIGHT
    assert mark_with_curves(surely, DOUBTING, rules) is Mark.ASKED
    assert mark_with_curves(wrongly, TRUSTING, rules) is Mark.WRONG


def test_a_speaker_is_judged_by_curves_of_the_others_alone(rules: Rules) -> None:
    """The others are always right however unsure they seem, he never: his own clips would have warned."""
    every = [clip(name, 0.6, rules) for name in ("anna", "ben") for _ in range(60)]
    every += [clip("carl", 0.6, rules, right=False) for _ in range(60)]
    standing = {"pallet-move": rules}
    left_out = cross_validate_groups(every, GROUPS["speaker"], standing)
    assert {(one.clip.speaker, became) for one, became in left_out} >= {("carl", Mark.WRONG)}
    all_in = fit_curves([read for _, read in extract_field_samples(every, {"pallet-move": rules.form})])
    together = [(one, mark_with_curves(one, all_in, rules)) for one in every]
    assert [
        row[0]
        for row in tabulate_right_wrong_by_fitted_set({"all of it": together, "other speakers": left_out}, "T").rows
    ] == [f"{condition}: {way}" for condition in ("clean", "together") for way in ("all of it", "other speakers")]
    assert "beyond its goal at clean" in judge_left_out_results(together, left_out)


@each_of(("fallen", "met"), [(2, "met"), (3, "missed")])
def test_right_may_fall_by_two_points(fallen: int, met: str, rules: Rules) -> None:
    every = [clip("anna", 0.9, rules) for _ in range(100)]
    before = [(one, Mark.RIGHT) for one in every]
    after: Sequence[tuple[KeptClip, Mark]] = [
        (one, Mark.ASKED if number < fallen else Mark.RIGHT) for number, one in enumerate(every)
    ]
    assert judge_left_out_results(before, after).startswith(f"right falls by {fallen}.0 points ({met}")
    assert f"at most by {fallen}.0, at clean" in judge_left_out_results(before, after)
    assert judge_left_out_results(before, after).endswith("wrong is within its goals")


def reads(share: float, right: int, wrong: int) -> list[FieldSample]:
    return [FieldSample("digits", RivalKind.NONE, "somebody", share, number < right) for number in range(right + wrong)]


def test_a_fit_finds_how_often_readings_were_right() -> None:
    told = reads(0.5, 800, 200) + reads(0.9, 990, 10)
    curve = fit_logistic_curve(told, SHARE_ITSELF, PULL)
    assert curve.probability(0.5) == pytest.approx(0.8, abs=0.02)
    assert curve.probability(0.9) == pytest.approx(0.99, abs=0.01)
    assert log_loss(told, lambda _: curve) < log_loss(told, lambda _: SHARE_ITSELF)


def test_a_fit_ends_where_few_are_right_though_they_seemed_sure() -> None:
    few = reads(0.999, 2, 8)
    curve = fit_logistic_curve(few, SHARE_ITSELF, PULL)
    assert log_loss(few, lambda _: curve) < log_loss(few, lambda _: SHARE_ITSELF)
    assert abs(curve.slope) < 10


def test_readings_that_are_all_right_make_nothing_certain() -> None:
    assert fit_logistic_curve(reads(0.99, 200, 0), SHARE_ITSELF, PULL).probability(0.99) < 1
