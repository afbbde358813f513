"""Both laws of `claims` from the outside: whatever is said over whatever is open, and then silence or a yes or a no.

Nothing that names a thing goes under: it is on record, waits for a person, was taken back, or was given up aloud. And
no record has a value that was said of another thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from random import Random

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.decide import Rules, decide
from edge.agree.dialogue.claims import GIVES_UP
from edge.agree.dialogue.interface import DialogueInput, EntryCommitted, LawAlarm, Order, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.table import AGREEING, State
from edge.agree.readings import possible_values
from edge.records import ClosedBy, Commit, Draft, LastEntry, Note, Park, StoreDropped
from edge.records.speech import Earcon, PlayEarcon, Say
from tests.reading.conversing import heard
from tests.rows import each_of, every
from tests.shipped import ROOT, form
from tests.tiers import SEED, sized

PLAYBOOK = ROOT / "tests" / "playbook"
CATALOGUE = Catalogue.load(PLAYBOOK / "catalogue")
SILENCES = 12  # More than the dialogue waits for anything.


@dataclass(frozen=True)
class Thing:
    """A thing, and what is said of it, in words."""

    named: str
    values: tuple[str, ...]  # All that an entry needs besides the name.
    fields: Mapping[str, FieldValue]

    @property
    def entry(self) -> str:
        return ", ".join((self.named, *self.values))

    @property
    def part(self) -> str:
        """All but the last value; where there is one value only, that one."""
        return ", ".join((self.named, *(self.values[:-1] or self.values)))


@dataclass(frozen=True)
class World:
    """Two things of a form, which nobody can take for one another, and no value in common."""

    rules: Rules
    one: Thing
    other: Thing
    either: str = ""  # The value of the one, or another: it is asked which.
    proves: str = ""  # What asks for check digits.

    @property
    def identifies(self) -> tuple[str, ...]:
        return self.rules.form.identifies


WORLDS = {
    "pallet-move": World(
        Rules(form("pallet-move"), CATALOGUE),
        Thing("pallet 742", ("twelve units", "dock B"), {"pallet_id": "742", "quantity": 12, "dock": "B"}),
        Thing("pallet 915", ("nine units", "dock C"), {"pallet_id": "915", "quantity": 9, "dock": "C"}),
        either="pallet 742, dock B, twelve or thirteen units",
    ),
    "temperature": World(
        Rules(form("temperature"), CATALOGUE),
        Thing("trailer 5501, front", ("five degrees",), {"trailer": "5501", "position": "front", "temperature": 5}),
        Thing("trailer 6203, rear", ("two degrees",), {"trailer": "6203", "position": "rear", "temperature": 2}),
        either="trailer 5501, front, five or seven degrees",
    ),
    "stock-count": World(
        Rules(form("stock-count"), CATALOGUE),
        Thing("item A100, location A01", ("twelve pieces",), {"item": "A100", "location": "A01", "quantity": 12}),
        Thing("item A200, location A02", ("nine pieces",), {"item": "A200", "location": "A02", "quantity": 9}),
        either="item A100, location A01, twelve or thirteen pieces",
    ),
    "goods-check": World(
        Rules(load_form(PLAYBOOK / "forms" / "goods-check.schema.json"), CATALOGUE),
        Thing("pallet 5432", ("bay A",), {"pallet_id": "5432", "bay": "A"}),
        Thing("pallet 5977", ("bay D",), {"pallet_id": "5977", "bay": "D"}),
        proves="pallet 5432, bay A",
    ),
}


@dataclass(frozen=True)
class Line:
    """What is said, and how well it is heard."""

    text: str
    unclear: bool = False  # The name in it is not understood.
    sure: float = 0.94
    closing: ClosedBy = ClosedBy.PAUSE
    corrects: bool = False  # It may say that a thing is another one.

    def __str__(self) -> str:
        return self.text + " (unclear name)" * self.unclear + " (faint)" * (self.sure < 0.5)


def openings(world: World) -> dict[str, tuple[Line, ...]]:
    """What leads to each state in which a claim is open, by what is asked then."""
    one, other = world.one, world.other
    whole, mumble = Line(one.entry), Line("grmpf hmpf")
    found = {
        "held": (whole,),
        "a value is asked for": (Line(one.part if len(one.values) > 1 else one.named),),
        "the name is asked for": (Line(", ".join(one.values)),),
        "a name that was not understood": (Line(one.entry, unclear=True),),
        "what is wrong": (whole, Line("no")),
        "whether it is right": (whole, mumble, mumble),
        "next or instead, unasked": (whole, Line(other.named)),
        "next or instead": (whole, Line("no"), Line(other.named)),
        "instead": (whole, Line(f"correction, {other.entry}", corrects=True)),
        "in doubt": (Line(one.entry, sure=0.3),),
        "the next behind a doubted one": (whole, mumble, Line(other.part)),
        "paused without a name": (Line(", ".join(one.values)), Line("pause")),
        "paused": (Line(one.part if len(one.values) > 1 else one.named), Line("pause")),
    }
    found["paused, and one waits"] = (whole, mumble, Line(other.entry), Line("pause"))
    if world.either:
        found["which value"] = (Line(world.either),)
    if world.proves:
        found["check digits"] = (Line(world.proves),)
    return found


def inputs(world: World) -> Iterator[Line]:
    """Every kind of what is said, of the same thing, of another, of none, and of one that is not understood."""
    one, other = world.one, world.other
    # Of the same thing with other values, and with the same; of the other with its own, and with those of the first.
    anew = replace(one, values=other.values)
    for thing in (one, anew, other, replace(other, values=one.values)):
        for unclear in (False, True):
            yield Line(thing.entry, unclear)
            yield Line(thing.part, unclear)
            yield Line(thing.named, unclear)
            yield Line(f"no, {thing.named}", unclear, corrects=True)
            yield Line(f"no, {thing.part}", unclear, corrects=True)
            yield Line(f"correction, {thing.entry}", unclear, corrects=True)
            yield Line(f"scratch that, {thing.entry}", unclear, corrects=True)
            yield Line(f"cancel {thing.named}", unclear)
            yield Line(f"{thing.named} from now on", unclear)
            yield Line(thing.entry, unclear, sure=0.3)
            yield Line(thing.entry, unclear, closing=ClosedBy.BROKEN_OFF)
    for values in (one.values, other.values):
        for said in {", ".join(values), *values}:
            yield Line(said)
            yield Line(f"no, {said}", corrects=True)
    for said in ("yes", "no", "cancel", "never mind", "scratch that", "grmpf hmpf", "no grmpf", "what is open"):
        yield Line(said)
    for said in ("help", "say again", "how many waiting", "put it aside", "pause", "sign off", "next", "instead"):
        yield Line(said)


ENDS = (None, Line("yes"), Line("no"))  # What is said behind it, and then nothing more; None: nothing at all.


@cache
def uttered(line: Line, world: str) -> UtteranceHeard:
    told = WORLDS[world]
    said = heard("u", line.text, told.rules, line.sure)
    reading = said.reading
    if line.unclear:
        misheard = {name: FieldReading(None, ("umpteen",), 0.4) for name in told.identifies if name in reading.fields}
        reading = replace(reading, fields={**reading.fields, **misheard})
    verdict = decide(reading, line.closing, told.rules)
    return replace(said, reading=reading, verdict=verdict, closing=line.closing)


@dataclass
class Outside:
    """A conversation, and what anybody can see of it: what was said, what is on record, what waits, what was told."""

    world: str
    dialogue: Dialogue
    said: dict[str, tuple[Line, UtteranceHeard]] = field(default_factory=dict)
    records: dict[str, Commit] = field(default_factory=dict)
    gone: list[Draft] = field(default_factory=list)
    waiting: dict[str, Park] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    rests: set[str] = field(default_factory=set)  # The utterances on which a record rests, or rested.

    def say(self, line: Line) -> None:
        name = f"u{len(self.said)}"
        spoken = replace(uttered(line, self.world), utterance_id=name)
        self.said[name] = line, spoken
        orders = self.take(spoken)
        told = any(isinstance(order, Say) and order.prompt in GIVES_UP for order in orders)
        if told or PlayEarcon(Earcon.NOT_UNDERSTOOD) in orders:  # that sound comes with the question, put again
            self.given_up.add(name)

    def take(self, happening: DialogueInput) -> list[Order]:
        orders = self.dialogue.handle(happening)
        for order in orders:
            self.see(order)
        return orders

    def see(self, order: Order) -> None:
        match order:
            case LawAlarm(breach, trace):
                raise AssertionError(f"{breach.law}: {trace}")
            case Commit():
                self.record(order)
            case Park(utterance_id):
                self.waiting[utterance_id] = order
            case Note(utterance_id):
                self.waiting.pop(utterance_id, None)
            case StoreDropped(draft):
                self.gone.append(draft)
                self.conclude(draft)
            case _:
                pass

    def record(self, order: Commit) -> None:
        draft, event = order.draft, f"e{len(self.rests)}-{order.draft.utterance_id}"
        self.rests |= {draft.utterance_id, *draft.support}
        self.records.pop(draft.replaces or "", None)
        if draft.act is not Act.CANCEL:
            self.records[event] = order
        self.conclude(draft)
        self.take(EntryCommitted(LastEntry(event, draft, order.verdict.fields)))

    def conclude(self, draft: Draft) -> None:
        for name in (draft.utterance_id, *draft.support):
            self.waiting.pop(name, None)

    def be_silent(self) -> None:
        for _ in range(SILENCES):
            self.take(TimerExpired())
        assert self.dialogue.state not in AGREEING, "it would wait for ever"


def nothing_went_under(seen: Outside) -> None:
    """Conservation: by the utterance itself, or by another in which the same name was said."""
    world = WORLDS[seen.world]
    drafts = [*seen.gone, *(one.draft for one in seen.waiting.values() if one.draft is not None)]
    ended = {*seen.rests, *seen.waiting, *seen.given_up}
    ended |= {name for draft in drafts for name in (draft.utterance_id, *draft.support)}
    known = [one.draft.reading for one in seen.records.values()] + [draft.reading for draft in drafts]
    for name, (line, spoken) in seen.said.items():
        reading = spoken.reading
        if name in ended or reading.act not in {Act.RECORD, Act.AMEND} or spoken.is_indistinct(world.rules):
            continue
        names = {one: possible_values(reading.fields[one]) for one in world.identifies if one in reading.fields}
        if not any(names.values()) or reading.fields.keys() <= {*world.rules.form.standing_fields}:
            continue
        assert any(_has(one, names) for one in known), f"{line} went under"


def _has(reading: Reading, names: Mapping[str, tuple[FieldValue, ...]]) -> bool:
    """Whether a reading has all the names that were said, as far as they were understood."""
    return all({*possible_values(reading.fields.get(name))} & {*values} for name, values in names.items() if values)


def each_record_has_what_was_said_of_it(seen: Outside) -> None:
    """Attribution: a value that was said of one thing alone is in no record of the other."""
    world = WORLDS[seen.world]
    first = world.identifies[0]
    lines = [line for line, _ in seen.said.values()]
    if any(line.corrects or line.text == "instead" for line in lines) or Line("no") in lines[:-1]:
        return  # by which a thing may become another one, or be asked what is wrong
    for commit in seen.records.values():
        fields = commit.verdict.fields
        for name in fields.keys() - {*world.identifies}:
            things = [
                possible_values(spoken.reading.fields.get(first))  # none: of what is at hand, or of nobody knows what
                for _, spoken in seen.said.values()
                if fields[name] in possible_values(spoken.reading.fields.get(name))
            ]
            assert () in things or any(fields[first] in one for one in things), f"{fields}: {name} was said of {things}"


def held(world: str, opening: tuple[Line, ...]) -> Outside:
    seen = Outside(world, Dialogue(WORLDS[world].rules))
    for line in opening:
        seen.say(line)
    return seen


@each_of("world", list(WORLDS))
def test_what_is_said_over_what_is_open_keeps_both_laws(world: str) -> None:
    cases = list(product(openings(WORLDS[world]).items(), inputs(WORLDS[world]), ENDS))

    def keeps(case: tuple[tuple[str, tuple[Line, ...]], Line, Line | None]) -> None:
        (_, opening), line, end = case
        seen = held(world, opening)
        seen.say(line)
        if end is not None:
            seen.say(end)
        if seen.dialogue.state is State.PAUSED:
            seen.take(TimerExpired())
        seen.be_silent()
        nothing_went_under(seen)
        each_record_has_what_was_said_of_it(seen)

    tried = Random(SEED).sample(cases, len(cases) // sized(quick=40, test=5, nightly=1))
    every({" | ".join(map(str, (*one[0][1], one[1], one[2] or "silence"))): one for one in tried}, keeps)


def test_what_goes_under_or_is_mixed_is_found() -> None:
    seen = held("pallet-move", (Line("pallet 742, twelve units, dock B"), Line("pallet 915, nine units, dock C")))
    seen.be_silent()
    nothing_went_under(seen)
    each_record_has_what_was_said_of_it(seen)
    event, first = next(iter(seen.records.items()))
    seen.records[event] = replace(first, verdict=replace(first.verdict, fields={**first.verdict.fields, "quantity": 9}))
    with pytest.raises(AssertionError, match="quantity was said of"):
        each_record_has_what_was_said_of_it(seen)
    seen.rests.clear()
    del seen.records[event]
    with pytest.raises(AssertionError, match="pallet 742, twelve units, dock B went under"):
        nothing_went_under(seen)


def test_each_state_in_which_a_claim_may_be_open_is_among_those_tried() -> None:
    found = {held(name, lines).dialogue.state for name, world in WORLDS.items() for lines in openings(world).values()}
    assert found >= AGREEING | {State.PAUSED}
