"""What a conversation left behind, against what a receiving clerk would have written down.

Nothing of the product is read here but what `dockvoice talk --plays` answers.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from tests.conversations.figures import names

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

Json = dict[str, Any]

PLAY = ("lines", "form", "language", "hand", "operators", "list")
"""The keys of a conversation that are handed to the device; the others are the truth."""

SILENCE = ("/wait",) * 3  # Behind each conversation: what was open then waits for a person.

IDENTITY = {
    "temperature": ("trailer", "position"),
    "gate-in": ("trailer",),
    "close-trailer": ("trailer",),
    "cycle-count": ("location",),
    "stock-count": ("location", "item"),
}
BY_PALLET = ("pallet_id",)  # What an entry is known by: in these forms, and in all others.

CLOSING = "close-trailer"

SAY_AGAIN = re.compile(r"say again|noch einmal\.|repita\.|répétez|ripeti", re.IGNORECASE)


class Kind(Enum):
    """What the truth says of an entry; of those that agree with a record alike, it is of the first of these."""

    STANDS = "stands"
    MAY = "may"
    TOLERATED = "tolerated"
    WAITS = "waits"

    @property
    def is_demanded(self) -> bool:
        """Whether it is lost where it is nowhere."""
        return self in {Kind.STANDS, Kind.WAITS}


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """An entry that the truth knows of: its values, and the lines that say it."""

    kind: Kind
    form: str
    fields: Json
    known_by: tuple[str, ...]
    operator: str | None
    or_waits: bool
    said: tuple[str, ...]
    remark: str | None

    @property
    def may_wait(self) -> bool:
        """Whether it is as well if it waits for a person."""
        return self.or_waits or self.kind is Kind.WAITS

    @property
    def has_identity(self) -> bool:
        """Whether it has a number or a place of its own."""
        return any(self.fields.get(name) is not None for name in identity(self.form))

    def __str__(self) -> str:
        """As it is told in what differs."""
        known = " ".join(str(self.fields[name]) for name in self.known_by if self.fields.get(name) is not None)
        return known or " / ".join(self.said)

    def is_in(self, line: str) -> bool:
        """Whether a line says this thing."""
        if self.said:
            return line in self.said
        value = self.fields.get(identity(self.form)[-1])
        return any(isinstance(one, str) and names(line, one) for one in _allowed(value))

    def is_named_by(self, record: Json) -> bool:
        """Whether a record is of this form, and has this number or place."""
        own = identity(self.form)
        same = all(_agree(self.fields.get(name), record["fields"].get(name)) for name in own)
        return self.has_identity and record["form"] == self.form and same

    def is_known_by(self, fields: Json) -> bool:
        """Whether what waits has this thing's identity, and no other value of what tells it from its like."""
        own = identity(self.form)
        return self.has_identity and all(
            _agree(self.fields.get(name), fields.get(name))
            for name in self.known_by
            if name in own or fields.get(name) is not None
        )

    def contradicted(self, record: Json) -> list[str]:
        """The fields of a record that this thing has otherwise."""
        found = record["fields"]
        faults = [
            f"{name} {found[name]!r}, not {_format_value(value)}"
            for name, value in self.fields.items()
            if found.get(name) is not None and not _agree(value, found[name])
        ]
        operator = record.get("operator")
        if self.operator and operator and operator != self.operator:
            faults.append(f"operator {operator}, not {self.operator}")
        return faults

    def missing(self, record: Json) -> list[str]:
        """The fields that this thing has and a record lacks."""
        found = record["fields"]
        return [
            name
            for name, value in self.fields.items()
            if found.get(name) is None and value != [] and not _agree(value, None)
        ]


@dataclass(slots=True)
class Score:
    """How one conversation ended."""

    name: str
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)  # What a clerk has besides: neither lost nor wrong.
    untold: list[str] = field(default_factory=list)  # Remarks that no form holds, dropped without a word.
    questions: int = 0
    asks: int | None = None
    judged: bool = True  # Whether it is plain what a clerk has; otherwise only lost and wrong count.

    @property
    def as_a_clerk(self) -> bool:
        """Whether all stands, or waits, as a clerk has it."""
        return not (self.lost or self.wrong or self.short)


def identity(form: str) -> tuple[str, ...]:
    """The fields that an entry of a form is known by."""
    return IDENTITY.get(form, BY_PALLET)


