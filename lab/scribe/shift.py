"""Simulates a shift at a dock: an operator dictates trailers of pallets with interruptions, chat and slips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol

from edge.agent.dialogue_driver import StepResult
from edge.agree.decide import Rules
from lab.scribe import wording
from lab.scribe.device import PALLETS, Outcomes, SpeechChannel, TypedDevice
from lab.scribe.operator import ScriptedOperator, Wording
from lab.scribe.wording import Load
from lab.typed_conversation import TypedConversation

_SAID = {"whole": 70, "mended": 10, "misread": 10, "in parts": 10}
"""Share of each way to dictate a pallet, in %. Estimates; rare ways are over-represented so that they occur at all."""

_BETWEEN = {"nothing": 85, "talk": 8, "talk of places": 3, "power cut": 2, "pause": 2}  # Events between two pallets.


def generate_loads(pallets: int, random: Random) -> list[Load]:
    """Generate the pallets of a trailer."""
    first = random.randrange(100, 9000)
    numbers = random.sample(range(first, first + 5 * pallets), pallets)
    counts = (*range(2, 61), 72, 96, 120, 144)
    return [Load(str(number), random.choice(counts), random.choice("ABCDEFGH")) for number in numbers]


class _OperatorVoice(SpeechChannel, Protocol):
    """A means of dictation: which pallets, in which words, over which channel."""

    ways: Mapping[str, int]  # Share of each way to dictate a pallet, in %.

    def choose_trailer_loads(self, count: int, random: Random) -> list[Load]:
        """The pallets of a trailer."""

    def sentence(self, load: Load, random: Random) -> str:
        """Word a whole entry."""


class TypedChannel:
    """Sends lines to the parser unchanged."""

    def send(
        self, talk: TypedConversation, line: str, _kind: str, _about: str, _note: Callable[[str], None]
    ) -> Iterator[StepResult]:
        """Type the line to the device, unchanged."""
        yield talk.say(line)

    def is_nonexistent_pallet(self, _pallet: str) -> bool:
        """Always False: a typed line is never misheard."""
        return False


class _TypingOperator(TypedChannel):
    """Types random pallets in random wording."""

    ways: Mapping[str, int] = _SAID

    def choose_trailer_loads(self, count: int, random: Random) -> list[Load]:
        """Generate the pallets of a trailer."""
        return generate_loads(count, random)

    def sentence(self, load: Load, random: Random) -> str:
        """Word a whole entry."""
        return wording.word_sentence(load, random)


class _ShiftWording(Wording[Load]):
    """Words whole entries by an `_OperatorVoice`, other lines by `wording`."""

    def __init__(self, voice: _OperatorVoice, random: Random) -> None:
        self._voice = voice
        self._random = random

    def sentence(self, load: Load) -> str:
        """Word a whole entry."""
        return self._voice.sentence(load, self._random)

    def labelled(self, name: str, load: Load) -> str:
        """Word one field with its label."""
        return wording.word_field(name, load, self._random)

    def bare_value(self, name: str, load: Load) -> str:
        """Word the value of a field alone."""
        return wording.word_value(name, load, self._random)

    def chat(self, load: Load) -> str:
        """Word a remark to a colleague."""
        return wording.word_sentence(load, self._random, wording.TALK)


class TrailerUnloading(ScriptedOperator[Load]):
    """Simulates one trailer unloaded onto the docks."""

    def __init__(self, rules: Rules, directory: Path, random: Random, voice: _OperatorVoice | None = None) -> None:
        """`directory` is for the journal; `random` draws all events; without a voice the operator types."""
        self._voice = voice or _TypingOperator()
        super().__init__(TypedDevice(rules, directory, self._voice), _ShiftWording(self._voice, random), random)

    def unload(self, pallets: int = PALLETS) -> Outcomes:
        """Unload all pallets. The journal's final entries are compared with the intended ones."""
        self.device.start()
        meant = self._voice.choose_trailer_loads(pallets, self._random)
        whole: set[str] = set()
        for load in meant:
            self._before.append(load)
            self.ledger.meant += 1
            if self._dictate(load):
                whole.add(load.pallet)
            self._play_random_event(load)
        self.device.expire_timeouts()
        self.count_outcomes(meant, whole)
        self.device.journal.close()
        return self.ledger

    def _dictate(self, load: Load) -> bool:
        """Dictate one pallet to its end; return whether the operator believes it accepted."""
        self.device.begin_pallet(load.pallet)
        slip = self._misread_one_value(load)
        match self._draw(self._voice.ways):
            case "whole":
                self._say(self._words.sentence(load), "plain")
            case "mended":
                self._say(
                    wording.word_self_correction(slip, load, self.wrong_fields(slip.fields(), load)[0], self._random),
                    "mended",
                )
            case "misread":
                self._say(wording.word_sentence(slip, self._random), "plain")
            case _:
                # The label first, the count when it is counted, the dock when it is known.
                for name in ("pallet_id", "quantity", "dock"):
                    self._say(self._words.labelled(name, load), "part")
        return self._answer_until_settled(load)

    def _misread_one_value(self, load: Load) -> Load:
        """The load with one value misread."""
        match self._random.choice(("quantity", "dock")):
            case "quantity":
                return replace(load, quantity=load.quantity + self._random.choice((1, 2, 10)))
            case _:
                return replace(load, dock=self._random.choice([dock for dock in "ABCDEFGH" if dock != load.dock]))

    def _play_random_event(self, load: Load) -> None:
        """Simulate a random event between two pallets: chat, a power cut, a pause."""
        match self._draw(_BETWEEN):
            case "talk of places":
                self.device.expire_timeouts()
                other = replace(load, dock=self._random.choice("ABCDEFGH"))
                self._say(wording.word_sentence(other, self._random, wording.TALK_OF_PLACES), "talk of places")
                self.device.expire_timeouts()
            case event:
                self._play_event(event, load)
