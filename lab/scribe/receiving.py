"""Simulates receiving against a notice: an announced trailer is dictated, and the inventory's rows are compared.

Lists, validation and tables are the inventory's own, without a broker between it and the device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_closing_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.records import FieldValue
from edge.agent.parts import load_named_form, make_rules
from edge.agree.decide import Rules
from edge.agree.dialogue.questions import Question
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import State
from edge.config import Settings
from edge.records import Reason
from edge.records.speech import Prompt, Say
from lab.scribe import wording
from lab.scribe.arrivals import MISTAKES, USUAL, Case, Pallet, generate_arrival
from lab.scribe.device import PALLETS, PATIENCE, Outcomes, TypedDevice
from lab.scribe.operator import ScriptedOperator, Wording
from lab.scribe.tables import LocalInventory

FORM = "receive-notice"

_SAID_ONCE = ("trailer", "door")

SAID = {"whole": 80, "mended": 7, "misread": 5, "in parts": 8}
"""Share of each way to dictate a pallet, in %: estimates, as in `lab.scribe.shift`."""

_SAME_AGAIN = 0.5  # Frequency of "same again" for a pallet like the last.

_BETWEEN = {
    "nothing": 80, "talk": 8, "talk of pallets": 3, "power cut": 2, "pause": 2, "broker gone": 2, "broker back": 3,
}  # fmt: skip
"""Events between two pallets."""


def default_rules_for(form: str) -> Rules:
    """The default rules of an agent that fills this form."""
    settings = Settings()
    return make_rules(settings, load_named_form(settings, form), Catalogue.load(settings.catalogue_directory))


@cache
def receiving_rules() -> Rules:
    """The default rules of an agent that receives against notices."""
    return default_rules_for(FORM)


def with_closing_form(settings: DialogueSettings) -> DialogueSettings:
    """The settings with the form of an entry that closes a trailer."""
    return replace(settings, closing=_closing_form())


@cache
def _closing_form() -> Form | None:
    return load_closing_form(shipped_directory("schemas") / "forms")


_NOTHING = Pallet("", 0, "CS", "", "")  # Placeholder before the first pallet.


class _ReceivingWords(Wording[Pallet]):
    """Words a receiver's lines."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def sentence(self, load: Pallet) -> str:
        """Word a whole entry without the standing values."""
        return wording.word_received_pallet(load, self._random)

    def labelled(self, name: str, load: Pallet) -> str:
        """Word one field with its label."""
        return wording.word_received_field(name, load, self._random)

    def bare_value(self, name: str, load: Pallet) -> str:
        """Word the value of a field alone."""
        return wording.word_received_value(name, load, self._random)

    def chat(self, load: Pallet) -> str:
        """Word a remark to a colleague."""
        return self._random.choice(wording.TALK)

    def standing_values(self, load: Pallet) -> str:
        """Word the standing values of the trailer."""
        return f"{self.labelled('trailer', load)}, {self.labelled('door', load)}"

    def self_correction(self, slip: Pallet, load: Pallet) -> str:
        """Word an entry with a slip in the count, corrected at once."""
        cue = self._random.choice(("no", "sorry", "no wait", "I mean", "no sorry"))
        rest = [name for name in ("lot", "damaged", "exception") if name in load.fields()]
        said = [self.labelled("pallet_id", load), self.labelled("quantity", slip), cue, self.labelled("quantity", load)]
        return ", ".join([*said, *(self.labelled(name, load) for name in rest)])


def _repeats_previous(before: Sequence[Pallet], device: TypedDevice, load: Pallet) -> bool:
    """Whether all values to dictate equal those of the previous, recorded pallet."""
    if load.first_count is not None or not before:
        return False
    last, meant = before[-1].fields(), load.fields()
    same = all(last.get(name) == meant.get(name) for name in ("quantity", "uom", "lot", "damaged", "exception"))
    latest = [*device.recorded_entries()[-1:], device.held]
    there = any(one.get("pallet_id") == last["pallet_id"] for one in latest)
    return same and there and last["pallet_id"] not in device.aside


def _resume_if_paused(say: Callable[[str, str], None], device: TypedDevice) -> None:
    """Say "resume" if the device is paused."""
    if device.state is State.PAUSED:
        say("resume", "command")


def _sum_quantities(entries: Iterable[Mapping[str, FieldValue]]) -> Counter[str]:
    """Total quantity by unit, and total damaged."""
    sums: Counter[str] = Counter()
    for fields in entries:
        sums[str(fields["uom"])] += int(str(fields["quantity"]))
        sums["damaged"] += int(str(fields.get("damaged", 0)))
    return sums


