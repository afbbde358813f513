"""Confidence of a reading: n-best alternatives merged, and their shares calibrated to probabilities. Pure.

The kind of rival predicts errors as well as the share does: at the same share, a value from which a sound may be
missing (60 for 16) is wrong far more often than one with that sound. So each kind of rival has its own curve; on voices
not used for the fit, these predicted better than a single curve (`lab/bench/calibration.py` prints both). The form is
Platt's: Platt, "Probabilistic outputs for support vector machines", 1999.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from types import MappingProxyType

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.spoken.confusable import RivalKind
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, FieldValue, Word
from edge.config import CurveSettings
from edge.understand.log_odds import log_odds
from edge.understand.reading_builder import UNKNOWN

_Fields = Mapping[str, FieldReading]
_FieldMeanings = tuple[tuple[str, FieldValue | None], ...]

_TEMPERATURE = 0.7
"""Softmax temperature of the scores: alternatives that differ by this have shares that differ by a factor of e. On the
dev set this value separates right from wrong best (0.7, 1, 1.5 and 2 were tried)."""

_SENSELESS = 3.0
"""Score penalty of an alternative for each field whose words make no value; with the temperature, a factor of 70. On
the dev set 2, 3 and 4 had the same effect. No penalty for words beyond the grammar, which are other speech, and for a
missing field, since people do leave one out."""

_LEFT_OUT = 0.1
"""Share from which a field is doubtful that the likeliest meaning lacks: "crushed" where "rush" was heard."""

_STRANGE = 4.0
"""Score bonus of an alternative with a non-number word in the place of a number word: "full" for the "four" of "pallet
full three eight six". The language model consists of the form's sentences, which have hardly any other words. So an
unexpected word makes the number word doubtful, but never replaces it. Of a third of the dev set and the accents, 171
right, it adds no question; at 5 it adds one."""

_LITTLE = 2
"""Words of at most this many letters get no bonus: sentences have them, and a number word in fast speech sounds like
one, "eight" like "a", "two" like "do". With them 4 of 69 right clips with foreign accents got a question, without them
none."""

_REACH = 6.0  # Alternatives with a score further below the first have a share below 1/5,000, and are not read.


@dataclass(frozen=True, slots=True)
class Alternative:
    """A recogniser's hypothesis for an utterance: its words and log likelihood."""

    score: float  # A log-likelihood: only differences within one hearing are meaningful.
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    score: float
    share: float
    words: tuple[Word, ...]
    fields: _Fields
    meaning: _FieldMeanings = field(repr=False)


def likeliest_meaning(
    hearings: Sequence[Sequence[Alternative]],
    read: Callable[[Sequence[Word]], _Fields],
    allows: Callable[[str, FieldValue], bool],
    parts: Collection[str] = (),
    *,
    has_word_times: bool = True,
) -> tuple[tuple[Word, ...], _Fields]:
    """The words and fields of the likeliest meaning, each field with its share as confidence.

    All hearings have the same weight; each has at least one alternative, the likeliest first. `allows` returns whether
    a field may have a value; `parts` are words that mean something only as part of a longer value. `has_word_times`:
    the words' times are known, by which other words may hide a number.
    """
    each = [_weigh_alternatives(hearing, len(hearings), read, allows, parts) for hearing in hearings]
    candidates = list(chain.from_iterable(each))
    shares: dict[_FieldMeanings, float] = {}
    for candidate in candidates:
        shares[candidate.meaning] = shares.get(candidate.meaning, 0.0) + candidate.share
    chosen = max(shares, key=shares.__getitem__)
    best = next(candidate for candidate in candidates if candidate.meaning == chosen)
    weighed = candidates
    if has_word_times:
        boosted = (_boost_non_numbers_over_numbers(one, best.words, len(hearings)) for one in each)
        weighed = list(chain.from_iterable(boosted))
    fields = {name: _with_share(name, field, weighed) for name, field in best.fields.items()}
    fields |= _find_left_out_fields(best, candidates)
    return tuple(_with_word_confidence(word, hearings) for word in best.words), fields


