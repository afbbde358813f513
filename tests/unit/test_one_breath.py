"""Two things in one breath, in any order of what is said of each: whatever is asked, each language can word it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Act, Reading
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules
from edge.agree.dialogue.drafting import ask_or_read_back_or_commit, commit_draft
from edge.agree.dialogue.interface import DeviceStarted, DialogueInput, Order, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.questions import judge_draft
from edge.agree.dialogue.session import DialogueSession, DialogueSettings, FormSet
from edge.records import Commit, Draft, Park
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing
from tests.rows import each_of
from tests.shipped import catalogue, form

RECEIVE = form("receive")
COUNTS = {"CS": 24, "EA": 3}
WRONG = {"en": "wet", "de": "nass", "es": "mojado", "fr": "mouillé", "it": "bagnato", "pl": "mokra", "pt": "molhado"}


def breaths(language: str) -> Iterator[str]:
    """Two pallets with a count and an item each, the first one wet."""

    def label(name: str) -> str:
        return RECEIVE[name].wording(language).labels[0]

    cases = RECEIVE["quantity"].unit_word(12, "CS", language)
    first = (f"{label('pallet_id')} 742", f"12 {cases}", WRONG[language], f"{label('item')} A100")
    for at, said in enumerate([*permutations(first)][::4]):
        second = (f"{label('pallet_id')} 863", f"9 {cases}", f"{label('item')} E500")
        order = [*permutations(second)][at % 6]
        yield ", ".join((" ".join(said), *order))


@each_of(("language", "said"), [(language, said) for language in LANGUAGES for said in breaths(language)])
def test_no_question_about_two_in_one_breath_lacks_a_value(language: str, said: str) -> None:
    rules = Rules(RECEIVE, catalogue(), language=language_named(language))
    dialogue, phrasing = Dialogue(rules), Phrasing(RECEIVE, language)
    name = f"{RECEIVE['pallet_id'].wording(language).labels[0]} 742"
    readings = [parse_typed(text, rules) for text in (said, name)]
    spoken = [UtteranceHeard(f"{at}", reading).with_verdict(rules) for at, reading in enumerate(readings)]
    happenings: list[DialogueInput] = [DeviceStarted(), *spoken, *[TimerExpired()] * 4]
    for happening in happenings:
        assert all(phrasing.text(order) for order in dialogue.handle(happening) if isinstance(order, Say))


def answered(language: str, *said: str) -> tuple[list[Order], Phrasing]:
    """All orders of a dialogue in which this is said of a receipt, and how its prompts are worded."""
    rules = Rules(RECEIVE, catalogue(), language=language_named(language))
    dialogue, phrasing = Dialogue(rules), Phrasing(RECEIVE, language)
    spoken = [UtteranceHeard(f"{at}", parse_typed(text, rules)).with_verdict(rules) for at, text in enumerate(said)]
    happenings: list[DialogueInput] = [DeviceStarted(), *spoken]
    return [order for one in happenings for order in dialogue.handle(one)], phrasing


@each_of("language", LANGUAGES)
@each_of("chosen", ["CS", "EA"])
def test_of_two_counts_the_one_that_is_not_chosen_is_put_aside_aloud(language: str, chosen: str) -> None:
    counts = {unit: f"{count} {RECEIVE['quantity'].unit_word(count, unit, language)}" for unit, count in COUNTS.items()}
    join = min(map(" ".join, language_named(language).words["conjunctions"]), key=len)
    pallet = f"{RECEIVE['pallet_id'].wording(language).labels[0]} 742"
    orders, phrasing = answered(language, f"{pallet}, {counts['CS']} {join} {counts['EA']}", counts[chosen])
    (aside,) = (order for order in orders if isinstance(order, Park))
    left = next(unit for unit in COUNTS if unit != chosen)
    assert aside.why == "not_chosen"
    assert {**aside.fields} == {"pallet_id": "742", "quantity": COUNTS[left], "uom": left}
    (told,) = (order for order in orders if isinstance(order, Say) and order.prompt is Prompt.PARKED_ENTRY)
    assert str(COUNTS[left]) in phrasing.text(told)
    assert "742" not in phrasing.text(told).replace(" ", "")  # The pallet itself is not put aside.


def test_of_two_pairs_each_leaves_what_was_not_chosen() -> None:
    orders, _ = answered("en", "pallet 742, 24 cases and 3 pieces, door 12 and door 13", "3 pieces", "door 13")
    parked = [{**one.fields} for one in orders if isinstance(one, Park)]
    assert [{name: one[name] for name in one.keys() & {"quantity", "door"}} for one in parked] == [
        {"quantity": 24},
        {"door": "12"},
    ]


@each_of("language", LANGUAGES)
def test_a_count_said_anew_is_no_second_one(language: str) -> None:
    twelve, thirteen = (f"{count} {RECEIVE['quantity'].unit_word(count, 'CS', language)}" for count in (12, 13))
    pallet = f"{RECEIVE['pallet_id'].wording(language).labels[0]} 742"
    orders, _ = answered(language, f"{pallet}, {twelve}, {thirteen}", thirteen)
    assert not any(isinstance(order, Park) for order in orders)


def whole(language: str) -> tuple[Rules, str]:
    """Three pallets, each said whole."""
    rules = Rules(RECEIVE, catalogue(), language=language_named(language))
    label, said = RECEIVE["pallet_id"].wording(language).labels[0], ((742, 12), (863, 9), (951, 6))
    counts = [f"{count} {RECEIVE['quantity'].unit_word(count, 'CS', language)}" for _, count in said]
    return rules, ", ".join(f"{label} {name}, {count}" for (name, _), count in zip(said, counts, strict=True))


@each_of("language", LANGUAGES)
def test_each_of_several_that_are_said_whole_is_recorded(language: str) -> None:
    rules, said = whole(language)
    dialogue = Dialogue(rules)
    dialogue.handle(DeviceStarted())
    begun = "019a0000-0000-7000-8000-000000000001"
    heard = UtteranceHeard(begun, parse_typed(said, rules)).with_verdict(rules)
    yes = Reading("typed", RECEIVE.name, (), {}, act=Act.YES)
    answers: list[DialogueInput] = [UtteranceHeard(f"{at}", yes).with_verdict(rules) for at in range(2)]
    orders = [order for one in (heard, TimerExpired(), *answers) for order in dialogue.handle(one)]
    committed = [order.draft for order in orders if isinstance(order, Commit)]
    assert [one.reading.fields["pallet_id"].value for one in committed] == ["742", "863", "951"]
    assert [one.reading.fields["quantity"].value for one in committed] == [12, 9, 6]
    parked = [order for order in orders if isinstance(order, Park)]
    copies = {order.utterance_id: order.said_in for order in parked if order.said_in is not None}
    assert [one.utterance_id for one in committed] == [begun, *copies]
    assert [*copies.values()] == [begun, committed[1].utterance_id]


def test_what_the_device_heard_of_several_needs_a_yes() -> None:
    rules, said = whole("en")
    read = parse_typed(said, rules)
    heard = replace(read, fields={name: replace(one, calibrated=True) for name, one in read.fields.items()})
    dialogue = Dialogue(rules)
    dialogue.handle(DeviceStarted())
    said_it = UtteranceHeard("1" * 36, heard).with_verdict(rules)
    yes = UtteranceHeard("2" * 36, Reading("typed", RECEIVE.name, (), {}, act=Act.YES)).with_verdict(rules)
    asked = [order for one in (said_it, TimerExpired()) for order in dialogue.handle(one)]
    assert not any(isinstance(order, Commit) for order in asked)
    assert [order.draft.utterance_id for order in dialogue.handle(yes) if isinstance(order, Commit)] == ["1" * 36]


def test_what_is_read_out_and_recorded_has_the_values_of_its_draft() -> None:
    rules = Rules(RECEIVE, catalogue(), language=language_named("en"))
    reading = parse_typed("pallet 742, 24 cases", rules)
    stale = judge_draft(Draft("a", RECEIVE.name, parse_typed("pallet 742, 3 cases", rules)), rules)
    session = DialogueSession(rules, DialogueSettings(), FormSet((RECEIVE,), rules.language))
    (readback,) = ask_or_read_back_or_commit(session, Draft("a", RECEIVE.name, reading), stale, None)
    assert isinstance(readback, Say)
    assert readback.fields["quantity"] == 24
    (recorded,) = (order for order in commit_draft(session) if isinstance(order, Commit))
    assert {**recorded.verdict.fields} == {"pallet_id": "742", "quantity": 24, "uom": "CS"}
