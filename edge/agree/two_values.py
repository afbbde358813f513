"""Two values of one field, each said with others of its own: "24 cases and 3 pieces", "2 crushed, 3 wet". Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Word, as_text
from edge.agree.decide import Rules
from edge.agree.off_talk import has_unread_words
from edge.agree.readings import likely_values, normalize_word, possible_values, read_part

_Two = tuple[Reading, Reading]  # The part that holds one of the values, and the other part.

_MOST_WORDS = 60  # An utterance of more is not searched: each word costs two readings.


def split_by_value(name: str, value: FieldValue, reading: Reading, rules: Rules) -> _Two | None:
    """Split what was said at a word, so that each part says one of two values of a field; `value` is in the first one.

    Of several ways the one with the most values wins, and then the last one, as what stands between two names is of the
    first. None where no word parts them, "twelve or thirteen cases"; and where another field names two things as well.
    """
    said, fields = reading.fields.get(name), reading.fields
    named_twice = {one for one in rules.identifying_fields if one in fields and fields[one].rivals} - {name}
    if said is None or not said.rivals or named_twice:
        return None
    own_words = tuple(Word(text, 0.0, 0.0, said.confidence) for text in said.words)  # Of an answer, no others are left.
    for words in (reading.words, own_words):
        ways = list(_split_values(name, reading, words, rules))
        if ways:
            parts = max(reversed(ways), key=_rank)
            own, other = parts if _likely_value(parts[0].fields[name]) == value else parts[::-1]
            return (own, other) if _likely_value(own.fields[name]) == value else None
    return None


def find_units_of_two_counts(name: str, reading: Reading, rules: Rules) -> Mapping[FieldValue, str]:
    """By count, the code of the unit that was said with it; empty where both have the same one, or none was told."""
    unit, counts = rules.form.unit_field(name), possible_values(reading.fields.get(name))
    if unit is None or unit.name not in reading.fields or not reading.fields[unit.name].rivals:
        return {}
    parts = split_by_value(name, counts[0], reading, rules) or ()
    units = {_likely_value(part.fields[name]): _likely_value(part.fields.get(unit.name)) for part in parts}
    return {count: as_text(code) for count, code in units.items() if count is not None and code is not None}


def restates(name: str, parts: _Two, kept: Mapping[str, FieldValue], rules: Rules) -> bool:
    """Whether the other part only says a count or a place anew: "twelve cases, thirteen cases"; "and" adds a value.

    So do "twelve or thirteen cases" and "twelve, no, thirteen". Of codes, as of two seals, both may be right. `kept`:
    the values that the entry has now.
    """
    ends = {(normalize_word(part.words[at].text),) for part in parts for at in (0, -1)}
    if ends & {*rules.language.words["choices"]} or any(is_correction(part.words, rules.language) for part in parts):
        return True
    if rules.form[name].spoken.spelt or any(has_unread_words(part, rules) for part in parts):
        return False
    more = {one for one, value in likely_values(parts[1]).items() if kept.get(one) != value}
    return more <= {name} and not ends & {*rules.language.words["conjunctions"]}


def _split_values(name: str, reading: Reading, words: Sequence[Word], rules: Rules) -> Iterator[_Two]:
    values = {*possible_values(reading.fields[name])}
    for at in range(1, len(words) if len(words) <= _MOST_WORDS else 0):
        behind = read_part(reading, words[at:], rules)
        if not values >= {_likely_value(behind.fields.get(name))}:
            continue
        before = read_part(reading, words[:at], rules)
        if values == {_likely_value(part.fields.get(name)) for part in (before, behind)}:
            yield before, behind


def _rank(parts: _Two) -> tuple[int, int]:
    """How many values the parts have, and how many of them are sure."""
    said = [one for part in parts for one in part.fields.values() if _likely_value(one) is not None]
    return len(said), sum(one.value is not None for one in said)


def _likely_value(said: FieldReading | None) -> FieldValue | None:
    """The field's value, or its likely one; None where it has none, or several."""
    values = possible_values(said)
    return values[0] if len(values) == 1 else None
