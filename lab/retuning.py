"""Retuning: score recognised clips under other confidence curves and thresholds, and choose the best.

Each clip is recognised once; only the decisions are repeated. Curves and thresholds are fitted on all speakers but one
and scored on that one, each in turn (cross-validation): every figure is of speakers outside the fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.confusable import RivalKind, classify_rival
from dockvoice_protocol.records import Reading
from edge.agent.events import UtteranceDecided
from edge.agent.parts import assemble_interpretation, make_rules
from edge.agree.decide import Circumstances, Rules, decide
from edge.config import Settings
from edge.hear.acoustics import measure_acoustics
from edge.records import Acoustics, Outcome
from edge.understand.local.confidence import VOSK, Calibration, share_log_odds
from lab.evaluate import ScoredClip
from lab.report.measures import group_by
from lab.report.statistics import Interval, SpeakerHalf, speaker_half, wilson_interval
from lab.scoring import Clip, Mark, Truth, score_clip

SHARE_ITSELF = Calibration(0.0, 1.0)  # The identity curve (confidence = vote share): prior of the fit.

PULL = 1.0  # Strength of the prior, as the inverse variance of both parameters.

_PULL_OF_KINDS = 3.0  # The same for the curve of one kind of rival or field, whose prior is the curve of all.

_STEPS = 100  # Maximum iterations of Newton's method, which needs about eight.

_SHORTEST = 1e-6  # Smallest fraction of a Newton step that is tried.

DEMANDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
"""Candidate confidence thresholds. For poor sound the threshold is raised by the policy's own difference."""

_MOST_WRONG = {"clean": 0.5, "20dB": 0.5, "10dB": 1.0, "5dB": 1.5}
"""Limit of wrong records, % of dictated clips, by condition; other conditions have that of 10 dB."""

Curves = Mapping[RivalKind, Calibration]


@dataclass(frozen=True, slots=True)
class FieldSample:
    """One recognised field of a clip with its vote share, and whether its value is right: a data point of the fit."""

    kind: str
    rival: RivalKind
    speaker: str
    share: float
    right: bool

    @property
    def confidence(self) -> float:
        """Its confidence by the shipped curves, 0 to 1."""
        return VOSK[self.rival].probability(self.share)

    @property
    def is_fitted(self) -> bool:
        """Whether its speaker belongs to the half that curves are fitted on."""
        return speaker_half(self.speaker) is SpeakerHalf.TRAIN


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A clip and its recognition results, without the audio."""

    clip: Clip
    set: str
    wording: str | None
    decided: tuple[tuple[UtteranceDecided, Acoustics], ...]


def load_rules_by_form(settings: Settings, every: Iterable[KeptClip]) -> dict[str, Rules]:
    """The rules of each form of these clips."""
    forms = load_forms(settings.forms_directory)
    names = sorted({one.clip.form for one in every})
    return {
        name: make_rules(settings, forms[name], assemble_interpretation(settings, name).catalogue) for name in names
    }


Marks = Sequence[tuple[KeptClip, Mark]]


def drop_audio(scored: ScoredClip, set_name: str) -> KeptClip:
    """The clip's recognition results without the audio, for the cache."""
    decided = []
    for one in scored.result.decisions:
        segment = one.utterance.segment
        quiet = replace(one.utterance, segment=replace(segment, pcm=b""))
        decided.append((replace(one, utterance=quiet), measure_acoustics(segment)))
    return KeptClip(scored.result.clip, set_name, scored.wording, tuple(decided))


def extract_field_samples(
    every: Sequence[KeptClip], forms: Mapping[str, Form]
) -> Iterator[tuple[KeptClip, FieldSample]]:
    """Yield each field that was recognised with one value, in clips of one utterance: the data points of the fit."""
    for one in every:
        said = one.clip.fields or one.clip.heard
        if not said or len(one.decided) != 1:
            continue
        for name, field in one.decided[0][0].reading.fields.items():
            if field.calibrated and field.value is not None and not field.rivals:
                rival = classify_rival(field.value, field.runner_up)
                share = VOSK[rival].share(field.confidence)
                kind = forms[one.clip.form][name].spoken.name
                yield one, FieldSample(kind, rival, one.clip.speaker or "", share, said.get(name) == field.value)


