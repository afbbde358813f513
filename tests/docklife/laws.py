"""The two laws, judged by what was said and what came of it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.docklife.life import Life, Line
from tests.docklife.listener import spells, spells_all
from tests.docklife.speech import SAID_BACK, WORDS
from tests.docklife.things import Thing, Value

UNITS = frozenset({"CS", "EA"})  # They are told in words of their own.

FREE = frozenset({"uom", "recount"})  # What a device may make of the words for a count.


def broken(life: Life) -> list[str]:
    """Every breach of a law, in words."""
    return [*_attribution(life), *_conservation(life), *_conservation_of_values(life)]


def _attribution(life: Life) -> Iterator[str]:
    """A record that stands has only values that were said of its own thing, or stand for all."""
    contexts = [line.context for line in life.lines if line.context]
    for record in life.result["stands"]:
        fields: Mapping[str, Any] = record["fields"]
        own = next((one for one in life.things if any(_may_be(fields, key) for key in _keys(life, one))), None)
        if own is None and _was_agreed_to_be(life, fields):
            continue
        if own is None:
            yield f"attribution: {fields}: no such thing was said"
            continue
        said = _said_of(life, life.things.index(own), own)
        for name, value in fields.items():
            stands = any(context.get(name) == value for context in contexts)
            if name in own.key or name in FREE or value in said.get(name, ()) or stands:
                continue
            if not _was_confirmed(life, own, value, fields):
                yield f"attribution: {fields}: {name} {value!r} was not said of it: {said}"


def _was_confirmed(life: Life, own: Thing, value: Value, record: Mapping[str, Any] | None = None) -> bool:
    """Did somebody say yes to the value, read back with the name of the thing, or the one under which it stands?"""
    named = [record[name] for name in own.key if record is not None and name in record]
    words = WORDS[life.begin["language"]]

    def is_valid_name(text: str) -> bool:
        return bool(named) and all(spells(text, words.get(str(one), one)) for one in named)

    return _was_agreed(life, lambda text: (spells_all(text, own) or is_valid_name(text)) and _tells(text, value, life))


def _was_agreed_to_be(life: Life, fields: Mapping[str, Any]) -> bool:
    """Did somebody say yes to all that a thing of this form is known by, read back together?"""
    key = [name for name in life.things[0].key if name in fields]
    words = WORDS[life.begin["language"]]
    return _was_agreed(life, lambda text: all(spells(text, words.get(str(fields[name]), fields[name])) for name in key))


def _was_agreed(life: Life, says: Callable[[str], bool]) -> bool:
    """Did somebody say yes to a question that says so: the last text before it?"""
    question = ""
    for line, turn in zip(life.lines, life.turns, strict=True):
        if line.confirms and question.endswith("?") and says(question):
            return True
        question = turn["said"][-1] if turn["said"] else question
    return False


def _keys(life: Life, own: Thing) -> Iterator[Mapping[str, Value]]:
    """What the thing was called: by another name only until the right one was said."""
    yield own.key
    at = life.things.index(own)
    wrong = [line for line in life.lines if line.thing == at and line.misnamed is not None]
    named = any(line.names for line in life.lines if line.thing == at)
    if wrong and (not named or _was_agreed(life, lambda text: spells(text, str(wrong[0].misnamed)))):
        yield {**own.key, "pallet_id": str(wrong[0].misnamed)}


def _may_be(fields: Mapping[str, Any], key: Mapping[str, Value]) -> bool:
    """Is the record of this thing, though a part of its name may not have been said?"""
    known = [name for name in key if name in fields]
    return bool(known) and all(fields[name] == key[name] for name in known)


def _said_of(life: Life, at: int, own: Thing) -> dict[str, set[Value]]:
    said: dict[str, set[Value]] = {name: {value} for name, value in own.values.items()}
    for line in life.lines:
        if line.thing == at:
            for name, value in line.values.items():
                said.setdefault(name, set()).add(value)
    first = life.first_values.get(at, {})
    for name, value in first.items():
        said.setdefault(name, set()).add(value)
    return said


def _is_of(fields: Mapping[str, Any], key: Mapping[str, Value]) -> bool:
    return all(fields.get(name) == value for name, value in key.items())


def _conservation(life: Life) -> Iterator[str]:
    """What was said of a thing is on record, waits, was taken back, or was given up aloud."""
    result = life.result
    recorded = [event["fields"] for event in result["events"]]
    for at, one in enumerate(life.things):
        names = [line for line in life.lines if line.thing == at and (line.names or line.misnamed is not None)]
        if not names or any(_is_of(fields, key) for fields in recorded for key in _keys(life, one)):
            continue
        if _was_confirmed_as_another(life, at):
            continue
        texts = {line.text for line in life.lines if line.thing == at and not line.takes_back and not line.confirms}
        waits = (texts & set(waiting["said"]) or _is_of(waiting["fields"], one.key) for waiting in result["waits"])
        if any(waits) or any(line.takes_back for line in life.lines if line.thing == at) or _was_dropped(life, one):
            continue
        if not any(_given_up(life, line) for line in names):
            yield f"conservation: {one.key}: said in {[line.text for line in names]}, and nowhere"


def _conservation_of_values(life: Life) -> Iterator[str]:
    """What was said later of a thing is on its record, waits, or was given up aloud, unless it was said anew since."""
    for number, line in enumerate(life.lines):
        if line.thing is None or not line.values:
            continue
        own, later = life.things[line.thing], life.lines[number + 1 :]
        anew = {name for one in later if one.thing == line.thing for name in one.values}
        if any(one.takes_back for one in later) or not line.values.keys() - anew:
            continue
        refused = any(one.text.startswith("/refuse") for one in life.lines)
        known = life.result["events" if refused else "stands"]
        records = [one["fields"] for one in known if _is_of(one["fields"], own.key)]
        kept = any(one.get(name) == value for one in records for name, value in line.values.items())
        waits = any(line.text in one["said"] for one in life.result["waits"])
        if not (kept or waits or _given_up(life, line)):
            yield f"conservation: {own.key}: {line.values} said in {line.text!r}, and nowhere"


def _was_dropped(life: Life, own: Thing) -> bool:
    """Did somebody take back what the question before named: "forget that", to "pallet 742. Correct?"?"""
    question = ""
    for line, turn in zip(life.lines, life.turns, strict=True):
        if line.takes_back and question.endswith("?") and spells_all(question, own):
            return True
        question = turn["said"][-1] if turn["said"] else question
    return False


def _tells(text: str, value: Value, life: Life) -> bool:
    """Does a text say the value, in the words of the language? A yes or no of a form is told in words of its own."""
    code = life.begin["language"]
    own = [one[str(value)] for one in (WORDS[code], SAID_BACK.get(code, {})) if str(value) in one]
    return isinstance(value, bool) or spells(text, value) or any(one[:4].lower() in text.lower() for one in own)


def _was_confirmed_as_another(life: Life, at: int) -> bool:
    """Did somebody say yes to all values of this thing, read back with the name of another one?"""
    values = [value for value in life.things[at].values.values() if not isinstance(value, bool) and value not in UNITS]
    others = (other for other in life.things if other is not life.things[at])
    return bool(values) and any(
        {*values} - {*other.values.values()} and all(_was_confirmed(life, other, value) for value in values)
        for other in others
    )


def _given_up(life: Life, line: Line) -> bool:
    """Was the operator told that nothing was made of the line?"""
    turn = next(turn for one, turn in zip(life.lines, life.turns, strict=True) if one is line)
    given_up = (one for one in life.result["given_up"] if one["why"] != "taken back")
    return bool(turn["said"]) and any(line.text in one["said"] for one in given_up)
