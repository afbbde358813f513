"""Simulates recognition errors of a line, with the device's own measured error rates at that noise.

A run of number words or digits is one number. Each is recognised right and sure, right but unsure, wrong and unsure, or
wrong but sure. Other words are always recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from dockvoice_protocol.forms.spoken.reader import make_timed_words
from dockvoice_protocol.records import Reading
from edge.agent.dialogue_driver import StepResult
from edge.agree.decide import Rules
from edge.understand.reading_builder import read_recognised_words
from lab.scribe.wording import NUMBER_WORDS, TEENS_AND_TENS
from lab.typed_conversation import TypedConversation

SURE, IN_DOUBT = 1.0, 0.3  # A recogniser's confidence in a word: far above and far below any policy's threshold.


@dataclass(frozen=True, slots=True)
class NumberErrorRates:
    """Error rates of a number."""

    doubted: float = 0.0  # Recognised right, but in doubt.
    misheard: float = 0.0  # Recognised as another one, and in doubt.
    mistaken: float = 0.0  # Recognised as another one, surely.


_NUMBERS = 3  # Numbers in a clip of the measured set: pallet, count and dock.

NOISES = {
    "none": NumberErrorRates(),
    "20 dB": NumberErrorRates(doubted=3 / (59 * _NUMBERS)),
    "10 dB": NumberErrorRates(5 / (116 * _NUMBERS), (7 + 1) / (116 * _NUMBERS), 1 / (116 * _NUMBERS)),
}
"""From the causes of clips that were not right at once, in docs/accuracy.md of 21 November 2026: unsure; misread or
incomplete; wrong."""

_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class _RecognisedLine:
    """A line as recognised, with the words in doubt."""

    words: tuple[str, ...]  # With the commas at which the speaker took breath.
    doubted: frozenset[int]  # Which of them are in doubt.

    @property
    def text(self) -> str:
        """The recognised words as one line."""
        return " ".join(self.words)


def simulate_recognition(line: str, noise: NumberErrorRates, random: Random) -> _RecognisedLine:
    """Simulate a recogniser: mishear and doubt numbers of the line at the rates of `noise`."""
    words, doubted = line.split(), set[int]()
    for number in list(_number_positions(words)) if noise != NumberErrorRates() else ():
        chance = random.random()
        if noise.doubted <= chance < noise.doubted + noise.misheard + noise.mistaken:
            at = random.choice([one for one in number if TEENS_AND_TENS.get(_strip_comma(words[one]))] or number)
            words[at] = _mishear_number(words[at], random)
        if chance < noise.doubted + noise.misheard:
            doubted.update(number)
    return _RecognisedLine(tuple(words), frozenset(doubted))


def _number_positions(words: Sequence[str]) -> Iterator[list[int]]:
    """The word positions of each number; a comma (breath) ends one."""
    number: list[int] = []
    for at, word in enumerate(words):
        if _strip_comma(word) in NUMBER_WORDS or _strip_comma(word).isdigit():
            number.append(at)
        if number and (number[-1] != at or word.endswith(",")):
            if word == "and" and words[at - 1] == "hundred":
                continue
            yield number
            number = []
    if number:
        yield number


def _strip_comma(word: str) -> str:
    return word.rstrip(",")


def _mishear_number(word: str, random: Random) -> str:
    """Replace a number word: sixty for sixteen where there is such a pair, else another digit."""
    said, breath = _strip_comma(word), word[len(_strip_comma(word)) :]
    if said in TEENS_AND_TENS:
        return TEENS_AND_TENS[said] + breath
    if said.isdigit():
        at = random.randrange(len(said))
        return said[:at] + random.choice([one for one in "123456789" if one != said[at]]) + said[at + 1 :] + breath
    return random.choice([one for one in _DIGITS if one != said]) + breath


class NoisyChannel:
    """Carries lines to the device with simulated recognition errors."""

    def __init__(self, rules: Rules, noise: NumberErrorRates, random: Random) -> None:
        self._rules = rules
        self._noise = noise
        self._random = random

    def send(
        self, talk: TypedConversation, line: str, _kind: str, _about: str, note: Callable[[str], None]
    ) -> Iterator[StepResult]:
        """Send the line with simulated recognition errors."""
        taken = simulate_recognition(line, self._noise, self._random)
        if taken.text != line or taken.doubted:
            note(f"    heard: {taken.text}{' ?' if taken.doubted else ''}")
        yield talk.handle_reading(self._reading(taken))

    def is_nonexistent_pallet(self, _pallet: str) -> bool:
        """Always False: a misheard number may be another pallet's."""
        return False

    def _reading(self, taken: _RecognisedLine) -> Reading:
        rules = self._rules
        plain = make_timed_words(taken.text, rules.form, rules.catalogue, rules.language)
        words = tuple(
            replace(word, confidence=IN_DOUBT if at in taken.doubted else SURE) for at, word in enumerate(plain)
        )
        return read_recognised_words("ear", words, rules.form, rules.catalogue, rules.language, longest_noise_s=0.0)
