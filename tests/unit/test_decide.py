from __future__ import annotations

from dataclasses import replace

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.policy import BALANCED, FAST, POLICIES, STRICT, Policy
from edge.records import Acoustics, Cause, ClosedBy, ConfirmationKind, Outcome, Reason, Verdict
from tests.rows import each_of


@pytest.fixture(scope="module")
def rules(form: Form, catalogue: Catalogue) -> Rules:
    return Rules(form, catalogue, minimum_confidence=0.9)


def said(value: FieldValue | None, confidence: float = 1.0, rivals: tuple[FieldValue, ...] = ()) -> FieldReading:
    return FieldReading(value, ("some", "words"), confidence, rivals, calibrated=True)


def reading(not_understood: NotUnderstoodReason | None = None, /, **fields: FieldReading) -> Reading:
    return Reading("scripted", "pallet-move", (), fields, not_understood)


WHOLE = {"pallet_id": said("742"), "quantity": said(12), "dock": said("B")}


def asked(verdict: Verdict) -> tuple[str | None, list[str]]:
    assert verdict.outcome is Outcome.ASK
    return verdict.ask, [str(reason) for reason in verdict.reasons]


@each_of(
    ("heard", "outcome", "reason"),
    [
        (NotUnderstoodReason.NO_WORDS, Outcome.IGNORE, Reason.NO_SPEECH),
        (NotUnderstoodReason.TALK, Outcome.IGNORE, Reason.NOT_FOR_DEVICE),
        (NotUnderstoodReason.NOT_DICTATION, Outcome.REPEAT, Reason.NOT_UNDERSTOOD),
    ],
)
def test_what_is_no_dictation_is_ignored_or_said_again(
    rules: Rules, heard: NotUnderstoodReason, outcome: Outcome, reason: Reason
) -> None:
    verdict = decide(reading(heard), ClosedBy.PAUSE, rules)
    assert (verdict.outcome, verdict.reasons) == (outcome, (Cause(reason),))


@each_of("closing", [ClosedBy.TOO_LONG, ClosedBy.BROKEN_OFF])
def test_an_utterance_whose_end_was_not_heard_is_never_accepted(rules: Rules, closing: ClosedBy) -> None:
    verdict = decide(reading(**WHOLE), closing, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.REPEAT, (Cause(Reason.CUT_SHORT),))


def test_a_missing_field_is_asked_for_and_the_others_stand(rules: Rules) -> None:
    verdict = decide(reading(pallet_id=said("742"), quantity=said(12)), ClosedBy.PAUSE, rules)
    assert asked(verdict) == ("dock", ["field_missing:dock"])
    assert verdict.fields == {"pallet_id": "742", "quantity": 12}


@each_of(
    ("name", "doubtful", "reason"),
    [
        ("quantity", said(12, rivals=(20,)), "field_ambiguous:quantity"),
        ("dock", said(None), "field_ambiguous:dock"),
        ("pallet_id", said("742", confidence=0.89), "field_unsure:pallet_id"),
        ("pallet_id", said("7" * 40), "field_invalid:pallet_id"),
        ("quantity", said(0), "field_invalid:quantity"),
        ("dock", said("Z"), "not_in_catalogue:dock"),
        ("dock", said("b"), "field_invalid:dock"),
    ],
)
def test_a_doubtful_field_is_asked_for_and_does_not_stand(
    rules: Rules, name: str, doubtful: FieldReading, reason: str
) -> None:
    verdict = decide(reading(**{**WHOLE, name: doubtful}), ClosedBy.PAUSE, rules)
    assert asked(verdict) == (name, [reason])
    assert name not in verdict.fields


def test_doubts_are_told_in_the_order_of_the_form_and_the_first_is_asked(rules: Rules) -> None:
    verdict = decide(reading(quantity=said(0)), ClosedBy.PAUSE, rules)
    assert asked(verdict) == ("pallet_id", ["field_missing:pallet_id", "field_invalid:quantity", "field_missing:dock"])


