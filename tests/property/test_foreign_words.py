"""Invariants where words come in that belong to no entry, or go missing, or change places: what is recorded is what the
sentence says without them, and never holds what nobody said; and a word that comes in and is not asked about changes
nothing by its meaning either. By day a sample of the words, by night one in twelve at every place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import pytest

from dockvoice_protocol.records import FieldValue
from tests.reading.borne_out import bears_out, words
from tests.reading.words_put_in import LANGUAGES, Right, common_words, let_through, recorded, right_sentences
from tests.tiers import SEED, TIER, Tier, sized


@dataclass(frozen=True)
class Meant:
    text: str
    values: tuple[FieldValue, ...]  # In the order of the form.
    form: str = "pallet-move"


Change = Callable[[Meant], Iterator[str]]

SENTENCES = [
    Meant("Pallet seven four two, twelve cases, dock B.", ("742", 12, "B")),
    Meant("pallet seven four two twelve cases dock b", ("742", 12, "B")),
    Meant("Pallet 742, 12 units, dock B.", ("742", 12, "B")),
    Meant("Dock D, pallet 4093, two hundred and fifty units.", ("4093", 250, "D")),
    Meant("Pallet seven forty-two, it's for dock Charlie, thirty-five boxes.", ("742", 35, "C")),
    Meant("I have fifteen pieces on pallet eight zero five for dock A", ("805", 15, "A")),
    Meant("Pallet double five one, a dozen cartons, dock E as in echo.", ("551", 12, "E")),
    Meant("Pallet 391, twelve, no, fifteen cases, dock H.", ("391", 15, "H")),
    Meant("Pallet one two three four, one hundred units to dock G please", ("1234", 100, "G")),
    Meant("Item B714, forty pieces, location A01.", ("B714", 40, "A01"), "stock-count"),
    Meant("Location charlie oh three, item H five four nine, quantity nineteen.", ("H549", 19, "C03"), "stock-count"),
]

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen couple "
    "pair half double triple single thousands to too for won ate oh o"
)
LETTERS = (
    "a b c d e f g h i j k l m n o p q r s t u v w x y z be bee see sea dee gee alpha bravo charlie delta echo golf "
    "hotel baker dog easy fox george able how item king love boy david harry frank"
)
OF_THE_FORMS = (
    "pallet dock doc unit units case cases box boxes piece pieces carton cartons quantity count item code location "
    "id each plate"
)
TELLING = tuple(f"{NUMBERS} {LETTERS} {OF_THE_FORMS}".split())
"""Words that may say a value themselves, or what it is the value of."""

FOREIGN = sized(quick=20, test=40, nightly=0)
"""So many words are put in by day, each at a place drawn by chance; by night one in twelve of all, at every place."""

SMALL = 300
"""So many of the most common words are drawn more often: those a reader may take for a part of the sentence."""

CHANGES = sized(quick=20, test=40, nightly=1_000)  # So many sentences with two words put in.

TOLD = 20

ENGLISH = common_words("en")

RIGHT = [right for language in LANGUAGES for right in right_sentences(language)]


def chosen(foreign: Sequence[str], gaps: Sequence[int], text: str) -> list[tuple[str, int]]:
    """Words, and where in the sentence each is put."""
    if TIER is Tier.NIGHTLY:
        return [(word, gap) for word in foreign[SEED % 12 :: 12] for gap in gaps]
    random = Random(f"{SEED} {text}")
    return [(random.choice(random.choice([foreign[:SMALL], foreign])), random.choice(gaps)) for _ in range(FOREIGN)]


@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_without_the_word_the_sentence_is_recorded_at_once(right: Right) -> None:
    assert recorded(right.text, right.form, right.language) == right.values


@pytest.mark.parametrize("right", RIGHT, ids=str)
def test_a_word_put_in_is_doubted_or_changes_nothing(right: Right) -> None:
    places = chosen(right.foreign, right.gaps, right.text)
    found = [str(one) for one in let_through(right, places) if not one.expected]
    assert not found, "\n".join([f"{len(found)} of {len(places)}", *found[:TOLD]])


def with_one_more(meant: Meant) -> Iterator[str]:
    said, foreign = meant.text.split(), [word for word in ENGLISH if word not in TELLING]
    for word, at in chosen(foreign, range(len(said) + 1), meant.text):
        yield " ".join([*said[:at], word, *said[at:]])


@pytest.mark.parametrize("meant", SENTENCES, ids=lambda meant: meant.text)
def test_a_word_put_in_changes_no_value(meant: Meant) -> None:
    texts = list(with_one_more(meant))
    entries = ((text, recorded(text, meant.form, "en")) for text in texts)
    found = [f"{text}: {entry}" for text, entry in entries if entry and tuple(entry.values()) != meant.values]
    assert not found, "\n".join([f"{len(found)} of {len(texts)}", *found[:TOLD]])


def with_two_more(meant: Meant) -> Iterator[str]:
    random = Random(f"{SEED} {meant.text}")
    for _ in range(CHANGES):
        said = meant.text.split()
        for _ in range(2):
            word = random.choice(random.choice([TELLING, ENGLISH[:SMALL], ENGLISH]))
            said.insert(random.randint(0, len(said)), word)
        yield " ".join(said)


def with_one_less(meant: Meant) -> Iterator[str]:
    said = meant.text.split()
    for at in range(len(said)):
        yield " ".join(said[:at] + said[at + 1 :])


def with_two_swapped(meant: Meant) -> Iterator[str]:
    said = meant.text.split()
    for at in range(len(said) - 1):
        yield " ".join([*said[:at], said[at + 1], said[at], *said[at + 2 :]])


@pytest.mark.parametrize("change", [with_two_more, with_one_less, with_two_swapped])
@pytest.mark.parametrize("meant", SENTENCES, ids=lambda meant: meant.text)
def test_whatever_happens_to_a_sentence_its_values_are_borne_out_by_its_words(meant: Meant, change: Change) -> None:
    found = []
    for text in change(meant):
        entry = recorded(text, meant.form, "en")
        for name, value in (entry or {}).items():
            if not bears_out(value, words(text), counted=isinstance(value, int)):
                found.append(f"{text}: {name} is {value}")
    assert not found, "\n".join([str(len(found)), *found[:TOLD]])


@pytest.mark.parametrize("meant", SENTENCES, ids=lambda meant: meant.text)
def test_the_judge_knows_what_the_sentences_say(meant: Meant) -> None:
    said = words(meant.text)
    assert all(bears_out(value, said, counted=isinstance(value, int)) for value in meant.values)
    for other in ("7420", "999", "B715", "Z", "C04"):
        assert not bears_out(other, said, counted=False)
    for count in (17, 251, 742_000, 90):
        assert not bears_out(count, said, counted=True)