def fit_curves(some: Sequence[FieldSample]) -> Curves:
    """Fit one confidence curve for each kind of rival; kinds without data get the curve of all samples."""
    pooled = fit_logistic_curve(some, SHARE_ITSELF, PULL)
    of_kinds = fit_by_kind(some, pooled, lambda one: one.rival)
    return {rival: of_kinds.get(rival, pooled) for rival in RivalKind}


def mark_with_curves(one: KeptClip, by: Curves, demands: Rules) -> Mark:
    """Decide the clip again with other curves and thresholds; return its mark."""
    again = []
    for decided, acoustics in one.decided:
        reading = _recalibrate(decided.reading, by)
        verdict = decide(reading, decided.utterance.segment.closing, demands, Circumstances(acoustics))
        replaces = decided.replaces if verdict.outcome is Outcome.ACCEPT else None
        again.append(replace(decided, reading=reading, verdict=verdict, replaces=replaces))
    return score_clip(one.clip.fields, again)


def _recalibrate(reading: Reading, by: Curves) -> Reading:
    """The reading with each confidence recomputed by other curves."""
    fields = dict(reading.fields)
    for name, field in fields.items():
        if field.calibrated:
            rival = classify_rival(field.value, field.runner_up)
            sure = by[rival].probability(VOSK[rival].share(field.confidence))
            fields[name] = replace(field, confidence=sure)
    return replace(reading, fields=fields)


def fit_by_kind(
    reads: Sequence[FieldSample], pooled: Calibration, kind: Callable[[FieldSample], str]
) -> dict[str, Calibration]:
    """Fit a curve for each kind, shrunk towards the pooled curve."""
    kinds = sorted({kind(one) for one in reads})
    return {
        name: fit_logistic_curve([one for one in reads if kind(one) == name], pooled, _PULL_OF_KINDS) for name in kinds
    }


def fit_logistic_curve(reads: Sequence[FieldSample], drawn_to: Calibration, pull: float) -> Calibration:
    """Fit a logistic curve (probability right against vote share), shrunk towards `drawn_to` with strength `pull`.

    Ridge regression by Newton's method; a step that overshoots is halved until it improves.
    """
    odds = np.array([[1.0, share_log_odds(one.share)] for one in reads])
    right = np.array([one.right for one in reads], float)
    prior = np.array([drawn_to.offset, drawn_to.slope])

    def cost(weights: NDArray[np.float64]) -> float:
        signs = np.where(right == 1, -1.0, 1.0)
        return float(np.sum(np.logaddexp(0, signs * (odds @ weights))) + pull / 2 * np.sum((weights - prior) ** 2))

    weights: NDArray[np.float64] = prior.copy()
    for _ in range(_STEPS):
        probable = 1 / (1 + np.exp(-odds @ weights))
        gradient = odds.T @ (right - probable) - pull * (weights - prior)
        curvature = (odds * (probable * (1 - probable))[:, None]).T @ odds + pull * np.eye(2)
        step, part = np.linalg.solve(curvature, gradient), 1.0
        while part > _SHORTEST and cost(weights + part * step) > cost(weights):
            part /= 2
        weights = weights + part * step
    return Calibration(float(weights[0]), float(weights[1]))


def is_within_wrong_limit(condition: str, some: Marks) -> bool:
    """Whether the share of wrong clips is within the limit of _MOST_WRONG for the condition."""
    bad = sum(mark in {Mark.WRONG, Mark.INVENTED} for _, mark in some)
    return bad <= _MOST_WRONG.get(condition, _MOST_WRONG["10dB"]) / 100 * len(some)


_LEAST_SPEAKERS = 4  # With fewer, a fit on the others has only one or two voices.
_LEAST_EACH = 15  # Minimum sayings of a speaker: with fewer, one saying is more than six points of the result.
_LEAST_SAYINGS = 200  # Minimum sayings in all: with none wrong, the upper 95 % bound of the share of wrong is 1.9 %.