@each_of("closing", [ClosedBy.PAUSE, ClosedBy.SOURCE_ENDED])
def test_a_whole_sure_and_valid_reading_is_accepted(rules: Rules, closing: ClosedBy) -> None:
    verdict = decide(reading(**WHOLE), closing, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.ACCEPT, (Cause(Reason.COMPLETE),))
    assert verdict.fields == {"pallet_id": "742", "quantity": 12, "dock": "B"}


QUIET_ROOM = Acoustics(snr_db=40.0, level_db=-20.0, clipped=0.0, speech_seconds=3.0, second_voice=0.1)


def rival(value: FieldValue, runner_up: FieldValue, confidence: float) -> FieldReading:
    return replace(said(value, confidence), runner_up=runner_up)


@each_of(
    ("acoustics", "reason"),
    [
        (replace(QUIET_ROOM, level_db=-60.0), Reason.TOO_FAINT),
        (replace(QUIET_ROOM, speech_seconds=0.2), Reason.TOO_FAST),
    ],
)
def test_sound_that_cannot_have_held_what_was_read_is_said_again(
    rules: Rules, acoustics: Acoustics, reason: Reason
) -> None:
    verdict = decide(reading(**WHOLE), ClosedBy.PAUSE, rules, Circumstances(acoustics))
    assert (verdict.outcome, verdict.reasons) == (Outcome.REPEAT, (Cause(reason),))
    assert verdict.confirm is ConfirmationKind.SAY_AGAIN


@each_of(
    ("acoustics", "reason"),
    [
        (replace(QUIET_ROOM, snr_db=3.0), "too_noisy:dock"),
        (replace(QUIET_ROOM, clipped=0.02), "clipped:dock"),
        (replace(QUIET_ROOM, second_voice=0.6), "second_voice:dock"),
    ],
)
def test_in_poor_sound_a_field_must_be_surer(rules: Rules, acoustics: Acoustics, reason: str) -> None:
    balanced = replace(rules, minimum_confidence=None)
    fairly_sure = reading(**{**WHOLE, "dock": said("B", 0.8)})
    assert decide(fairly_sure, ClosedBy.PAUSE, balanced, Circumstances(QUIET_ROOM)).outcome is Outcome.ACCEPT
    assert asked(decide(fairly_sure, ClosedBy.PAUSE, balanced, Circumstances(acoustics))) == ("dock", [reason])


@each_of(
    ("name", "heard", "reason", "candidates"),
    [
        ("quantity", rival(60, 16, 0.7), "confusable:quantity", (60, 16)),
        ("pallet_id", rival("990", "992", 0.7), "confusable:pallet_id", ("990", "992")),
        ("dock", rival("B", "D", 0.7), "confusable:dock", ("B", "D")),
        ("dock", rival("A", "H", 0.5), "field_unsure:dock", ("A", "H")),
        ("dock", said("B", rivals=("D",)), "field_ambiguous:dock", ("B", "D")),
    ],
)
def test_a_field_with_two_candidates_is_asked_for_by_both(
    rules: Rules, name: str, heard: FieldReading, reason: str, candidates: tuple[FieldValue, ...]
) -> None:
    verdict = decide(reading(**{**WHOLE, name: heard}), ClosedBy.PAUSE, replace(rules, minimum_confidence=None))
    assert asked(verdict) == (name, [reason])
    assert (verdict.confirm, verdict.candidates) == (ConfirmationKind.CHOICE, candidates)


@each_of(("heard", "least"), [(("G", "D"), 1.0), (("B", "E"), 1.0), (("C", "G"), 0.85), (("A", "H"), 0.75)])
def test_a_letter_must_be_surer_the_more_its_second_candidate_sounds_like_it(
    rules: Rules, heard: tuple[str, str], least: float
) -> None:
    balanced = replace(rules, minimum_confidence=None)
    for confidence, outcome in ((least, Outcome.ACCEPT), (least - 0.01, Outcome.ASK)):
        entry = reading(**{**WHOLE, "dock": rival(*heard, confidence)})
        assert decide(entry, ClosedBy.PAUSE, balanced).outcome is outcome


