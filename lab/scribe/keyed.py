"""Models receiving by scanner and keypad, with times from the keystroke-level model of an expert.

S. K. Card, T. P. Moran, A. Newell, "The keystroke-level model for user performance time with interactive systems",
Communications of the ACM 23 (1980), 396-410; hand movements by the tables of MTM-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from dockvoice_protocol.records import FieldValue
from lab.scribe.arrivals import MISTAKES, Arrival, Case, Pallet
from lab.scribe.device import PATIENCE, Outcomes
from lab.scribe.receiving import SAID

_MENTAL_S = 1.35  # M of the keystroke-level model: mental preparation for the next step.
_POINT_S = 1.1  # P of the model, which is of a mouse: to aim at a label.
_DECODE_S = 0.5  # A code of twelve characters is scanned in half a second, where it takes six to key: Panatrack, 2008.
_HOST_S = 0.3  # R of the model: until the screen has the host's answer; a good radio network.
_TMU_S = 0.036  # The unit of MTM-1: a hundred-thousandth of an hour.
_TAKE_UP_S = (18.6 + 2.0 + 18.2) * _TMU_S
"""Reach 20 inches to where it hangs (R20B), grasp (G1A), move it as far (M20B)."""
_PUT_DOWN_S = (18.2 + 2.0) * _TMU_S  # Move it back (M20B), let go (RL1).
_KEYING_ERROR = 1 / 300
"""Error rate per keyed character of a good typist, as bar code vendors quote; Gilb and Weinberg (1977) have 1 in 400,
Michaels (1971) 1 in 200. Scan errors are negligible: of Code 128, 1 in 2.8 million (Ohio University, 1992).
"""


@dataclass(frozen=True, slots=True)
class HandheldTerminal:
    """The hand-held terminal's properties."""

    key_s: float  # K of the model.
    hung: bool  # It is taken up and hung back, for counting and for breaking the wrap need both hands.


HUNG = HandheldTerminal(key_s=0.28, hung=True)  # A gun in a holster; K of an average typist.
WORN = HandheldTerminal(key_s=0.2, hung=False)
"""A ring and a keypad at the wrist, which keep both hands free; K of a skilled typist, 55 words a minute."""


class KeyedReceiving:
    """Simulates one trailer received by scanning and keying."""

    def __init__(self, arrival: Arrival, terminal: HandheldTerminal, random: Random) -> None:
        self._arrival = arrival
        self._terminal = terminal
        self._random = random
        self.seconds = 0.0
        self.recorded: list[Mapping[str, FieldValue]] = []
        self.ledger = Outcomes()

    def unload(self) -> Outcomes:
        """Receive all pallets; return the outcomes."""
        self._scan()  # the trailer's paper, and the sign at the door
        self._scan()
        received = {one.pallet for one in self._arrival.pallets if one.case is Case.RECEIVED}
        door = self._arrival.pallets[0].door
        for load in self._arrival.pallets:
            if load.door != door:
                self._press(1)
                self._scan()
                door = load.door
            self.ledger.meant += load.case not in MISTAKES
            self.seconds += _TAKE_UP_S * self._terminal.hung
            self._scan()
            if load.pallet in received:
                self._press(1)
            else:
                received.add(load.pallet)
                self._receive(load)
            self.seconds += _PUT_DOWN_S * self._terminal.hung
        meant = [one.fields() for one in self._arrival.pallets if one.case not in MISTAKES]
        self.ledger.right = sum(fields in meant for fields in self.recorded)
        self.ledger.wrong = [str(dict(fields)) for fields in self.recorded if fields not in meant]
        return self.ledger

    def _receive(self, load: Pallet) -> None:
        fields = load.fields()
        if load.case in {Case.UNKNOWN, Case.ELSEWHERE}:
            self._press(1)  # receive it all the same
        if load.announced is None:
            self._press(1)  # the unit
        if load.damaged is not None:
            self._press(1)
            fields["damaged"] = self._key_number(load.damaged)
        if load.exception is not None:
            self._press(2)
        fields["quantity"] = self._key_count(load, int(str(fields.get("damaged", 0))))
        if load.lot is not None:
            self._scan()
        self.recorded.append(fields)

    def _key_count(self, load: Pallet, damaged: int) -> int:
        """Key the count of good units: repeated if not as announced, until two counts agree."""
        said = load.quantity if load.first_count is None else load.first_count
        if load.first_count is None and self._random.randrange(100) < SAID["mended"] + SAID["misread"]:
            self._press(2 * len(str(said)))  # a slip: seen on the screen, deleted and keyed anew
        before: set[int] = set()
        count = 0
        for _ in range(PATIENCE):
            count = self._key_number(said)
            said = load.quantity
            if load.announced in {None, count + damaged} or count in before:
                break
            self.ledger.questions += 1
            before.add(count)
        if count in before:
            self._press(1)  # short, or over
        return count

    def _key_number(self, number: int) -> int:
        """Key a number, with random typing errors; return the resulting value."""
        self._press(len(str(number)) + 1)
        wrong = [at for at in range(len(str(number))) if self._random.random() < _KEYING_ERROR]
        keyed = list(str(number))
        for at in wrong:
            keyed[at] = self._random.choice([one for one in "123456789" if one != keyed[at]])
        return int("".join(keyed))

    def _scan(self) -> None:
        self.seconds += _MENTAL_S + _POINT_S + self._terminal.key_s + _DECODE_S + _HOST_S

    def _press(self, keys: int) -> None:
        self.seconds += _MENTAL_S + keys * self._terminal.key_s + _HOST_S
        self.ledger.lines += 1
