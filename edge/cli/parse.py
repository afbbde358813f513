"""Parse of a sentence: the role of each of its words, and the alternatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.account import AccountedWords, Sense, account_of
from dockvoice_protocol.forms.spoken.grammar.costs import RIVALRY
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.marks import ALTERNATIVE, CORRECTS, DENIED, HEDGED
from dockvoice_protocol.forms.spoken.grammar.meaning import merge_explanations
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, ExplanationEvent
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.reader import cached_lexicon, parse_meaning
from dockvoice_protocol.records import FieldReading, Word, as_text
from edge.cli.tables import MOODS, STYLES, Tone

SMALL: Mapping[Role, str] = {
    Role.OPENING: "opening",
    Role.ACTION_DONE: "tells what was done",
    Role.BEGINNING: "begins an entry of this form",
    Role.LINK: "link",
    Role.AFTER_LABEL: "between label and value",
    Role.ADJECTIVE: "between number and unit",
    Role.AFTER_COUNT: "remark behind a value",
    Role.CLOSING_REMARK: "remark",
    Role.CUE: "announces a correction",
    Role.REPEAT: "announces the same once more",
    Role.CONTRAST: "denies what follows",
    Role.HEDGE_BEFORE: "makes the next value doubtful",
    Role.HEDGE_BEHIND: "makes the value before doubtful",
    Role.CHOICE: "between two values",
    Role.OTHER_UNIT: "unit that the form does not have",
    Role.VALUE_VERB: "what is done to the next thing",
    Role.CORRECTS_TO: "says what is right of a thing",
    Role.CORRECTS_TO_AGAIN: "says what is right of a thing",
    Role.CHANGES_TO: "says what a thing is to be",
    Role.RANGE: "before two numbers",
    Role.PORTION: "relates two counts",
    Role.TOTAL: "may say all there is",
    Role.VAGUE: "stands for a number nobody said",
    Role.ZERO_COUNT: "says zero",
    Role.NOT_THIS_PLACE: "before a place that is not meant",
    Role.CHECK: "announces check digits",
}
"""The effect of words that name no field, by role, the harmless ones first."""

_MARKED: Mapping[str, str] = {
    CORRECTS: "a correction",
    DENIED: "denied",
    HEDGED: "only about right",
    ALTERNATIVE: "one of two",
}
"""Words for the marks of a mention; the other marks say how it was found."""

EVENT_TEXTS: Mapping[EventKind, str] = {
    EventKind.LABEL: "label without a value",
    EventKind.WITHDRAWN: "taken back at once",
    EventKind.NUMBER: "number that belongs to nothing",
    EventKind.UNIT: "unit without a number",
    EventKind.UNMATCHED: "nothing explains it",
    EventKind.DANGLING: "leads to nothing",
    EventKind.HEDGE: "makes the value before doubtful",
    EventKind.PORTION: "one count may be a part of another",
    EventKind.TOTAL: "may say all there is",
    EventKind.ASIDE: "remark",
    EventKind.TEMPLATE: "part of a sentence around a value",
    EventKind.NAY: "may deny all of it",
}

_TONES: Mapping[Sense, Tone] = {
    Sense.VALUE: Tone.GOOD,
    Sense.LABEL: Tone.PLAIN,
    Sense.UNIT: Tone.PLAIN,
    Sense.PHRASE: Tone.QUIET,
    Sense.CUE: Tone.OPEN,
    Sense.DOUBT: Tone.OPEN,
    Sense.UNEXPLAINED: Tone.BAD,
    Sense.MOOD: Tone.BAD,
}

_REMARK = "remark"
"""What no list has as it stands is a remark with a slot, "order {code}", or check digits: anything else is an event."""

_NO_VALUE = "no value"


@dataclass(frozen=True, slots=True)
class _Explanation:
    """One interpretation of a sentence: its parts and the values of its fields."""

    cost: float
    parts: tuple[AccountedWords, ...]
    fields: Mapping[str, FieldReading]

    @property
    def values(self) -> Mapping[str, str]:
        """Each field's value as text; a doubtful one with its runner-up and `, in doubt`."""
        return {name: _value_text(one) for name, one in self.fields.items()}


@dataclass(frozen=True, slots=True)
class _Parse:
    """The likely interpretations of a sentence."""

    fields: Mapping[str, FieldReading]  # What they agree on, and where they do not, the rivals.
    no_record_reason: str | None
    explanations: tuple[_Explanation, ...]
    """The cheapest first; of those that come to the same values, the cheapest alone."""


