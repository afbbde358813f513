"""Parse of a sentence: the role of each of its words, and the alternatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.grammar.lexicon import Match, Role
from dockvoice_protocol.forms.spoken.grammar.meaning import merge_explanations
from dockvoice_protocol.forms.spoken.grammar.path import ExplanationEvent, Happens, Path
from dockvoice_protocol.forms.spoken.grammar.tokens import Token
from dockvoice_protocol.forms.spoken.grammar.weights import RIVALRY
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.reader import lexicon_of, read_meaning
from dockvoice_protocol.records import FieldReading, Word, written
from edge.cli.tables import MOODS, STYLES, Tone

SMALL: Mapping[Role, str] = {
    Role.OPENING: "opening",
    Role.TOLD: "tells what was done",
    Role.BEGINNING: "begins an entry of this form",
    Role.LINK: "link",
    Role.WITHIN: "between label and value",
    Role.ADJECTIVE: "between number and unit",
    Role.BEHIND: "remark behind a value",
    Role.TAIL: "remark",
    Role.CUE: "announces a correction",
    Role.REPEAT: "announces the same once more",
    Role.CONTRAST: "denies what follows",
    Role.HEDGE_BEFORE: "makes the next value doubtful",
    Role.HEDGE_BEHIND: "makes the value before doubtful",
    Role.CHOICE: "between two values",
    Role.OTHER_UNIT: "unit that the form does not have",
    Role.DEED: "what is done to the next thing",
    Role.SETS: "says what is right of a thing",
    Role.SETS_AGAIN: "says what is right of a thing",
    Role.SETS_CHANGED: "says what a thing is to be",
    Role.RANGE: "before two numbers",
    Role.PORTION: "relates two counts",
    Role.TOTAL: "may say all there is",
    Role.VAGUE: "stands for a number nobody said",
    Role.NOTHING: "says zero",
    Role.ELSEWHERE: "before a place that is not meant",
    Role.CHECK: "announces check digits",
}
"""The effect of words that name no field, by role, the harmless ones first."""

_OPEN_ROLES = frozenset(
    {Role.CUE, Role.REPEAT, Role.CONTRAST, Role.HEDGE_BEFORE, Role.HEDGE_BEHIND, Role.CHOICE, Role.ELSEWHERE}
)
"""Roles that change the meaning of a value beside them."""

_ANNOUNCED: Mapping[str, tuple[Role, ...]] = {
    "c": (Role.CUE,),
    "n": (Role.CONTRAST, Role.ELSEWHERE),
    "r": (Role.REPEAT,),
    "h": (Role.HEDGE_BEFORE, Role.ELSEWHERE),
    "o": (Role.CHOICE,),
}
"""What must stand before a mention that is marked so."""

_MARKED: Mapping[str, str] = {"c": "a correction", "n": "denied", "h": "only about right", "o": "one of two"}
"""Words for the marks of a mention; the other marks say how it was found."""

HAPPENS: Mapping[Happens, tuple[str, Tone]] = {
    Happens.LABEL: ("label without a value", Tone.OPEN),
    Happens.SLIP: ("taken back at once", Tone.OPEN),
    Happens.NUMBER: ("number that belongs to nothing", Tone.BAD),
    Happens.UNIT: ("unit without a number", Tone.BAD),
    Happens.UNMATCHED: ("nothing explains it", Tone.BAD),
    Happens.DANGLING: ("leads to nothing", Tone.BAD),
    Happens.HEDGE: ("makes the value before doubtful", Tone.OPEN),
    Happens.PORTION: ("one count may be a part of another", Tone.OPEN),
    Happens.TOTAL: ("may say all there is", Tone.OPEN),
    Happens.GOAL: ("where it goes on to: not taken", Tone.QUIET),
    Happens.ASIDE: ("remark", Tone.QUIET),
    Happens.NAY: ("may deny all of it", Tone.OPEN),
}

_REMARK = "remark"
"""What no list has as it stands is a remark with a slot, "order {code}", or check digits: anything else is an event."""

_NO_VALUE = "no value"


@dataclass(frozen=True, slots=True)
class _ExplainedPart:
    """A run of words, and what it stands for."""

    words: tuple[str, ...]
    stands_for: str
    tone: Tone = Tone.QUIET


@dataclass(frozen=True, slots=True)
class _Explanation:
    """One interpretation of a sentence: its parts and the values of its fields."""

    cost: float
    parts: tuple[_ExplainedPart, ...]
    fields: Mapping[str, FieldReading]

    @property
    def values(self) -> Mapping[str, str]:
        """Each field's value as text; a doubtful one with its runner-up and `, in doubt`."""
        return {name: _value_text(one) for name, one in self.fields.items()}


