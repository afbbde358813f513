"""Two values of one field, each said with others of its own: "24 cases and 3 pieces", "2 crushed, 3 wet". Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Word, as_text
from edge.agree.decide import Rules
from edge.agree.readings import likely_values, normalize_word, possible_values, read_part, without_inherited

_MOST_WORDS = 60  # An utterance of more is not searched: each word costs two readings.


@dataclass(frozen=True, slots=True)
class TwoParts:
    """The two parts of what was said, each with a value of its own of one field."""

    name: str = field(repr=False)  # The field.
    first: Reading = field(repr=False)
    second: Reading = field(repr=False)
    shared: Reading = field(repr=False)  # What was said ahead of both values.
    is_linked: bool  # By "and" or "plus".

    def having(self, value: FieldValue) -> tuple[Reading, Reading] | None:
        """The part that has this value of the field, and the other one; None: neither has."""
        values = [_likely_value(part.fields[self.name]) for part in (self.first, self.second)]
        if value not in values:
            return None
        return (self.first, self.second) if value == values[0] else (self.second, self.first)

    def put_right_by(self, said: FieldReading) -> tuple[Reading, Reading] | None:
        """The part whose value another one replaces, "25 cases", and the other; None: it is not known which.

        That with the same unit; of two such that with the number which is nearer.
        """
        two = self.first, self.second
        alike = [len({*said.words} & {*part.fields[self.name].words}) for part in two]
        if alike[0] != alike[1]:
            return two if alike[0] > alike[1] else two[::-1]
        far = [_distance(said.value, _likely_value(part.fields[self.name])) for part in two]
        return None if far[0] == far[1] else two if far[0] < far[1] else two[::-1]


def split_by_values(name: str, reading: Reading, rules: Rules) -> TwoParts | None:
    """Split what was said at a word, so that each part has one of the values that a field has.

    Of several ways the one with the most values wins, and then the last one, as what stands between two names is of the
    first. None where no word parts them, "twelve or thirteen cases"; and where another field names two things as well.
    """
    said, fields = reading.fields.get(name), reading.fields
    named_twice = {one for one in rules.identifying_fields if one in fields and fields[one].rivals} - {name}
    if said is None or not said.rivals or named_twice:
        return None
    # Of an answer or a correction the words of its values alone are left.
    own_words = tuple(Word(text, 0.0, 0.0, said.confidence) for text in said.words)
    for words in (reading.words, own_words):
        ways = list(_split(name, reading, words, rules))
        if ways:
            return max(reversed(ways), key=_rank)
    return None


def keep_one(
    parts: TwoParts, value: FieldValue, before: Reading, after: Reading, rules: Rules, answered: Collection[str]
) -> Reading:
    """The reading once one of the two values was chosen: with what was said of that, and not of the other one.

    What stands for several entries, as a door, is of both, and so are what was said ahead of them, and a place behind
    them, "24 cases and 3 pieces, dock B"; what the answer says, in the fields `answered`, is of the chosen one.
    """
    two = parts.having(value)
    if two is None:
        return after
    own, other = (without_inherited(part).fields for part in two)
    of_both = {*parts.shared.fields, *rules.form.standing_fields, *rules.identifying_fields, *answered}
    of_both |= _find_places_behind_both(parts, rules)
    fields = dict(after.fields)
    for name, one in after.fields.items():
        was = before.fields.get(name)
        if name in of_both or was is None or name not in other:
            continue
        if name not in own and {*possible_values(one)} <= {*possible_values(other[name])}:
            del fields[name]
    for name, one in own.items():
        was = before.fields.get(name)
        is_sure = one.value is not None and not one.rivals
        if is_sure and name != parts.name and was is not None and was.rivals and fields.get(name) == was:
            fields[name] = replace(was, value=one.value, rivals=())
    return replace(after, fields=fields)


def find_units_of_two_counts(name: str, reading: Reading, rules: Rules) -> Mapping[FieldValue, str]:
    """By count, the code of the unit that was said with it; empty where both have the same one, or none was told."""
    unit = rules.form.unit_field(name)
    if unit is None or unit.name not in reading.fields or not reading.fields[unit.name].rivals:
        return {}
    parts = split_by_values(name, reading, rules)
    said = () if parts is None else (parts.first, parts.second)
    units = {_likely_value(part.fields[name]): _likely_value(part.fields.get(unit.name)) for part in said}
    return {count: as_text(code) for count, code in units.items() if count is not None and code is not None}


def restates(parts: TwoParts, rules: Rules) -> bool:
    """Whether it is one value, said anew or corrected: "12, no, 13", "dock B, dock D", "12 cases, 13 cases"."""
    field, language, two = rules.form[parts.name], rules.language, (parts.first, parts.second)
    ends = [normalize_word(word.text) for word in (parts.first.words[-1], parts.second.words[0])]
    is_choice = not parts.is_linked and any((end,) in language.words["choices"] for end in ends)
    if is_choice or is_correction(parts.second.words, language):
        return True
    before, behind = (part.fields[parts.name].words for part in two)
    if parts.is_linked or ends != [*before[-1:], *behind[:1]] or not (field.spoken.counts or field.is_place):
        return False
    known, anew = (likely_values(part) for part in two)
    return all(name == parts.name or known.get(name) == value for name, value in anew.items())


def _distance(one: FieldValue | None, other: FieldValue | None) -> float:
    return abs(one - other) if isinstance(one, int | float) and isinstance(other, int | float) else 0.0


def _is_link(word: Word, rules: Rules) -> bool:
    text, language = normalize_word(word.text), rules.language
    return (text,) in language.words["conjunctions"] or text in map(fold, language.table["decimals"]["plus"])


def _split(name: str, reading: Reading, words: Sequence[Word], rules: Rules) -> Iterator[TwoParts]:
    values = {*possible_values(reading.fields[name])}
    for at in range(1, len(words) if len(words) <= _MOST_WORDS else 0):
        is_linked = _is_link(words[at], rules)
        second = read_part(reading, words[at + is_linked :], rules)
        if _likely_value(second.fields.get(name)) not in values:
            continue
        first = read_part(reading, words[:at], rules)
        two = {_likely_value(part.fields.get(name)) for part in (first, second)}
        if two <= values and len(two - {None}) > 1:
            yield TwoParts(name, first, second, _read_before(name, first, rules), is_linked)


def _read_before(name: str, part: Reading, rules: Rules) -> Reading:
    """What a part says ahead of a field's value."""
    begins = part.fields[name].words[:1]
    at = next((at for at, word in enumerate(part.words) if (normalize_word(word.text),) == begins), 0)
    return read_part(part, part.words[:at], rules)


def _find_places_behind_both(parts: TwoParts, rules: Rules) -> set[str]:
    said, ahead = parts.second.fields, _read_before(parts.name, parts.second, rules).fields
    behind = said.keys() - ahead.keys() - parts.first.fields.keys()
    return {name for name in behind if rules.form[name].is_place}


def _rank(parts: TwoParts) -> tuple[int, int, bool]:
    """How many values the parts have, how many of them are sure, and whether a word links them."""
    two = parts.first, parts.second
    said = [one for part in two for one in part.fields.values() if _likely_value(one) is not None]
    return len(said), sum(one.value is not None for one in said), parts.is_linked


def _likely_value(said: FieldReading | None) -> FieldValue | None:
    """The field's value, or its likely one; None where it has none, or several."""
    values = possible_values(said)
    return values[0] if len(values) == 1 else None