def parse_sentence(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language) -> _Parse:
    """Parse a sentence into its likely interpretations."""
    found = parse_meaning(words, form, catalogue, language)
    tokens, lexicon = found.tokens, cached_lexicon(form, catalogue, language)
    explanations: dict[tuple[object, ...], _Explanation] = {}
    for path in found.paths:
        alone = merge_explanations([path], tokens, form, language)
        key = (
            alone.no_record_reason,
            *((name, one.value, one.rivals, one.runner_up) for name, one in alone.fields.items()),
        )
        if key not in explanations:
            fields = {**alone.unrecorded, **alone.fields}
            explanations[key] = _Explanation(
                path.cost, account_of(path, tokens, fields, lexicon, language), alone.fields
            )
    return _Parse(found.fields, found.no_record_reason, tuple(explanations.values()))


def parse_as_text(parse: _Parse) -> Group:
    """The parse as text: the words of the best interpretation, and a table of the others."""
    if not parse.explanations:
        return Group(Text(f"no explanation: {parse.no_record_reason or 'no words'}", style=STYLES[Tone.BAD]))
    best, *rivals = parse.explanations
    words = Table("words", "stands for", box=SIMPLE_HEAD)
    for one in best.parts:
        meaning, tone = _meaning_text(one)
        words.add_row(" ".join(one.words), Text(meaning, style=STYLES[tone]))
    parts: list[Table | Text] = [words]
    if parse.no_record_reason is not None:
        parts.append(
            Text(f"no record: {MOODS.get(parse.no_record_reason, parse.no_record_reason)}", style=STYLES[Tone.BAD])
        )
    parts.append(_rival_table(best, rivals))
    if not rivals:
        parts.append(Text(f"Nothing else is within {RIVALRY:g} of it.", style=STYLES[Tone.QUIET]))
    return Group(*parts)


def as_json(parse: _Parse) -> dict[str, Any]:
    """The parse for programs."""
    return {
        "mood": parse.no_record_reason,
        "explanations": [
            {
                "cost": round(one.cost, 2),
                "fields": {name: {"value": said.value, "rivals": said.rivals} for name, said in one.fields.items()},
                "words": [{"words": part.words, "stand_for": _meaning_text(part)[0]} for part in one.parts],
            }
            for one in parse.explanations
        ],
    }


def _rival_table(best: _Explanation, rivals: Sequence[_Explanation]) -> Table:
    table = Table("explanation", "cost", "says", box=SIMPLE_HEAD)
    table.add_row("best", f"{best.cost:.1f}", _values_text(best.values) or _NO_VALUE)
    for rival in rivals:
        values = rival.values
        names = dict.fromkeys((*best.values, *values))
        differing = {name: values.get(name, "not said") for name in names if values.get(name) != best.values.get(name)}
        table.add_row("rival", f"{rival.cost:.1f}", Text(_values_text(differing) or _NO_VALUE, style=STYLES[Tone.OPEN]))
    return table


def _values_text(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _value_text(reading: FieldReading) -> str:
    if reading.value is None:
        return _NO_VALUE if reading.runner_up is None else f"{as_text(reading.runner_up)}, in doubt"
    return " or ".join(as_text(value) for value in (reading.value, *reading.rivals))


def _meaning_text(part: AccountedWords) -> tuple[str, Tone]:
    """What a run of words stands for, in words."""
    origin, tone = part.origin, _TONES[part.sense]
    match origin:
        case None:
            return _REMARK, tone
        case Role.LABEL | Role.UNIT:
            return f"{part.sense} of {part.fields[0]}", tone
        case Role():
            return SMALL[origin], tone
        case ExplanationEvent(kind=EventKind.MENTION):
            value = _NO_VALUE if origin.value is None else as_text(origin.value)
            marks = [_MARKED[mark] for mark in origin.marks if mark in _MARKED]
            text = ", ".join([f"value of {origin.field}: {value}", *marks])
            return text, Tone.OPEN if marks or origin.value is None else tone
        case ExplanationEvent(kind=EventKind.MOOD):
            return f"makes it no record: {MOODS.get(str(origin.value), origin.value)}", tone
        case ExplanationEvent():
            text, fields = EVENT_TEXTS[origin.kind], ", ".join(part.fields)
            doubted = f"doubt on {fields}" if part.sense is Sense.UNEXPLAINED else fields
            return f"{text}: {doubted}" if fields else text, tone
