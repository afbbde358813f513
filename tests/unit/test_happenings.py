from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.records import Receipt, ReceiptOutcome, Word
from edge.agree.decide import Circumstances, Rules
from edge.agree.dialogue.interface import InventoryAnswered, UtteranceHeard, classify_event
from edge.agree.dialogue.table import Event
from edge.records import Acoustics, ClosedBy
from edge.understand.reading_builder import read_recognised_words
from tests.rows import each_of

PLAIN = Acoustics(snr_db=30.0, level_db=-20.0, clipped=0.0, speech_seconds=1.5, second_voice=0.0)


def event(
    text: str, rules: Rules, acoustics: Acoustics | None = PLAIN, closing: ClosedBy = ClosedBy.PAUSE, sure: float = 0.94
) -> Event:
    words = [Word(said, at * 0.4, at * 0.4 + 0.38, sure) for at, said in enumerate(text.split())]
    reading, known = read_recognised_words("test", words, rules.form, rules.catalogue), Circumstances(acoustics)
    return classify_event(UtteranceHeard("u", reading, closing, known).with_verdict(rules), rules)


def test_more_digits_than_anybody_can_say_count_for_nothing_in_a_correction_too(rules: Rules) -> None:
    long = "no pallet " + "seven " * 18
    assert event(long, rules, replace(PLAIN, speech_seconds=0.5)) is Event.INDISTINCT
    assert event(long, rules, replace(PLAIN, speech_seconds=8.0)) is Event.CORRECTION


def test_a_command_made_of_long_talk_is_none(rules: Rules) -> None:
    talk = replace(PLAIN, speech_seconds=6.0)
    assert event("yes", rules, talk) is Event.INDISTINCT
    assert event("cancel", rules, talk) is Event.INDISTINCT
    assert event("how many waiting", rules, replace(PLAIN, speech_seconds=3.5)) is Event.ASKED
    assert event("pallet seven four two", rules, talk) is Event.PART


@each_of(
    ("outcome", "reasons", "expected"),
    [
        (ReceiptOutcome.REFUSED, ("not_on_site",), Event.REFUSED),
        (ReceiptOutcome.DUPLICATE, ("already_recorded:dock-4",), Event.REFUSED),
        (ReceiptOutcome.DUPLICATE, (), Event.SETTLED),
        (ReceiptOutcome.APPLIED, (), Event.SETTLED),
    ],
)
def test_only_what_the_inventory_does_not_take_is_news(
    outcome: ReceiptOutcome, reasons: tuple[str, ...], expected: Event, rules: Rules
) -> None:
    assert classify_event(InventoryAnswered(Receipt("e", outcome, reasons)), rules) is expected