def read(files: Iterable[Path]) -> list[Json]:
    """The conversations of some files. Raises OSError, and ValueError with the line that is none."""
    conversations = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                conversations += [json.loads(line)] if line.strip() else []
            except ValueError as fault:
                raise ValueError(f"{file}:{number}: {fault}; a line is one conversation, as README.md shows") from None
    return conversations


def play(conversations: Sequence[Json]) -> list[Json]:
    """What the device made of each."""
    plays = [
        {key: conversation[key] for key in PLAY if key in conversation} | {"lines": [*conversation["lines"], *SILENCE]}
        for conversation in conversations
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "edge", "talk", "--plays", "-"],
        input="".join(json.dumps(one, ensure_ascii=False) + "\n" for one in plays),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    if len(results) != len(plays):
        raise RuntimeError(f"{len(results)} of {len(plays)} conversations were answered: {ran.stderr[-2000:]}")
    return results


def score(conversation: Json, result: Json) -> Score:
    """How a conversation ended, against its truth."""
    clerk = conversation["clerk"]
    scored = Score(conversation["id"], asks=clerk.get("asks"), judged=not clerk.get("law"))
    if "error" in result:
        scored.wrong.append(f"the play is not taken: {result['error']}")
        return scored
    scored.questions = _questions(result["turns"])
    things = [thing for kind in Kind for thing in things_of(conversation, kind)]
    records = [one for one in result["stands"] if one["form"] != CLOSING]
    of = _paired(things, records)
    amiss = [one for at, one in enumerate(records) if not _is_right(scored, one, of.get(at), things, result)]
    on_record = {id(thing) for thing in of.values()}
    for thing in things:
        if thing.kind.is_demanded and id(thing) not in on_record and not any(map(thing.is_named_by, amiss)):
            _look_for(scored, thing, things, result)
    _at_the_end(scored, clerk, result)
    return scored


def _is_right(scored: Score, record: Json, thing: Thing | None, things: Sequence[Thing], result: Json) -> bool:
    """Hold one record against the thing that it is of; whether it is what was said."""
    faults = ["no such entry was said"] if thing is None else thing.contradicted(record)
    if faults and (thing is None or thing.kind is not Kind.WAITS) and _was_given_up(thing, things, result):
        told = "put right, or taken back, in words that were not taken, and told so"
        scored.short.append(f"{_shown(record)}: {'; '.join(faults)}; {told}")
        return False
    if thing is None or faults or thing.kind is Kind.WAITS:
        scored.wrong.append(f"{_shown(record)}: {'; '.join(faults) or 'it may only wait'}")
        return False
    if thing.kind is Kind.TOLERATED:
        scored.short.append(f"{_shown(record)} stands as it was")
        return False
    if lacks := thing.missing(record):
        scored.short.append(f"{thing}: stands without {', '.join(lacks)}")
    if thing.remark and not re.search(thing.remark, json.dumps([result["said"], record]), re.IGNORECASE):
        scored.untold.append(f"{thing}: nothing told of {thing.remark!r}")
    return True


def _was_given_up(thing: Thing | None, things: Sequence[Thing], result: Json) -> bool:
    """Whether words of this thing, or of none that is named, wait, or were given up, and the device said so.

    None: a thing that the truth does not have, as it was taken back.
    """
    given_up = [line for one in result["given_up"] for line in one["said"]]
    for line in (*given_up, *(line for one in result["waits"] for line in one["said"])):
        of = [other for other in things if other.is_in(line)]
        told = any(turn["said"] for turn in result["turns"] if turn["line"] == line)
        if told and (not of or (thing is not None and thing in of)):
            return True
    return False


def _look_for(scored: Score, thing: Thing, things: Sequence[Thing], result: Json) -> None:
    """Whether a thing that is on no record waits for a person, or was given up aloud."""
    waiting = result["waits"] + ([{"fields": result["open"], "said": []}] if result["open"] else [])
    if any(_covers(one, thing, things) for one in waiting):
        if not thing.may_wait:
            scored.short.append(f"{thing}: waits")
    elif not _told_of(thing, result):
        scored.lost.append(f"{thing}: neither on record nor waiting, and nothing told of it")
    elif thing.kind is not Kind.WAITS:
        scored.short.append(f"{thing}: not taken, and that was told")