class NoticeReceiver(ScriptedOperator[Pallet]):
    """Simulates one trailer received against a notice, with an inventory of its own."""

    unasked = frozenset({"part", "talk of pallets", "close"})

    def __init__(self, device: TypedDevice, directory: Path, random: Random, exceptions: float = USUAL) -> None:
        """`directory` is for the inventory; `exceptions` is the share of pallets not as announced."""
        self._words: _ReceivingWords
        super().__init__(device, _ReceivingWords(random), random)
        self._exceptions = exceptions
        self._tables = LocalInventory(directory, FORM, device)
        self._load = _NOTHING  # The current pallet.
        self._counted = 0  # The number that was dictated.

    def wrong_fields(self, fields: Mapping[str, FieldValue], load: Pallet) -> Sequence[str]:
        """Names of the differing fields that were read back, undictated ones last."""
        wrong = [name for name in super().wrong_fields(fields, load) if name in fields or name not in _SAID_ONCE]
        return [*wrong, *(name for name in fields if name not in load.fields())]

    def _correction(self, name: str, load: Pallet) -> str:
        return super()._correction(name, load) if name in load.fields() else "cancel"

    def is_needed_question(self, question: Question) -> bool:
        """Whether a person with the list would ask this question too."""
        load = self._load
        match question.why:
            case Reason.COUNT_DIFFERS:
                return load.announced != self._counted + (load.damaged or 0)
            case Reason.NOT_EXPECTED:
                return load.case is Case.UNKNOWN
            case Reason.EXPECTED_ELSEWHERE:
                return load.case is Case.ELSEWHERE
            case Reason.ALREADY_RECEIVED | Reason.DOUBLE_COUNT:
                return load.case in MISTAKES
            case _:
                return False

    # -- the operator's day

    def unload(self, pallets: int = PALLETS) -> Outcomes:
        """Unload all pallets. The inventory's final rows are compared with the intended entries."""
        coming = generate_arrival(pallets, self._random, self._exceptions)
        self._tables.announce(coming.announced)
        self._tables.store_from_other_device(one.fields() for one in coming.pallets if one.case is Case.RECEIVED)
        self.device.start()
        meant: list[Pallet] = []
        whole: set[str] = set()
        self._dictate_standing_values(coming.pallets[0], *_SAID_ONCE)
        for before, load in pairwise((coming.pallets[0], *coming.pallets)):
            if load.door != before.door:
                self.device.expire_timeouts()
                self._dictate_standing_values(load, "door")
            if load.case in MISTAKES:
                self._repeat_recorded_entry(load)
            else:
                meant.append(load)
                self._before.append(load)
                self.ledger.meant += 1
                if self._dictate(load):
                    whole.add(load.pallet)
            self._play_random_event(load)
            self._tables.deliver()
        self.device.expire_timeouts()
        self._tables.online = True
        self._tables.deliver()
        self._close_trailer()
        self.count_outcomes(meant, whole)
        spoken_sums = _sum_quantities(
            turn.fields for turn in self.device.turns if isinstance(turn, Say) and turn.prompt is Prompt.SUM
        )
        if spoken_sums != (has := _sum_quantities(self.recorded_entries())):
            self.ledger.wrong.append(f"told at the closing: {dict(spoken_sums)}, on record: {dict(has)}")
        if coming.pallets[0].trailer not in self._tables.closed_trailers():
            self.ledger.lost.append(f"the closing of {coming.pallets[0].trailer}")
        self._tables.close()
        self.device.journal.close()
        return self.ledger

    def _dictate(self, load: Pallet) -> bool:
        """Dictate one pallet to its end; return whether the operator believes it accepted."""
        self._turn_to_pallet(load)
        slip = replace(load, quantity=load.quantity + self._random.choice((1, 2, 10)))
        if _repeats_previous(self._before[:-1], self.device, load) and self._random.random() < _SAME_AGAIN:
            self._say(f"same again, {self._words.labelled('pallet_id', load)}", "plain")
            return self._answer_until_settled(load)
        match "misread" if load.first_count is not None else self._draw(SAID):
            case "whole":
                self._say(self._words.sentence(load), "plain")
            case "mended":
                self._say(self._words.self_correction(slip, load), "mended")
            case "misread":
                self._counted = slip.quantity if load.first_count is None else load.first_count
                self._say(self._words.sentence(replace(load, quantity=self._counted)), "plain")
                self._counted = load.quantity
            case _:
                # The label first, the rest when it is counted.
                for name in ("pallet_id", "quantity", "lot", "damaged", "exception"):
                    if name in load.fields():
                        self._say(self._words.labelled(name, load), "part")
        return self._answer_until_settled(load)

    def _dictate_standing_values(self, load: Pallet, *names: str) -> None:
        """Dictate standing values until the readback agrees."""
        self.device.begin_pallet("")
        meant = {name: load.fields()[name] for name in names}
        for _ in range(PATIENCE):
            _resume_if_paused(self._say, self.device)
            self.device.held = {}
            change = len(names) == 1
            said = f"{self._words.labelled('door', load)} from now on" if change else self._words.standing_values(load)
            self._say(said, "context")
            if self.device.held == meant:
                break

    def _close_trailer(self) -> None:
        """Close the trailer, and confirm the device's summary."""
        self.device.begin_pallet("")
        _resume_if_paused(self._say, self.device)
        self._say("trailer done", "close")
        for _ in range(PATIENCE):
            if self.device.question is None:
                break
            self._say("yes", "close")
        self._tables.deliver()

    def _turn_to_pallet(self, load: Pallet) -> None:
        self.device.begin_pallet(load.pallet)
        self._load, self._counted = load, load.quantity

    def _repeat_recorded_entry(self, load: Pallet) -> None:
        """Dictate an already recorded entry again, and cancel it at the device's question."""
        self.device.expire_timeouts()
        if load.pallet in self.device.aside:
            return
        self._turn_to_pallet(load)
        self._say(self._words.sentence(load), "mistake")
        if self.device.question is not None:
            self._say("cancel", "command")
        self.device.expire_timeouts()

    def _play_random_event(self, load: Pallet) -> None:
        """Simulate a random event between two pallets: chat, a power cut, a pause, a broker failure."""
        match self._draw(_BETWEEN):
            case "talk of pallets":
                self.device.expire_timeouts()
                other = replace(load, door=str(self._random.randint(1, 24)))
                self._say(wording.word_chat_about_pallet(other, self._random), "talk of pallets")
                self.device.expire_timeouts()
            case "power cut" if load.case in MISTAKES:
                self.device.restart()
            case "broker gone" | "broker back" as event:
                self._tables.online = event == "broker back"
            case event:
                self._play_event(event, load)

    def recorded_entries(self) -> Sequence[Mapping[str, FieldValue]]:
        """The inventory's rows of the device."""
        return self._tables.recorded_entries()
