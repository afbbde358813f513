"""The kernel of the dialogue: what an utterance is to a claim, and which steps would break one of its two laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.dialogue import machine
from edge.agree.dialogue.claims import (
    AuditResult,
    OpenDraftsSnapshot,
    QuestionFacts,
    Relation,
    UtteranceFacts,
    collect_open_claims,
    park_lawbreaking_claims,
    relate_claims,
    sounds_like,
)
from edge.agree.dialogue.interface import Law, LawAlarm, Order, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State, Step
from edge.agree.readings import find_differing_identifiers
from edge.records import Cause, Commit, Draft, Note, Outcome, Park, Reason, Verdict
from edge.records.entry import StoreDropped
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say
from tests.reading.conversing import heard
from tests.rows import each_of

BREACH = "conversation_breach"
IDENTIFIES = ("item", "location")
UNCLEAR = FieldReading(None, ("mumble",), 0.4)
HEEDED = Verdict(Outcome.HEED, (Cause(Reason.ANSWER),), {})
ACCEPTED = Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), {})

Said = dict[str, FieldValue | FieldReading]


def said(fields: Said, act: Act = Act.RECORD) -> Reading:
    """What was read: a value, or how it was heard."""
    read = {
        name: one if isinstance(one, FieldReading) else FieldReading(one, (str(one),), 0.94)
        for name, one in fields.items()
    }
    words = tuple(Word(word, 0.0, 0.3, 0.94) for one in read.values() for word in one.words)
    return Reading("test", "stock-count", words, read, act=act)


def claim(name: str, *support: str, **fields: FieldValue | FieldReading) -> Draft:
    return Draft(name, "stock-count", said(fields), support=support)


def either(*values: FieldValue) -> FieldReading:
    """One of them was said, nobody knows which."""
    return FieldReading(None, tuple(map(str, values)), 0.5, rivals=values)


TAKEN = FieldReading("B2", (), 1.0, said_in=("u0",))


@each_of(
    ("before", "now", "wanted"),
    [
        ({"item": "A100"}, {"quantity": 12}, Relation.NONE),
        ({"item": "A100", "location": "B1"}, {"location": TAKEN, "quantity": 12}, Relation.NONE),  # nobody said it
        ({"item": "A100"}, {"item": "A100"}, Relation.SAME),
        ({"item": "A100"}, {"item": "A100", "quantity": 12}, Relation.SAME),
        ({"item": either("A100", "A200")}, {"item": "A200"}, Relation.SAME),
        ({"item": "A100"}, {"location": "B1"}, Relation.SAME),  # the part of the name that it lacked
        ({"quantity": 12}, {"item": "A100"}, Relation.SAME),  # the name that it lacked
        ({"item": "A100"}, {"item": "A200"}, Relation.NAME),
        ({"item": "A100", "location": "B1"}, {"item": "A100", "location": "B2"}, Relation.NAME),
        ({"item": "A100"}, {"item": "A200", "quantity": 12}, Relation.ANOTHER),
        ({"item": either("A100", "A200")}, {"item": "A300", "quantity": 12}, Relation.ANOTHER),
        ({"quantity": 12}, {"item": "A100", "quantity": 9}, Relation.ANOTHER),  # no name yet, and another value
        ({"item": UNCLEAR}, {"item": "A100", "quantity": 9}, Relation.ANOTHER),
        ({"item": "A100", "location": "B1", "quantity": 9}, {"item": "A100", "quantity": 26}, Relation.ANOTHER),
        ({"item": "A100", "location": "B1"}, {"item": "A100", "quantity": 26}, Relation.SAME),
        ({"item": "A100"}, {"item": UNCLEAR}, Relation.UNCLEAR),
    ],
)
def test_what_is_said_is_to_the_thing_of_a_claim(before: Said, now: Said, wanted: Relation) -> None:
    assert relate_claims(said(before), said(now), IDENTIFIES, IDENTIFIES) is wanted


def test_a_part_of_a_name_with_another_value_is_another_thing_where_the_rest_is_needed() -> None:
    held = said({"item": "A100", "location": "A04", "quantity": 61})
    again = said({"item": "A100", "quantity": 26})
    assert relate_claims(held, again, IDENTIFIES, IDENTIFIES) is Relation.ANOTHER
    assert relate_claims(held, again, IDENTIFIES, ("item",)) is Relation.SAME
    assert relate_claims(held, said({"item": "A100", "quantity": 61}), IDENTIFIES, IDENTIFIES) is Relation.SAME


def test_names_that_were_not_understood_are_told_apart_by_their_words() -> None:
    def unread(*words: str) -> FieldReading:
        return FieldReading(None, words, 0.9)

    bags, drums = unread("seven", "four", "two", "twelve"), unread("seven", "four", "three", "forty")
    count, other = unread("twelve", "bags"), unread("forty", "drums")
    claim = said({"item": bags, "quantity": count})
    assert relate_claims(claim, said({"item": drums, "quantity": other}), IDENTIFIES) is Relation.ANOTHER
    assert relate_claims(claim, said({"item": bags, "quantity": count}), IDENTIFIES) is Relation.UNCLEAR


@each_of(
    ("one", "other", "alike"),
    [
        *(("742", "742", True), ("742", "743", True), ("742", "7420", True), ("742", "42", True)),
        *(("742", "724", True), ("742", "472", True), ("A100", "A1000", True), ("742", "7042", True), ("", "7", True)),
        *(("742", "751", False), ("742", "274", False), ("742", "74200", False), ("742", "7", False)),
    ],
)
def test_names_sound_alike_that_one_slip_of_the_ear_tells_apart(one: str, other: str, alike: bool) -> None:
    assert (sounds_like(one, other), sounds_like(other, one)) == (alike, alike)


# ---- the laws ----

FIRST = claim("u1", item="A100", quantity=9)


def open_now(*claims: Draft) -> OpenDraftsSnapshot:
    return collect_open_claims(claims, (), None)


def audited(
    before: Sequence[Draft],
    after: Sequence[Draft],
    *orders: Order,
    now: Said | None = None,
    corrects: bool = False,
    asked: QuestionFacts | None = None,
) -> AuditResult:
    """A step; `now` is what was said, in the utterance u2."""
    spoken = None if now is None else UtteranceFacts("u2", said(now), corrects, corrects, True)
    return park_lawbreaking_claims(
        open_now(*before), open_now(*after), orders, spoken, asked or QuestionFacts(), IDENTIFIES
    )


def test_what_was_said_of_a_thing_is_given_up_aloud_or_is_a_breach() -> None:
    for prompt in (Prompt.REPEAT, Prompt.NOT_RECORDED):
        assert audited((), (), Say(prompt), now={"item": "A100"}).breaches == ()
    found = audited((), (), Note("u2", said({}), HEEDED), Say(Prompt.HELP), now={"item": "A100", "quantity": 12})
    assert found.orders == [
        Park("u2", BREACH, {"item": "A100", "quantity": 12}, None),
        Say(Prompt.PARKED_ENTRY, {"item": "A100"}),
        Say(Prompt.HELP),
    ]
    assert [one.law for one in found.breaches] == []


def test_a_name_said_over_a_claim_without_one_is_no_more_known_than_any_other() -> None:
    nameless, name = claim("u1", quantity=9), Note("u2", said({}), HEEDED)
    found = audited((nameless,), (nameless,), name, now={"item": "A100"}, corrects=True)
    assert found.orders == [Park("u2", BREACH, {"item": "A100"}, None), Say(Prompt.PARKED_ENTRY, {"item": "A100"})]
    refused: list[Order] = [name, PlayEarcon(Earcon.NOT_UNDERSTOOD), Say(Prompt.ASK_FIELD)]  # asked again
    assert audited((nameless,), (nameless,), *refused, now={"item": "A100"}).orders == refused


def test_a_claim_that_vanishes_is_parked_and_told() -> None:
    sound, noted = Say(Prompt.HELP), Note("u2", said({}), HEEDED)
    found = audited((FIRST,), (), noted, sound, now={"quantity": FieldReading(None, ("some",), 0.94)})
    assert found.orders == [
        noted,
        Park("u1", BREACH, {"item": "A100", "quantity": 9}, FIRST),
        Say(Prompt.PARKED_ENTRY, {"item": "A100"}),
        sound,
    ]
    assert [(one.law, one.claims) for one in found.breaches] == [(Law.CONSERVATION, ("u1",))]


def test_a_value_that_no_claim_took_is_parked_and_told() -> None:
    taken, noted = claim("u1", item="A100", quantity=12), Note("u2", said({}), HEEDED)
    parked = [Park("u2", BREACH, {"quantity": 12}, None), Say(Prompt.PARKED)]
    assert audited((FIRST,), (FIRST,), noted, now={"quantity": 12}).orders == parked
    assert audited((FIRST,), (taken,), noted, now={"quantity": 12}).orders == [noted]
    assert audited((FIRST,), (FIRST,), noted, Say(Prompt.NOT_RECORDED), now={"quantity": 12}).breaches == ()
    assert audited((FIRST,), (FIRST,), noted, now={"quantity": 9}).orders == [noted]


def test_a_value_that_was_said_of_one_claim_is_not_carried_to_another() -> None:
    other, mixed = claim("u2", item="A200"), claim("u2", item="A200", quantity=9)
    for after, orders in (((mixed, FIRST), ()), ((FIRST,), (Commit(mixed, ACCEPTED),))):
        found = audited((other, FIRST), after, *orders, Say(Prompt.READBACK))
        assert found.closed == {"u2"}
        assert [(one.law, one.claims) for one in found.breaches] == [(Law.ATTRIBUTION, ("u2",))]
        assert found.orders == [Park("u2", BREACH, {"item": "A200"}, other), Say(Prompt.PARKED_ENTRY, {"item": "A200"})]
    begun = audited((FIRST,), (FIRST, mixed), now={"item": "A200"})
    assert begun.closed == {"u2"}
    assert Park("u2", BREACH, {"item": "A200"}, None) in begun.orders


def test_a_value_that_was_said_or_stands_or_was_asked_for_is_of_the_claim() -> None:
    other = claim("u2", item="A200", quantity=9)
    assert audited((), (other,), now={"item": "A200", "quantity": 9}).breaches == ()
    # An answer is read by what was asked: "9" alone is a count then.
    heard_otherwise: Said = {"item": "A200", "location": FieldReading(None, ("9",), 0.4)}
    assert audited((), (other,), now=heard_otherwise).breaches == ()
    assert audited((), (claim("u2", item="A200", location=TAKEN),), now={"item": "A200"}).breaches == ()
    one = claim("u1", "u2", item="A100", quantity=9, location="B1")
    assert audited((FIRST,), (one,), now={}, asked=QuestionFacts(frozenset({"location"}))).breaches == ()


@each_of(
    ("corrects", "asked", "kept"),
    [
        (False, QuestionFacts(), False),
        (False, QuestionFacts(frozenset({"quantity"})), False),
        (True, QuestionFacts(), True),
        (False, QuestionFacts(frozenset({"item"})), True),
        (False, QuestionFacts(names_both=True), True),
    ],
)
def test_a_claim_gets_another_thing_only_by_a_correction_an_answer_or_a_yes(
    corrects: bool, asked: QuestionFacts, kept: bool
) -> None:
    changed = claim("u1", "u2", item="A300", quantity=9)
    found = audited((FIRST,), (changed,), now={"item": "A300"}, corrects=corrects, asked=asked)
    if kept:
        assert found == AuditResult([])
        return
    assert ({*found.closed}, [one.law for one in found.breaches]) == ({"u1"}, [Law.ATTRIBUTION])
    assert {order.utterance_id for order in found.orders if isinstance(order, Park)} == {"u1", "u2"}


def test_what_is_said_for_all_entries_and_a_cancellation_are_no_claims() -> None:
    for one in (replace(FIRST, act=Act.CONTEXT), replace(FIRST, act=Act.CANCEL), replace(FIRST, form="close-trailer")):
        assert collect_open_claims((one,), (), "close-trailer").claims == ()


def test_a_step_that_loses_a_claim_parks_it_and_raises_the_alarm_with_the_step(
    monkeypatch: pytest.MonkeyPatch, rules: Rules
) -> None:
    def forgets(session: DialogueSession, _: UtteranceHeard) -> list[Order]:
        session.close_draft()
        return []

    for step in (Step.CORRECT, Step.NEXT, Step.DOUBT, Step.COMMIT, Step.WHAT_IS_WRONG):
        monkeypatch.setattr(machine, "SPEECH_STEPS", {**machine.SPEECH_STEPS, step: forgets})
    dialogue = Dialogue(rules)
    for number, text in enumerate(("no, fifteen units", "pallet 743, nine units, dock C", "grmpf hmpf", "yes", "no")):
        begun = f"b{number}"
        dialogue.handle(heard(begun, "pallet 742, twelve units, dock B", rules))
        assert dialogue.state is State.HELD
        orders = dialogue.handle(heard(f"u{number}", text, rules))
        parked = {order.utterance_id: order.why for order in orders if isinstance(order, Park)}
        assert parked[begun] == BREACH
        assert Say(Prompt.PARKED_ENTRY, {"pallet_id": "742"}) in orders
        (alarm,) = (order for order in orders if isinstance(order, LawAlarm))
        assert (alarm.breach.law, begun in alarm.breach.claims) == (Law.CONSERVATION, True)
        assert "held -> idle" in alarm.trace
        assert f"Park({BREACH})" in alarm.trace
        assert (dialogue.state, dialogue.draft) == (State.IDLE, None)


@each_of(
    ("before", "now", "wanted"),
    [
        ({"item": "A100"}, {"item": "A200"}, ("item",)),
        ({"item": "A100", "location": "B1"}, {"location": "B2", "item": "A200"}, ("item", "location")),
        ({"item": "A100", "quantity": 9}, {"item": "A100", "quantity": 12}, ()),  # a count names nothing
        ({"item": "A100"}, {"location": "B1"}, ()),
        ({"item": either("A100", "A200")}, {"item": either("A200", "A300")}, ()),
        ({"item": "A100"}, {"item": UNCLEAR}, ()),
    ],
)
def test_names_differ_where_both_have_values_and_none_in_common(before: Said, now: Said, wanted: Sequence[str]) -> None:
    assert find_differing_identifiers(said(before), said(now), IDENTIFIES) == wanted


@each_of(
    ("after", "order"),
    [
        ((FIRST,), None),
        ((claim("u1", "u2", item="A100", quantity=9),), None),
        ((claim("u2", "u1", item="A100", quantity=9),), None),  # another one rests on it
        ((), Commit(FIRST, ACCEPTED)),
        ((), Park("u1", "unanswered", {}, FIRST)),
        ((), StoreDropped(FIRST)),
        ((), StoreDropped(claim("u3", "u1"))),
    ],
    ids=str,
)
def test_a_claim_that_stays_or_ends_in_one_of_the_known_ways_is_no_breach(
    after: Sequence[Draft], order: Order | None
) -> None:
    orders = [] if order is None else [order]
    assert audited((FIRST,), after, *orders, now={"quantity": 9} if after else None) == AuditResult(orders)


def test_a_claim_without_a_name_that_vanishes_is_told_without_one() -> None:
    nameless = claim("u1", quantity=9)
    found = audited((nameless,), ())
    assert found.orders == [Park("u1", BREACH, {"quantity": 9}, nameless), Say(Prompt.PARKED)]


def test_a_name_that_goes_on_is_the_same_name() -> None:
    whole = claim("u1", "u2", item="A1004", quantity=9)
    assert audited((FIRST,), (whole,), now={"item": "4"}).breaches == ()


def test_a_claim_that_waited_for_a_person_before_its_turn_waits_on_where_it_would_be_mixed() -> None:
    other, mixed = claim("u2", item="A200"), claim("u2", item="A200", quantity=9)
    found = audited((FIRST, other), (FIRST, mixed))
    assert (found.orders, {*found.closed}) == ([], {"u2"})


def test_what_waits_for_its_turn_waits_for_a_person_also_where_nothing_is_at_hand() -> None:
    before = collect_open_claims((None, None, FIRST), (), None)
    assert (before.claims, {*before.waiting}) == ((FIRST,), {"u1"})
    assert park_lawbreaking_claims(before, open_now(), (), None, QuestionFacts(), IDENTIFIES) == AuditResult([])


def test_what_is_taken_up_from_review_is_compared_with_what_it_was_there() -> None:
    aside = claim("u3", "u1", item="A200")  # It was said in one breath with the open one.
    before, parked = collect_open_claims((FIRST,), (aside,), None), Park("u1", "unanswered", {}, FIRST)
    for taken, breaches in ((aside, 0), (claim("u3", "u1", item="A200", quantity=9), 1)):
        audit = park_lawbreaking_claims(before, open_now(taken), (parked,), None, QuestionFacts(), IDENTIFIES)
        assert len(audit.breaches) == breaches
