"""A sentence that a pause cuts in two at any word is recorded as it was meant, or the operator is asked: whatever was
held before it stays as it was, and silence never records half of a number. What is said again of an entry makes none
without the field that it names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken.in_words import number_in_words, spell_out
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldValue, Word
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import DeviceStarted, DialogueInput, EntryCommitted, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.records import Commit, LastEntry
from edge.understand.reading_builder import read_recognised_words
from tests.tiers import examples

REPOSITORY = Path(__file__).parent.parent.parent
FORM = load_form(REPOSITORY / "schemas" / "forms" / "pallet-move.schema.json")
RULES = Rules(FORM, Catalogue.load(REPOSITORY / "config" / "catalogue"))

SPELT = 2.0  # Nats: hardly anybody says a count digit by digit.

HELD = "pallet seven four two twelve units dock b"
BEFORE: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}


class Recorder:
    """A dialogue, and what it commits while nobody answers it."""

    def __init__(self) -> None:
        self._dialogue = Dialogue(RULES)
        self._said = 0
        self.recorded: list[dict[str, FieldValue]] = []
        self._take(DeviceStarted())

    def hear(self, said: str) -> None:
        words = [Word(text, at * 0.4, at * 0.4 + 0.38, 0.97) for at, text in enumerate(said.split())]
        reading = read_recognised_words("test", words, FORM, RULES.catalogue)
        self._said += 1
        self._take(UtteranceHeard(f"u{self._said}", reading))

    def fall_silent(self, times: int = 4) -> None:
        for _ in range(times):
            self._take(TimerExpired())

    def _take(self, happening: DialogueInput) -> None:
        for order in self._dialogue.handle(happening):
            if isinstance(order, Commit):
                self.recorded.append(dict(order.verdict.fields))
                self._take(EntryCommitted(LastEntry(f"e{len(self.recorded)}", order.draft, order.verdict.fields)))


@st.composite
def sentences(draw: st.DrawFn) -> tuple[dict[str, FieldValue], list[str]]:
    """What is meant, and one of the ways to say it."""
    random = draw(st.randoms(use_true_random=False))
    pallet = "".join(random.choices("0123456789", k=draw(st.integers(3, 6))))
    count, dock = draw(st.integers(1, 1999)), draw(st.sampled_from("ABCD"))
    parts = [f"pallet {spell_out(pallet, random)}", f"{number_in_words(count, random)} units", f"dock {dock.lower()}"]
    Random(draw(st.integers())).shuffle(parts)
    return {"pallet_id": pallet, "quantity": count, "dock": dock}, " ".join(parts).split()


def cuts(words: list[str], count: FieldValue) -> Iterator[int]:
    """Where a pause may fall: anywhere, but not so that the end of a pallet and the count make another count.

    "Pallet seven three one zero | twenty four hundred units" is as good as what was meant. An "and" that begins the
    rest is left out with it: see `test_an_and_that_begins_the_rest_belongs_to_a_number`.
    """
    for cut in range(1, len(words)):
        rest = list(takewhile(lambda word: word != "units", words[cut:]))
        rest = rest[1:] if rest[:1] == ["and"] else rest
        if "units" not in words[cut:] or counted(rest) <= {count} or "pallet" not in words[:cut]:
            yield cut


def counted(words: list[str]) -> set[FieldValue]:
    """What all the words count, where they are not spelt."""
    found = ENGLISH.numerals.counts(words, 0) if words else []
    return {one.value for one in found if one.end == len(words) and one.cost < SPELT}


@examples(1 / 2)
@given(sentences(), st.booleans())
def test_no_half_of_a_sentence_is_recorded_as_a_whole(
    said: tuple[dict[str, FieldValue], list[str]], after_another: bool
) -> None:
    meant, words = said
    for cut in cuts(words, meant["quantity"]):
        recorder = Recorder()
        if after_another:
            recorder.hear(HELD)
        recorder.hear(" ".join(words[:cut]))
        recorder.hear(" ".join(words[cut:]))
        recorder.fall_silent()
        assert all(entry in (meant, BEFORE) for entry in recorder.recorded), (words[:cut], words[cut:])


def test_an_and_that_begins_the_rest_belongs_to_a_number() -> None:
    """Meant were 200 of pallet 120."""
    recorder = Recorder()
    recorder.hear("pallet one hundred")
    recorder.hear("and twenty two hundred units dock a")
    recorder.fall_silent()
    assert recorder.recorded == []


SILENCE = ""
AGAIN = ["seven four two", "six", "twelve", "pallet eight five two", "sixty", "blah blah", "yes", "no", SILENCE]


@examples(2)
@given(st.lists(st.sampled_from(AGAIN), min_size=3, max_size=8))
def test_what_is_said_again_leaves_no_entry_without_a_field(said: list[str]) -> None:
    recorder = Recorder()
    recorder.hear(HELD)
    for one in said:
        if one is SILENCE:
            recorder.fall_silent(1)
        else:
            recorder.hear(one)
    recorder.fall_silent()
    assert all(entry.keys() == BEFORE.keys() for entry in recorder.recorded)