_WORTH = 5  # Questions that are worth one wrong record less: a question takes seconds, a wrong record causes a claim.
_LEAST_GAIN = 1.0  # Minimum gain of an alternative: points of right, or their equivalent in wrong ones.
_LAXER_MOST = 1.0
"""Upper 95 % bound of the share of wrong, in %, below which a tuning may ask fewer questions: 381 clips, none wrong."""

ON_RECORD = "on record"  # Condition name of clips from the journal: there an uncorrected entry proves little.


@dataclass(frozen=True, slots=True)
class Tuning:
    """Confidence curves and a confidence threshold; None stands for the shipped ones."""

    curves: Curves | None = None
    demand: float | None = None

    def rules(self, current_rules: Rules) -> Rules:
        """The rules with this tuning's threshold, as `agree.minimum_confidence` would set it."""
        return current_rules if self.demand is None else replace(current_rules, minimum_confidence=self.demand)

    def mark_clip(self, one: KeptClip, rules: Mapping[str, Rules]) -> Mark:
        """Decide the clip with this tuning; return its mark."""
        return mark_with_curves(one, VOSK if self.curves is None else self.curves, self.rules(rules[one.clip.form]))


@dataclass(frozen=True, slots=True)
class TriedTuning:
    """A tuning, and the marks of the clips of speakers outside its fit."""

    name: str
    marks: Marks
    of_all: Tuning  # The same, fitted on all speakers: the one to write.
    nothing: Marks = ()
    """The marks of the clips of which nothing may be recorded, by `of_all`: its threshold was fitted on these, too."""

    def share(self, *wanted: Mark) -> Interval:
        """Share of the clips with one of these marks, with its 95 % interval."""
        found = wilson_interval(sum(became in wanted for _, became in self.marks), len(self.marks))
        assert found is not None  # noqa: S101 - nothing is tried on nothing
        return found

    @property
    def right_percent(self) -> float:
        """Share of clips marked right, in %."""
        return 100 * self.share(Mark.RIGHT).share

    @property
    def wrong_count(self) -> int:
        """Number of clips marked wrong or invented."""
        return sum(became in {Mark.WRONG, Mark.INVENTED} for _, became in (*self.marks, *self.nothing))


def describe_missing_recordings(every: Sequence[KeptClip]) -> str | None:
    """Say which recordings are still missing for a fit; None if there are enough."""
    sayings = {(one.clip.speaker, one.clip.text or repr(one.clip.fields)) for one in every if one.clip.speaker}
    each = Counter(speaker for speaker, _ in sayings)
    enough = [speaker for speaker, n in each.items() if n >= _LEAST_EACH]
    if len(enough) >= _LEAST_SPEAKERS and len(sayings) >= _LEAST_SAYINGS:
        return None
    more = max(_LEAST_SAYINGS - len(sayings), _LEAST_EACH * (_LEAST_SPEAKERS - len(enough)))
    return (
        f"{len(sayings)} sayings of {len(each)} speakers; it takes {_LEAST_SAYINGS}, and {_LEAST_SPEAKERS} "
        f"speakers with {_LEAST_EACH} each, to fit on some and try on others: record {more} more, new "
        f"speakers among them: {max(0, _LEAST_SPEAKERS - len(each))}"
    )