@each_of(
    ("name", "likelier", "rest", "confirm"),
    [
        ("quantity", 16, 60, ConfirmationKind.EARCON),
        ("quantity", 60, 16, ConfirmationKind.READBACK),
        ("pallet_id", "999", "99", ConfirmationKind.EARCON),
        ("dock", "A", "H", ConfirmationKind.EARCON),
        ("dock", "C", "D", ConfirmationKind.READBACK),
    ],
)
def test_what_may_be_misheard_is_read_back_however_sure(
    rules: Rules, name: str, likelier: FieldValue, rest: FieldValue, confirm: ConfirmationKind
) -> None:
    heard = reading(**{**WHOLE, name: rival(likelier, rest, 0.99)})
    verdict = decide(heard, ClosedBy.PAUSE, replace(rules, minimum_confidence=None))
    assert (verdict.outcome, verdict.confirm) == (Outcome.ACCEPT, confirm)


@each_of("runner_up", ["Z", "BB"])
def test_what_cannot_be_is_not_offered_where_no_value_is_sure(rules: Rules, runner_up: str) -> None:
    heard = replace(said(None), runner_up=runner_up)
    verdict = decide(reading(**{**WHOLE, "dock": heard}), ClosedBy.PAUSE, rules)
    assert (verdict.ask, verdict.confirm, verdict.candidates) == ("dock", ConfirmationKind.FIELD, ())


def test_the_one_value_that_the_words_may_mean_is_asked_about(rules: Rules) -> None:
    heard = replace(said(None), runner_up="742")
    verdict = decide(reading(**{**WHOLE, "pallet_id": heard}), ClosedBy.PAUSE, rules)
    assert asked(verdict) == ("pallet_id", ["field_ambiguous:pallet_id"])
    assert (verdict.confirm, verdict.candidates) == (ConfirmationKind.SPOKEN_YES, ("742",))
    assert "pallet_id" not in verdict.fields


@each_of(
    ("heard", "confirm", "candidates"),
    [
        (said("B", 0.3), ConfirmationKind.FIELD, ()),
        (said(None), ConfirmationKind.FIELD, ()),
        (said("Z"), ConfirmationKind.FIELD, ()),
        (rival("B", "Z", 0.3), ConfirmationKind.SPOKEN_YES, ("B",)),
        (said("B", rivals=("D", "G")), ConfirmationKind.FIELD, ()),
        (replace(said("B"), confirmed=False), ConfirmationKind.SPOKEN_YES, ("B",)),
    ],
)
def test_the_question_is_the_shortest_that_settles_the_doubt(
    rules: Rules, heard: FieldReading, confirm: ConfirmationKind, candidates: tuple[FieldValue, ...]
) -> None:
    verdict = decide(reading(**{**WHOLE, "dock": heard}), ClosedBy.PAUSE, rules)
    assert (verdict.ask, verdict.confirm, verdict.candidates) == ("dock", confirm, candidates)


def test_a_reader_that_judges_itself_must_be_surer(rules: Rules) -> None:
    own_view = replace(said("B", 0.7), calibrated=False)
    verdict = decide(reading(**{**WHOLE, "dock": own_view}), ClosedBy.PAUSE, replace(rules, minimum_confidence=None))
    assert asked(verdict) == ("dock", ["field_unsure:dock"])


def test_the_same_thing_again_is_asked_about(rules: Rules) -> None:
    recently = Circumstances(recent=({"pallet_id": "742", "quantity": 3, "dock": "A"},))
    verdict = decide(reading(**WHOLE), ClosedBy.PAUSE, rules, recently)
    assert asked(verdict) == ("pallet_id", ["double_count:pallet_id"])
    assert (verdict.confirm, verdict.candidates) == (ConfirmationKind.SPOKEN_YES, ("742",))
    other = Circumstances(recent=({"pallet_id": "743", "quantity": 12, "dock": "B"},))
    assert decide(reading(**WHOLE), ClosedBy.PAUSE, rules, other).outcome is Outcome.ACCEPT