def _find_left_out_fields(best: _Candidate, candidates: Sequence[_Candidate]) -> _Fields:
    """The fields that the likeliest meaning lacks and another has: without a value, with a runner-up."""
    others = {name: field for one in reversed(candidates) for name, field in one.fields.items()}
    weighed = {name: _with_share(name, field, candidates) for name, field in others.items() if name not in best.fields}
    return {
        name: replace(field, value=None, runner_up=field.value)
        for name, field in weighed.items()
        if field.value is not None and field.confidence >= _LEFT_OUT
    }


def _weigh_alternatives(
    hearing: Sequence[Alternative],
    of: int,
    read: Callable[[Sequence[Word]], _Fields],
    allows: Callable[[str, FieldValue], bool],
    parts: Collection[str],
) -> list[_Candidate]:
    likely = _select_near(hearing)
    meant = [read(alternative.words) for alternative in likely]
    senseless = (sum(_is_senseless(name, field, allows, parts) for name, field in fields.items()) for fields in meant)
    scores = [one.score - _SENSELESS * count for one, count in zip(likely, senseless, strict=True)]
    return [
        _Candidate(
            score,
            share / of,
            alternative.words,
            fields,
            tuple((name, None if field.rivals else field.value) for name, field in sorted(fields.items())),
        )
        for alternative, fields, score, share in zip(likely, meant, scores, _softmax(scores), strict=True)
    ]


def _boost_non_numbers_over_numbers(hearing: Sequence[_Candidate], words: Sequence[Word], of: int) -> list[_Candidate]:
    """One hearing's candidates with new shares: those with a non-number word over a number in `words` gain."""
    figures = [(word.start + word.end) / 2 for word in words if ENGLISH.numerals.is_part(word.text)]
    gains = [_STRANGE * _covers_number(candidate.words, figures) for candidate in hearing]
    if not any(gains):
        return list(hearing)
    shares = _softmax([candidate.score + gain for candidate, gain in zip(hearing, gains, strict=True)])
    return [replace(candidate, share=share / of) for candidate, share in zip(hearing, shares, strict=True)]


def _covers_number(words: Sequence[Word], figures: Sequence[float]) -> bool:
    """Whether a non-number word covers the middle of a number word; `figures` are these middles, in seconds."""
    return any(_is_foreign(word.text) and any(word.start <= at < word.end for at in figures) for word in words)


def _is_foreign(word: str) -> bool:
    known = word == UNKNOWN or word in ENGLISH.hesitations or word in ENGLISH.homophones
    return len(word) > _LITTLE and not known and not ENGLISH.numerals.is_part(word)


def _select_near(hearing: Sequence[Alternative]) -> list[Alternative]:
    """The alternatives of a hearing within _REACH of the first."""
    return [alternative for alternative in hearing if hearing[0].score - alternative.score <= _REACH]


def _is_senseless(
    name: str, field: FieldReading, allows: Callable[[str, FieldValue], bool], parts: Collection[str]
) -> bool:
    """Whether a field has no value, not even a doubtful one, or one that is not allowed, or a part of one beside it."""
    if field.value is not None:
        return not allows(name, field.value)
    if field.runner_up is None:
        return UNKNOWN not in field.words
    return any(word in parts for word in field.words if word not in str(field.runner_up).split())


def _softmax(scores: Sequence[float]) -> list[float]:
    most = max(scores)
    weights = [math.exp((score - most) / _TEMPERATURE) for score in scores]
    return [weight / sum(weights) for weight in weights]


def _with_share(name: str, field: FieldReading, candidates: Sequence[_Candidate]) -> FieldReading:
    """The field with the share of its value as confidence, and the likeliest other value as runner-up."""
    shares = _share_values(name, candidates)
    confidence = min(1.0, shares.pop(field.value, 0.0))
    others = {value: share for value, share in shares.items() if value is not None}
    doubtful = field.runner_up if field.value is None else None
    return replace(field, confidence=confidence, runner_up=max(others, key=others.__getitem__, default=doubtful))


