from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dockvoice_protocol.records import FieldReading, FieldValue, Word
from edge.understand.local.judging import Fits, Heard, judge_fields

FRAMES = 100


def heard(text: str, **fields: FieldReading) -> Heard:
    return Heard(tuple(Word(word, float(at), at + 0.5, 1.0) for at, word in enumerate(text.split())), fields)


def field(value: FieldValue, words: str, confidence: float, runner_up: FieldValue | None = None) -> FieldReading:
    return FieldReading(value, tuple(words.split()), confidence, runner_up=runner_up, calibrated=True)


def judge(best: float, **better_by: float) -> Callable[[Sequence[Sequence[str]]], Fits]:
    """A judge for whom a wording that ends with a word fits better by so much; `best` is the fit of all others."""
    return lambda wordings: Fits([best + better_by.get(words[-1], 0.0) for words in wordings], FRAMES)


def asked_for_nothing(_: Sequence[Sequence[str]]) -> Fits:
    raise AssertionError


def known(_: str, value: FieldValue) -> bool:
    return value in tuple("ABCDEFGH") or isinstance(value, int)


def judged(
    one: FieldReading, others: Sequence[Heard], measure: Callable[[Sequence[Sequence[str]]], Fits]
) -> Mapping[str, FieldReading]:
    return judge_fields({"it": one}, others, measure, known)


SIXTEEN = heard("pallet five sixteen", it=field(16, "sixteen", 1))
SIXTY = heard("pallet five sixty", it=field(60, "sixty", 1))


def test_a_value_without_a_rival_is_not_judged() -> None:
    one = field(16, "sixteen", 0.7)
    assert judged(one, [SIXTEEN], asked_for_nothing)["it"] is one


def test_a_value_that_the_judge_hears_too_is_surer() -> None:
    one = field(16, "sixteen", 0.6, 60)
    assert judged(one, [SIXTEEN, SIXTY], judge(40, sixteen=6))["it"].confidence > 0.9


def test_a_small_margin_says_nothing() -> None:
    one = field(16, "sixteen", 0.6, 60)
    assert judged(one, [SIXTEEN, SIXTY], judge(40, sixteen=2.9))["it"] is one


def test_a_judge_who_hears_badly_makes_nothing_surer() -> None:
    one = field(16, "sixteen", 0.6, 60)
    assert judged(one, [SIXTEEN, SIXTY], judge(10, sixteen=6))["it"] is one


def test_no_confidence_falls_where_the_judge_agrees() -> None:
    one = field(16, "sixteen", 0.9999, 60)
    assert judged(one, [SIXTEEN, SIXTY], judge(40, sixteen=6))["it"].confidence == 0.9999


def test_a_letter_is_compared_with_all_that_may_stand_there() -> None:
    one = judged(field("G", "dock g", 0.99), [heard("dock g", it=field("G", "dock g", 1))], judge(40, g=-3, e=0.5))
    assert (one["it"].confidence, one["it"].runner_up) == (0.5, "E")


def test_a_letter_that_does_not_rhyme_needs_a_larger_margin() -> None:
    said = [heard("dock f", it=field("F", "dock f", 1))]
    one = field("F", "dock f", 0.9)
    assert judged(one, said, judge(40, f=-6))["it"].confidence == 0.9
    assert judged(one, said, judge(40, f=-7))["it"].confidence == 0.5


def test_a_letter_with_a_word_for_it_is_compared_with_what_the_recogniser_lists_alone() -> None:
    one = field("G", "dock g as in golf", 0.9)
    assert judged(one, [heard("dock g as in golf", it=one)], asked_for_nothing)["it"] is one


def test_a_field_with_two_values_is_left_to_the_operator() -> None:
    one = FieldReading(16, ("sixteen",), 0.6, rivals=(60,))
    assert judged(one, [SIXTEEN, SIXTY], asked_for_nothing)["it"] is one
