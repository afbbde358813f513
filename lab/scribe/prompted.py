"""Models a prompt-driven dialogue of the Vocollect kind: one prompt for each value.

Modelled on vendors' and users' descriptions (docs/rivals.md), not on their programs. The host knows the notice, as ours
does. Chat and power cuts do not disturb this model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from dockvoice_protocol.records import FieldValue
from lab.scribe import wording
from lab.scribe.arrivals import MISTAKES, Arrival, Case, Pallet
from lab.scribe.clock import DeviceTurn, OperatorTurn, Turn
from lab.scribe.device import PATIENCE, Outcomes
from lab.scribe.mishearing import NumberErrorRates, simulate_recognition
from lab.scribe.receiving import SAID


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """A site's settings of the prompted dialogue."""

    ready: bool  # Each value ends with "ready".
    confirms: bool  # Each count is read back and takes a "yes", also where it is as announced.
    asks_condition: bool  # Of each pallet; else the operator names an exception unasked.


USUAL = PromptSettings(ready=True, confirms=True, asks_condition=True)
SHORTEST = PromptSettings(ready=False, confirms=False, asks_condition=False)
"""The shortest dialogue: values that agree with the notice are accepted without confirmation."""


class PromptedReceiving:
    """Simulates one trailer received by prompts."""

    def __init__(self, arrival: Arrival, settings: PromptSettings, noise: NumberErrorRates, random: Random) -> None:
        self._arrival = arrival
        self._settings = settings
        self._noise = noise
        self._random = random
        here = arrival.pallets[0].trailer
        lines = [(place, line) for place, of in arrival.announced.items() for line in of]
        self._here = {line.pallet: line for place, line in lines if place.name == here}
        self._elsewhere = {line.pallet: line for place, line in lines if place.name != here}
        self._received = {one.pallet for one in arrival.pallets if one.case is Case.RECEIVED}
        self.recorded: list[Mapping[str, FieldValue]] = []
        self.turns: list[Turn] = []
        self.ledger = Outcomes()

    def unload(self) -> Outcomes:
        """Receive all pallets; return the outcomes."""
        one = self._arrival.pallets[0]
        for prompt, name in (("Trailer?", "trailer"), ("Door?", "door")):
            self._ask_value(prompt, wording.word_received_value(name, one, self._random))
        door = one.door
        for load in self._arrival.pallets:
            if load.door != door:
                self._ask_value(None, "change door", number=False)
                self._ask_value("Door?", wording.word_received_value("door", load, self._random))
                door = load.door
            self.ledger.meant += load.case not in MISTAKES
            self._receive(load)
        self._count_outcomes()
        return self.ledger

    def _receive(self, load: Pallet) -> None:
        number = self._ask_pallet_number_or_give_up(load)
        if number is None:
            return
        line = self._here.get(number) or self._elsewhere.get(number)
        uom = load.uom if line is None else line.uom
        unit = "Quantity?" if line is None else {"CS": "Cases?", "EA": "Pieces?"}[uom]
        damaged, exception = (None, None) if self._settings.asks_condition else self._name_exception_at_count(load)
        announced = None if line is None else int(line.quantity)
        quantity = self._ask_count(load, unit, announced, damaged or 0)
        if line is None:
            self._ask_value("Unit?", {"CS": "cases", "EA": "pieces"}[uom], number=False)
        if self._settings.asks_condition:
            damaged, exception = self._ask_condition(load)
        lot = self._ask_lot(load) if line is not None and line.lot_needed else None
        taken = replace(load, pallet=number, quantity=quantity, uom=uom, lot=lot, damaged=damaged, exception=exception)
        self._received.add(number)
        self.recorded.append(taken.fields())

    # -- value by value

    def _ask_pallet_number_or_give_up(self, load: Pallet) -> str | None:
        """Ask for the pallet's number; None if it was received already, or after PATIENCE attempts."""
        for attempt in range(PATIENCE):
            spelt = wording.spell_digits(load.pallet)
            number = wording.parse_digits(self._ask_value(None if attempt == 0 else "Pallet?", spelt))
            if number in self._received:
                self._reply("Already received.")
                if number == load.pallet:
                    return None
            elif number in self._here:
                return number
            else:
                other = "Other trailer" if number in self._elsewhere else "Not announced"
                if self._ask_yes_no(f"{other}: {' '.join(number)}. Receive it?", right=number == load.pallet):
                    return number
        self.ledger.given_up += 1
        return None

    def _ask_count(self, load: Pallet, unit: str, announced: int | None, damaged: int) -> int:
        """Ask for the count of good units; one that differs from the notice is repeated until two agree."""
        believed = load.quantity if load.first_count is None else load.first_count
        slips = load.first_count is None and self._random.randrange(100) < SAID["mended"] + SAID["misread"]
        said = believed + (self._random.choice((1, 2, 10)) if slips else 0)
        before: set[int] = set()
        count = 0
        for _ in range(PATIENCE):
            count = wording.sum_number_words(self._ask_value(unit, wording.word_number(said)))
            if (self._settings.confirms or announced is None) and not self._ask_yes_no(
                f"{count}, correct?", right=count == believed
            ):
                said = believed
                continue
            said = believed = load.quantity  # After the device's objection, whatever it is, the operator counts again.
            # Where the condition is asked for behind the count, the host waits for that before it doubts the count.
            open_damage = load.damaged if self._settings.asks_condition and load.damaged else 0
            if announced is None or count + damaged + open_damage == announced:
                return count
            if count in before:
                self._ask_yes_no("Short, correct?" if count < announced else "Over, correct?", right=True)
                return count
            before.add(count)
            unit = "Count again."
        return count

    def _name_exception_at_count(self, load: Pallet) -> tuple[int | None, str | None]:
        """Ask for an exception in place of the count: number damaged and reason."""
        if load.damaged is not None:
            self._ask_value("Cases?", "damaged", number=False)
            return wording.sum_number_words(
                self._ask_value("How many damaged?", wording.word_number(load.damaged))
            ), None
        if load.exception is not None:
            self._ask_value("Cases?", load.exception, number=False)
        return None, load.exception

    def _ask_condition(self, load: Pallet) -> tuple[int | None, str | None]:
        if load.damaged is not None:
            self._ask_value("Condition?", "damaged", number=False)
            count = wording.sum_number_words(self._ask_value("How many damaged?", wording.word_number(load.damaged)))
            self._ask_yes_no(f"{count}, correct?", right=count == load.damaged)
            return load.damaged, None
        self._ask_value("Condition?", load.exception or "good", number=False)
        return None, load.exception

    def _ask_lot(self, load: Pallet) -> str:
        """Ask for the lot and read it back, since the notice gives none to compare with."""
        label, lot = load.lot or str(self._random.randrange(10000, 99999)), ""
        for _ in range(PATIENCE):
            lot = wording.parse_digits(self._ask_value("Lot?", wording.spell_digits(label)))
            if self._ask_yes_no(f"{' '.join(lot)}, correct?", right=lot == label):
                break
        return lot

    # -- prompts and answers

    def _ask_value(self, prompt: str | None, answer: str, *, number: bool = True) -> str:
        """Prompt, answer, and return the value as recognised; without a prompt the answer follows at once."""
        said = f"{answer} ready" if self._settings.ready and number else answer
        if prompt is not None:
            self._reply(prompt)
        self._say(said, routine=prompt is not None, first=prompt is None)
        taken = simulate_recognition(answer, self._noise, self._random)
        while taken.doubted:
            self.ledger.questions += 1
            self._reply("Say again.")
            self._say(said)
            taken = simulate_recognition(answer, self._noise, self._random)
        return taken.text

    def _ask_yes_no(self, question: str, *, right: bool) -> bool:
        self.ledger.questions += 1
        self._reply(question)
        self._say("yes" if right else "no")
        return right

    def _reply(self, text: str) -> None:
        self.turns.append(DeviceTurn((text,)))

    def _say(self, text: str, *, routine: bool = False, first: bool = False) -> None:
        self.turns.append(OperatorTurn(text, routine, first))
        self.ledger.lines += 1
        self.ledger.words += len(text.split())

    # -- the scribe

    def _count_outcomes(self) -> None:
        meant = [one.fields() for one in self._arrival.pallets if one.case not in MISTAKES]
        for fields in self.recorded:
            if fields in meant:
                meant.remove(dict(fields))
                self.ledger.right += 1
            else:
                self.ledger.wrong.append(str(dict(fields)))
        self.ledger.lost += [str(left) for left in meant]
        del self.ledger.lost[: self.ledger.given_up]  # which the operator knows to be missing