@dataclass(frozen=True, slots=True)
class _Parse:
    """The likely interpretations of a sentence."""

    fields: Mapping[str, FieldReading]  # What they agree on, and where they do not, the rivals.
    mood: str | None
    explanations: tuple[_Explanation, ...]
    """The cheapest first; of those that come to the same values, the cheapest alone."""


def parse_sentence(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language) -> _Parse:
    """Parse a sentence into its likely interpretations."""
    found = read_meaning(words, form, catalogue, language)
    heard = found.tokens
    known = lexicon_of(form, catalogue, language)
    matches = [known.matches(heard, at) for at in range(len(heard))]
    told: dict[tuple[object, ...], _Explanation] = {}
    for path in found.paths:
        alone = merge_explanations([path], heard, form, language)
        key = (alone.mood, *((name, one.value, one.rivals, one.runner_up) for name, one in alone.fields.items()))
        if key not in told:
            parts = tuple(_explain_parts(path, heard, matches))
            told[key] = _Explanation(path.cost, parts, alone.fields)
    return _Parse(found.fields, found.mood, tuple(told.values()))


def parse_as_text(parse: _Parse) -> Group:
    """The parse as text: the words of the best interpretation, and a table of the others."""
    if not parse.explanations:
        return Group(Text(f"no explanation: {parse.mood or 'no words'}", style=STYLES[Tone.BAD]))
    best, *rivals = parse.explanations
    words = Table("words", "stands for", box=SIMPLE_HEAD)
    for one in best.parts:
        words.add_row(" ".join(one.words), Text(one.stands_for, style=STYLES[one.tone]))
    parts: list[Table | Text] = [words]
    if parse.mood is not None:
        parts.append(Text(f"no record: {MOODS.get(parse.mood, parse.mood)}", style=STYLES[Tone.BAD]))
    parts.append(_rival_table(best, rivals))
    if not rivals:
        parts.append(Text(f"Nothing else is within {RIVALRY:g} of it.", style=STYLES[Tone.QUIET]))
    return Group(*parts)


def as_json(parse: _Parse) -> dict[str, Any]:
    """The parse for programs."""
    return {
        "mood": parse.mood,
        "explanations": [
            {
                "cost": round(one.cost, 2),
                "fields": {name: {"value": said.value, "rivals": said.rivals} for name, said in one.fields.items()},
                "words": [{"words": part.words, "stand_for": part.stands_for} for part in one.parts],
            }
            for one in parse.explanations
        ],
    }


def _rival_table(best: _Explanation, rivals: Sequence[_Explanation]) -> Table:
    table = Table("explanation", "cost", "says", box=SIMPLE_HEAD)
    table.add_row("best", f"{best.cost:.1f}", _values_text(best.values) or _NO_VALUE)
    for rival in rivals:
        told = rival.values
        names = dict.fromkeys((*best.values, *told))
        differing = {name: told.get(name, "not said") for name in names if told.get(name) != best.values.get(name)}
        table.add_row("rival", f"{rival.cost:.1f}", Text(_values_text(differing) or _NO_VALUE, style=STYLES[Tone.OPEN]))
    return table