def _share_values(name: str, candidates: Sequence[_Candidate]) -> dict[FieldValue | None, float]:
    """The share of each value of a field. Ambiguous candidates are divided in proportion to the clear shares."""
    shares: dict[FieldValue | None, float] = {}
    either: list[tuple[float, tuple[FieldValue | None, ...]]] = []
    for candidate in candidates:
        said = candidate.fields.get(name)
        if said is not None and said.rivals:
            either.append((candidate.share, (said.value, *said.rivals)))
        else:
            value = None if said is None else said.value
            shares[value] = shares.get(value, 0.0) + candidate.share
    clear = dict(shares)
    for share, values in either:
        known = [value for value in values if value in clear] or values
        of = sum(clear.get(value, 1.0) for value in known)
        for value in known:
            shares[value] = shares.get(value, 0.0) + share * clear.get(value, 1.0) / of
    return shares


def _with_word_confidence(word: Word, hearings: Sequence[Sequence[Alternative]]) -> Word:
    """The word, with the share of alternatives that have it at its place, averaged over hearings, as confidence."""
    return replace(word, confidence=min(1.0, sum(_share_having(word, one) for one in hearings) / len(hearings)))


def _share_having(word: Word, hearing: Sequence[Alternative]) -> float:
    likely, middle = _select_near(hearing), (word.start + word.end) / 2
    return sum(
        share
        for alternative, share in zip(likely, _softmax([one.score for one in likely]), strict=True)
        if any(other.text == word.text and other.start <= middle <= other.end for other in alternative.words)
    )


_CERTAIN = 0.999  # Upper limit of shares: a few hundred readings cannot distinguish one error in a thousand from none.

_ALMOST_1 = 1 - 1e-9  # Upper limit of a probability whose share is sought: 1 has no log odds.


@dataclass(frozen=True, slots=True)
class Calibration:
    """The log odds of being right as a linear function of the log odds of the share."""

    offset: float
    slope: float

    def probability(self, share: float) -> float:
        """The probability, 0 to 1, that a value of this share is right."""
        return 1 / (1 + math.exp(-(self.offset + self.slope * share_log_odds(share))))

    def share(self, probability: float) -> float:
        """The share that has this probability: the inverse of `probability`."""
        return 1 / (1 + math.exp(-(log_odds(probability, 1 - _ALMOST_1, _ALMOST_1) - self.offset) / self.slope))


def share_log_odds(share: float) -> float:
    """The natural logarithm of the odds of a share, which is limited to what a share can tell."""
    return log_odds(share, 1 - _CERTAIN, _CERTAIN)


VOSK: Mapping[RivalKind, Calibration] = MappingProxyType(
    {
        RivalKind.NONE: Calibration(offset=1.50, slope=0.99),
        RivalKind.LESS: Calibration(offset=0.43, slope=1.58),
        RivalKind.MORE: Calibration(offset=-1.42, slope=0.72),
        RivalKind.ZERO: Calibration(offset=0.66, slope=1.06),
        RivalKind.ALIKE: Calibration(offset=-0.18, slope=1.09),
        RivalKind.LETTER: Calibration(offset=0.57, slope=1.63),
        RivalKind.OTHER: Calibration(offset=-0.38, slope=0.83),
    }
)
"""Fitted on half of the speakers, those whose name has an even SHA-256: on their clips of the dev set, and of the
repository's own set in synthetic noise; without a rival, or with one zero more, on the dev set and the library's first
set, clean and at 20 dB. `python -m lab.bench.calibration DETAILS...` fits them."""


def calibration_curves(weights: str, own: Mapping[str, CurveSettings]) -> Mapping[RivalKind, Calibration]:
    """The shipped curves, overridden by a site's own that were fitted with these weights.

    Raises Misconfigured for an unknown kind.
    """
    if unknown := own.keys() - {rival.value for rival in RivalKind}:
        raise Misconfigured(
            f"understand.calibration: {', '.join(sorted(unknown))}: no such kind; allowed: {', '.join(RivalKind)}"
        )
    fitting = {
        RivalKind(kind): Calibration(one.offset, one.slope) for kind, one in own.items() if one.weights == weights
    }
    return {**VOSK, **fitting}