@each_of(("policy", "outcome"), [(STRICT, Outcome.ASK), (BALANCED, Outcome.ASK), (FAST, Outcome.ACCEPT)])
@each_of(("field", "value"), [("quantity", 90_000), ("pallet_id", "99"), ("pallet_id", "123456789")])
def test_a_value_that_is_seldom_meant_is_asked_about(
    rules: Rules, policy: Policy, outcome: Outcome, field: str, value: FieldValue
) -> None:
    seldom = reading(**{**WHOLE, field: said(value)})
    verdict = decide(seldom, ClosedBy.PAUSE, replace(rules, policy=policy))
    assert verdict.outcome is outcome
    if outcome is Outcome.ASK:
        assert asked(verdict) == (field, [f"unusual:{field}"])
        assert (verdict.confirm, verdict.candidates) == (ConfirmationKind.SPOKEN_YES, (value,))


@each_of(
    ("confidence", "confirms"),
    [
        (1.0, (ConfirmationKind.EARCON, ConfirmationKind.EARCON, ConfirmationKind.EARCON)),
        (0.97, (ConfirmationKind.READBACK, ConfirmationKind.EARCON, ConfirmationKind.EARCON)),
        (0.92, (ConfirmationKind.FIELD, ConfirmationKind.READBACK, ConfirmationKind.EARCON)),
        (0.7, (ConfirmationKind.FIELD, ConfirmationKind.FIELD, ConfirmationKind.READBACK)),
        (0.4, (ConfirmationKind.FIELD, ConfirmationKind.FIELD, ConfirmationKind.FIELD)),
    ],
)
def test_the_riskier_the_longer_it_takes_to_confirm(
    rules: Rules, confidence: float, confirms: tuple[ConfirmationKind, ...]
) -> None:
    read = reading(**{**WHOLE, "dock": said("B", confidence)})
    sites = [Rules(rules.form, rules.catalogue, policy=policy) for policy in POLICIES.values()]
    verdicts = [decide(read, ClosedBy.PAUSE, site) for site in sites]
    assert tuple(verdict.confirm for verdict in verdicts) == confirms


@each_of("act", [act for act in Act if act is not Act.RECORD])
def test_what_dictates_no_entry_makes_none(rules: Rules, act: Act) -> None:
    verdict = decide(replace(reading(**WHOLE), act=act), ClosedBy.PAUSE, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.REPEAT, (Cause(Reason.NOT_UNDERSTOOD),))


DEFERRABLE = {
    "sure": (reading(**WHOLE), Outcome.ACCEPT),
    "sure but not confirmed": (reading(**{**WHOLE, "dock": replace(said("B"), confirmed=False)}), Outcome.ASK),
    "unsure": (reading(**{**WHOLE, "dock": said("B", 0.5)}), Outcome.DEFER),
    "a part": (reading(pallet_id=said("742")), Outcome.DEFER),
    "talk": (reading(NotUnderstoodReason.NOT_DICTATION), Outcome.DEFER),
    "no words": (reading(NotUnderstoodReason.NO_WORDS), Outcome.DEFER),
    "nothing at all": (reading(), Outcome.DEFER),
}


@each_of("name", DEFERRABLE)
def test_what_a_model_may_yet_read_is_deferred_unless_it_is_sure(rules: Rules, name: str) -> None:
    read, outcome = DEFERRABLE[name]
    verdict = decide(replace(read, deferrable=True), ClosedBy.PAUSE, rules)
    assert verdict.outcome is outcome
    assert (verdict.reasons[0].reason is Reason.NO_MODEL) is (outcome is Outcome.DEFER)


def test_what_was_cut_short_is_said_again_and_not_deferred(rules: Rules) -> None:
    read = replace(reading(pallet_id=said("742")), deferrable=True)
    assert decide(read, ClosedBy.TOO_LONG, rules).outcome is Outcome.REPEAT