def _values_text(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _value_text(reading: FieldReading) -> str:
    if reading.value is None:
        return _NO_VALUE if reading.runner_up is None else f"{written(reading.runner_up)}, in doubt"
    return " or ".join(written(value) for value in (reading.value, *reading.rivals))


def _explain_parts(path: Path, heard: Sequence[Token], matches: Sequence[Sequence[Match]]) -> Iterator[_ExplainedPart]:
    """The parts of one explanation, in the order of the words."""
    # A label without a value is noted behind the words that were no value.
    events = sorted((event for event in path.events if event.end > event.start), key=lambda event: event.start)
    at = 0
    for number, event in enumerate(events):
        if event.start > at:
            yield from _other_words_parts(at, event.start, _roles_before(events[number:]), heard, matches)
        if event.end <= at:
            continue  # A count with its unit says two fields at once.
        yield from _event_parts(event, max(at, event.start), heard, matches)
        at = event.end
    if at < len(heard):
        yield from _other_words_parts(at, len(heard), (), heard, matches)


def _roles_before(events: Sequence[ExplanationEvent]) -> tuple[Role, ...]:
    """The roles of words that may precede the next event, by its marks; a cue before a replacing value."""
    marks = next((event.marks for event in events if event.happens is Happens.MENTION), "")
    return tuple(role for mark in marks for role in _ANNOUNCED.get(mark, ()))


def _event_parts(
    event: ExplanationEvent, start: int, heard: Sequence[Token], matches: Sequence[Sequence[Match]]
) -> Iterator[_ExplainedPart]:
    if event.happens is Happens.MENTION:
        yield from _mention_parts(event, start, heard, matches)
        return
    if event.happens is Happens.MOOD:
        mood = str(event.value)
        yield _ExplainedPart(
            _words_as_said(heard, start, event.end), f"makes it no record: {MOODS.get(mood, mood)}", Tone.BAD
        )
        return
    told, tone = HAPPENS[event.happens]
    yield _ExplainedPart(
        _words_as_said(heard, start, event.end), told if event.field is None else f"{told}: {event.field}", tone
    )


def _mention_parts(
    event: ExplanationEvent, start: int, heard: Sequence[Token], matches: Sequence[Sequence[Match]]
) -> Iterator[_ExplainedPart]:
    """Label, value and unit of a field."""
    begins = start if event.basis is None else max(start, event.basis)
    at = start
    for match in matches[start]:
        if match.role is Role.LABEL and match.field == event.field and match.end <= begins:
            yield _ExplainedPart(_words_as_said(heard, start, match.end), f"label of {event.field}", Tone.PLAIN)
            at = match.end
            break
    if at < begins:
        yield from _other_words_parts(at, begins, (Role.WITHIN,), heard, matches)
    # A unit of one word stands in the place of a longer one only where nothing else ends there.
    unit = next(
        (
            one
            for one in range(begins + 1, event.end)
            for match in matches[one]
            if match.role is Role.UNIT and match.end == event.end
        ),
        event.end,
    )
    ends = unit
    if unit < event.end:
        for one in range(unit - 1, begins, -1):
            adjective = any(match.role is Role.ADJECTIVE and match.end == ends for match in matches[one])
            ends = one if adjective else ends
    value = _NO_VALUE if event.value is None else written(event.value)
    marks = [_MARKED[mark] for mark in event.marks if mark in _MARKED]
    told = ", ".join([f"value of {event.field}: {value}", *marks])
    tone = Tone.OPEN if marks or event.value is None else Tone.GOOD
    yield _ExplainedPart(_words_as_said(heard, begins, ends), told, tone)
    if ends < unit:
        yield _ExplainedPart(_words_as_said(heard, ends, unit), SMALL[Role.ADJECTIVE])
    if unit < event.end:
        yield _ExplainedPart(_words_as_said(heard, unit, event.end), f"unit of {event.field}", Tone.PLAIN)


def _other_words_parts(
    start: int, end: int, announced: Sequence[Role], heard: Sequence[Token], matches: Sequence[Sequence[Match]]
) -> Iterator[_ExplainedPart]:
    """Parts for the words that belong to no event, each with the best fitting role."""
    at = start
    remark = start
    while at < end:
        fitting = [one for one in matches[at] if one.end <= end and one.role in SMALL]
        if not fitting or (remark < at and not heard[at].pause and all(one.end < end for one in fitting)):
            at += 1
            continue
        if remark < at:
            yield _ExplainedPart(_words_as_said(heard, remark, at), _REMARK)
        match = min(fitting, key=lambda one: _misfit_sort_key(one, at, announced, heard))
        tone = Tone.OPEN if match.role in _OPEN_ROLES else Tone.QUIET
        yield _ExplainedPart(_words_as_said(heard, at, match.end), SMALL[match.role], tone)
        at = remark = match.end
    if remark < end:
        yield _ExplainedPart(_words_as_said(heard, remark, end), _REMARK)


def _misfit_sort_key(match: Match, at: int, announced: Sequence[Role], heard: Sequence[Token]) -> tuple[object, ...]:
    """Sort key of a role's fit to its position; of equal ones the longest phrase first."""
    last = match.end == len(heard) or heard[match.end].pause > 0
    begins = at == 0 or heard[at].pause > 0
    usual = Role.TAIL if last and at else Role.OPENING if begins else Role.LINK
    return (match.role not in announced, -match.end, match.role is not usual, list(SMALL).index(match.role))


def _words_as_said(heard: Sequence[Token], start: int, end: int) -> tuple[str, ...]:
    """The words as they were said; a compound number is one of them."""
    return tuple(token.heard for token in heard[start:end] if not token.inner)
