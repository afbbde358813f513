from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dockvoice_protocol.forms.spoken.confusable import RivalKind
from dockvoice_protocol.records import FieldReading, FieldValue, Reading
from edge.agent.events import UtteranceDecided
from edge.agree.decide import Rules, decide
from edge.records import Acoustics, ClosedBy, Outcome, Segment, Utterance
from edge.understand.local.confidence import VOSK, Calibration
from lab.bench.rotation import GROUPS, cross_validate_groups, judge_left_out_results, tabulate_marks_by_fit
from lab.retuning import KeptClip, extract_field_samples, fit_curves, mark_with_curves
from lab.scoring import Clip, Mark
from tests.rows import each_of

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
    assert [row[0] for row in tabulate_marks_by_fit({"all of it": together, "other speakers": left_out}, "T").rows] == [
        f"{condition}: {way}" for condition in ("clean", "together") for way in ("all of it", "other speakers")
    ]
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