def _at_the_end(scored: Score, clerk: Json, result: Json) -> None:
    """Whether the trailer is closed, and holds for all entries, what should; and whether a figure told is not true."""
    closed = any(one["form"] == CLOSING for one in result["stands"])
    if clerk.get("closed") and not closed:
        scored.short.append("the trailer is not closed")
    elif clerk.get("closed") is False and closed:
        scored.wrong.append("the trailer is closed")
    for name, value in clerk.get("context_ends", {}).items():
        if not _agree(value, result["standing"].get(name)):
            scored.short.append(f"{name} {result['standing'].get(name)} holds at the end, not {value}")
    for pattern in clerk.get("never_said", []):
        scored.wrong += [f"said {text!r}" for text in result["said"] if re.search(pattern, text, re.IGNORECASE)]


def things_of(conversation: Json, kind: Kind) -> list[Thing]:
    """The things of one kind; those of one identity are told apart by the values that differ."""
    usual = conversation.get("form") or conversation["hand"][0]
    rows = [(str(row.get("form", usual)), row) for row in conversation["clerk"].get(kind.value, [])]
    things = []
    for form, row in rows:
        own, fields = identity(form), row.get("fields", {})
        like = [
            other["fields"]
            for other_form, other in rows
            if other_form == form and fields and all(other["fields"].get(name) == fields.get(name) for name in own)
        ]
        differ = tuple(
            name for name in fields if name not in own and any(other.get(name) != fields[name] for other in like)
        )
        told = row.get("operator"), bool(row.get("or_waits")), tuple(row.get("said", ())), row.get("remark")
        things.append(Thing(kind, form, fields, own + differ, *told))
    return things


def _paired(things: Sequence[Thing], records: Sequence[Json]) -> dict[int, Thing]:
    """Which thing each record, by its place, is of: those that agree best first, and one record for each thing."""
    kinds = list(Kind)
    pairs = sorted(
        (len(thing.contradicted(record)), kinds.index(thing.kind), len(thing.missing(record)), at, place)
        for place, thing in enumerate(things)
        for at, record in enumerate(records)
        if thing.is_named_by(record) and (thing.kind.is_demanded or not thing.contradicted(record))
    )
    of: dict[int, Thing] = {}
    taken: set[int] = set()
    for *_, at, place in pairs:
        if at not in of and place not in taken:
            of[at] = things[place]
            taken.add(place)
    return of


def _covers(wait: Json, thing: Thing, things: Sequence[Thing]) -> bool:
    """Whether what waits is this thing: by its values, or by the words that it rests on.

    An entry that waits is one entry: where two were run together, it is the one that its values name, or the one that
    was said last, and what was said with it in one breath.
    """
    if not thing.has_identity:
        return any(thing.is_in(line) for line in wait["said"])
    named = [other for other in things if other.kind.is_demanded and other.is_known_by(wait["fields"])]
    if named == [thing]:
        return True
    lines = [line for line in wait["said"] if any(other.is_in(line) for other in named or things)]
    return thing.is_in(lines[-1]) if lines else thing in named


def _told_of(thing: Thing, result: Json) -> bool:
    """Whether a thing was cancelled, or its words were given up, and the device said so."""
    gone = {event["cancels"] for event in result["events"] if event.get("cancels")}
    if any(event["sequence"] in gone and thing.is_named_by(event) for event in result["events"]):
        return True
    for given in result["given_up"]:
        lines = [line for line in given["said"] if thing.is_in(line)]
        if not lines and not thing.is_known_by(given.get("fields", {})):
            continue
        if given["why"] == "taken back":
            return True
        if any(turn["said"] for turn in result["turns"] if turn["line"] in (lines or given["said"])):
            return True
    return False


def _questions(turns: Iterable[Json]) -> int:
    """How many times the device asked, or wanted it said again, right behind words."""
    return sum(
        text.rstrip().endswith("?") or SAY_AGAIN.search(text) is not None
        for turn in turns
        if turn["line"] and (not turn["line"].startswith("/") or turn["line"].startswith("/scan"))
        for text in turn["said"]
    )


def _allowed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _agree(value: Any, found: Any) -> bool:
    """Whether what was found is what the truth has: one of a list of values, numbers as numbers; null is none."""
    for one in _allowed(value):
        if one is None or found is None or isinstance(one, bool):
            if one is found:
                return True
        elif isinstance(one, (int, float)):
            try:
                if float(found) == float(one):
                    return True
            except (TypeError, ValueError):
                continue
        elif one == found:
            return True
    return False


def _format_value(value: Any) -> str:
    return " or ".join("none" if one is None else str(one) for one in _allowed(value)) or "any"


def _shown(record: Json) -> str:
    return f"{record['form']} {json.dumps(record['fields'], ensure_ascii=False)}"
