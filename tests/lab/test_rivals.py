"""Receiving beside prompts and beside scan and key: each would show what it is measured for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest

from dockvoice_protocol.records import FieldValue
from edge.agree.dialogue.session import DialogueSettings
from lab.scribe.arrivals import EXCEPTIONS, MISTAKES, Arrival, Case, generate_arrival
from lab.scribe.clock import LATENCY_S, REACTION_S, ROUTINE_S, DeviceTurn, OperatorTurn, Turn, TurnClock
from lab.scribe.device import TypedDevice
from lab.scribe.mishearing import NoisyChannel, NumberErrorRates, simulate_recognition
from lab.scribe.prompted import SHORTEST, USUAL, PromptedReceiving, PromptSettings
from lab.scribe.receiving import NoticeReceiver, receiving_rules, with_closing_form
from tests.rows import each_of

LINE = "pallet seven four two, one hundred and sixteen cases, lot 20418"


@each_of(
    ("noise", "changed", "doubted"),
    [
        (NumberErrorRates(), False, set()),
        (NumberErrorRates(doubted=1), False, {1, 2, 3, 4, 5, 7, 10}),
        (NumberErrorRates(misheard=1), True, {1, 2, 3, 4, 5, 7, 10}),
        (NumberErrorRates(mistaken=1), True, set()),
    ],
)
def test_a_number_is_heard_otherwise_as_often_as_the_noise_has_it(
    noise: NumberErrorRates, changed: bool, doubted: set[int]
) -> None:
    taken = simulate_recognition(LINE, noise, Random(3))
    said = LINE.split()
    assert taken.doubted == doubted
    differing = [at for at, (one, other) in enumerate(zip(said, taken.words, strict=True)) if one != other]
    assert len(differing) == 3 * changed
    assert {said[at] for at in (0, 6, 8, 9)} <= {*taken.words}, "words that are no number stay as they are"


class SteadyClock(TurnClock):
    """A second a word."""

    def _speech_seconds(self, text: str) -> float:
        return float(len(text.split()))


@each_of(
    ("turns", "seconds", "last"),
    [
        ([OperatorTurn("a b", first=True)], 2.0, 0.0),
        # What the device says behind his last word he may hear on his way: it is told apart.
        ([OperatorTurn("a b", first=True), DeviceTurn(("c d e",))], 2 + LATENCY_S + 3, 3.0),
        (
            [OperatorTurn("a", first=True), DeviceTurn(("b c",)), OperatorTurn("d")],
            1 + LATENCY_S + 2 + REACTION_S + 1,
            0.0,
        ),
        (
            [OperatorTurn("a", first=True), DeviceTurn(("b c",)), OperatorTurn("d", routine=True)],
            1 + LATENCY_S + ROUTINE_S + 1,
            0.0,
        ),
        (
            [OperatorTurn("a", first=True), DeviceTurn(("b",)), DeviceTurn(("c",)), OperatorTurn("d", first=True)],
            1 + LATENCY_S + 2 + 1,
            2.0,
        ),
    ],
)
def test_a_conversation_takes_what_is_said_and_what_is_waited(
    turns: Sequence[Turn], seconds: float, last: float
) -> None:
    breath = 0.03 * sum(isinstance(one, DeviceTurn) for one in turns)
    with asyncio.Runner() as runner:
        spent = SteadyClock(runner, 165).time_turns(turns)
    routine = any(isinstance(one, OperatorTurn) and one.routine for one in turns)
    assert spent.seconds == pytest.approx(seconds - breath * (not routine))
    assert spent.last_speech == pytest.approx(last - breath * bool(last))


@pytest.fixture
def coming() -> Arrival:
    return generate_arrival(40, Random("40"), exceptions=0.5)


def test_of_an_arrival_notices_say_what_they_are_right_and_wrong_about(coming: Arrival) -> None:
    assert {one.case for one in coming.pallets} >= {Case.AS_ANNOUNCED, Case.SHORT, Case.DAMAGED, Case.UNKNOWN}
    lines = {line.pallet: line for of in coming.announced.values() for line in of}
    for one in coming.pallets:
        assert (one.pallet in lines) == (one.case is not Case.UNKNOWN)
        if one.case in {Case.SHORT, Case.OVER}:
            assert lines[one.pallet].quantity != one.quantity
        elif one.case is Case.DAMAGED:
            assert lines[one.pallet].quantity == one.quantity + (one.damaged or 0)
    assert {one.case for one in generate_arrival(40, Random(1), exceptions=0).pallets} == {Case.AS_ANNOUNCED}
    assert set(EXCEPTIONS) == {*Case} - {Case.AS_ANNOUNCED}


@pytest.mark.parametrize("manner", [USUAL, SHORTEST])
def test_who_is_prompted_and_heard_has_it_right(coming: Arrival, manner: PromptSettings) -> None:
    other = PromptedReceiving(coming, manner, NumberErrorRates(), Random(5))
    ledger = other.unload()
    meant = sum(one.case not in MISTAKES for one in coming.pallets)
    assert (ledger.right, ledger.wrong, ledger.lost, ledger.meant) == (meant, [], [], meant)
    assert ("yes" in {turn.text for turn in other.turns if isinstance(turn, OperatorTurn)}) is True
    ready = [turn.text for turn in other.turns if isinstance(turn, OperatorTurn) and turn.text.endswith(" ready")]
    assert bool(ready) is manner.ready


def test_what_is_misheard_surely_goes_wrong_more_often_where_less_is_read_back(coming: Arrival) -> None:
    noisy = NumberErrorRates(mistaken=0.2)
    usual, shortest = (PromptedReceiving(coming, manner, noisy, Random(5)).unload() for manner in (USUAL, SHORTEST))
    assert len(usual.wrong) < len(shortest.wrong)


def test_what_is_heard_in_doubt_is_said_again(coming: Arrival) -> None:
    doubtful = PromptedReceiving(coming, SHORTEST, NumberErrorRates(doubted=0.5), Random(5)).unload()
    assert doubtful.wrong == []
    assert doubtful.questions > len(coming.pallets)


class Forgetful(NoticeReceiver):
    """An inventory from which a row is gone, and in which one was altered: its sums are not those that were told."""

    def recorded_entries(self) -> Sequence[Mapping[str, FieldValue]]:
        _, altered, *rest = super().recorded_entries()
        return [{**altered, "quantity": 9999}, *rest]


@pytest.mark.parametrize(("kind", "wrong", "lost"), [(NoticeReceiver, 0, 0), (Forgetful, 2, 2)])
def test_the_books_of_a_trailer_are_held_against_the_inventory(
    kind: type[NoticeReceiver], wrong: int, lost: int, tmp_path: Path
) -> None:
    rules = receiving_rules()
    device = TypedDevice(
        rules,
        tmp_path / "device",
        NoisyChannel(rules, NumberErrorRates(), Random(1)),
        with_closing_form(DialogueSettings()),
    )
    ledger = kind(device, tmp_path, Random("8")).unload(8)
    assert (len(ledger.wrong), len(ledger.lost)) == (wrong, lost), "\n".join(device.said)
    assert ledger.right + ledger.aside + ledger.given_up + lost == ledger.meant