def cross_validate(every: Sequence[KeptClip], standing: Mapping[str, Rules]) -> tuple[TriedTuning, ...]:
    """Score each kind of tuning on speakers outside its fit; the shipped tuning is first."""
    forms = {name: rules.form for name, rules in standing.items()}
    readings = list(extract_field_samples(every, forms))
    said = [one for one in every if one.clip.fields is not None and one.clip.speaker is not None]

    def fitted(some: Sequence[KeptClip], *, curved: bool, demanding: bool) -> Tuning:
        kept = {id(one) for one in some}
        own = _fit_near_shipped([read for one, read in readings if id(one) in kept]) if curved else None

        def mark_with(minimum: float) -> Marks:
            way = Tuning(own, minimum)
            return (*mark_all(some, way, standing), *mark_nothing(some, way, standing))

        return Tuning(own, find_lowest_threshold(mark_with) if demanding else None)

    ways = {
        "as shipped": (False, False),
        "a demand of its own": (False, True),
        "curves of its own": (True, False),
        "both": (True, True),
    }
    found = []
    for name, (curved, demanding) in ways.items():
        marks: list[tuple[KeptClip, Mark]] = []
        for speaker in dict.fromkeys(one.clip.speaker for one in said):
            way = fitted([one for one in every if one.clip.speaker != speaker], curved=curved, demanding=demanding)
            marks += [(one, way.mark_clip(one, standing)) for one in said if one.clip.speaker == speaker]
        of_all = fitted(every, curved=curved, demanding=demanding)
        found.append(TriedTuning(name, marks, of_all, mark_nothing(every, of_all, standing)))
    return tuple(found)


def mark_all(every: Sequence[KeptClip], tuning: Tuning, rules: Mapping[str, Rules]) -> Marks:
    """The marks of all clips that dictate an entry."""
    return [(one, tuning.mark_clip(one, rules)) for one in every if one.clip.fields is not None]


def mark_nothing(every: Sequence[KeptClip], tuning: Tuning, rules: Mapping[str, Rules]) -> Marks:
    """The marks of all clips of which nothing may be recorded."""
    return [(one, tuning.mark_clip(one, rules)) for one in every if one.clip.fields is None]


def choose_best(ways: Sequence[TriedTuning]) -> TriedTuning | None:
    """The best tuning with evidence that is no more often wrong than the shipped one; None if none is better."""
    shipped = ways[0]
    no_worse = [one for one in ways[1:] if one.wrong_count <= shipped.wrong_count and _has_evidence(one, ways)]
    best = max(no_worse, key=lambda one: _score_gain(one, shipped), default=shipped)
    return best if _score_gain(best, shipped) >= _LEAST_GAIN else None


def _score_gain(one: TriedTuning, shipped: TriedTuning) -> float:
    """Percentage points more right than the shipped tuning, plus _WORTH times those fewer wrong."""
    return (
        one.right_percent
        - shipped.right_percent
        + _WORTH * 100 * (shipped.wrong_count - one.wrong_count) / len(one.marks)
    )


def _has_evidence(one: TriedTuning, ways: Sequence[TriedTuning]) -> bool:
    """Whether it asks no less often than the shipped tuning, or enough clips with truth prove that safe."""
    asks_less = one.share(Mark.ASKED).share < ways[0].share(Mark.ASKED).share
    if asks_less and any(_is_unproved(clip.clip) for clip, _ in one.marks):
        return False
    return not asks_less or 100 * one.share(Mark.WRONG, Mark.INVENTED).most <= _LAXER_MOST


def _is_unproved(clip: Clip) -> bool:
    """Whether its truth is what the operator left or agreed to, and nobody has listened."""
    return clip.condition == ON_RECORD or clip.truth is Truth.AGREED


def _fit_near_shipped(some: Sequence[FieldSample]) -> Curves:
    """Fit a curve for each kind of rival, shrunk towards the shipped curve, which is used where there is no data."""
    of = {rival: [read for read in some if read.rival is rival] for rival in RivalKind}
    return {
        rival: fit_logistic_curve(few, VOSK[rival], _PULL_OF_KINDS) if few else VOSK[rival] for rival, few in of.items()
    }


def find_lowest_threshold(mark_with: Callable[[float], Marks]) -> float:
    """The lowest threshold of DEMANDS that keeps wrong records within the limit of each condition; else the highest.

    `mark_with` decides all clips with a threshold, and returns their marks.
    """
    for minimum in DEMANDS:
        groups = group_by(mark_with(minimum), lambda marked: marked[0].clip.condition)
        if all(is_within_wrong_limit(condition, some) for condition, some in groups.items()):
            return minimum
    return DEMANDS[-1]
