"""Unclear numbers: digits without a label that may name another thing: "743, three cases" over pallet 742. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken import number_head
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.costs import COMMA_S
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word, as_text
from edge.agree.decide import Rules
from edge.agree.readings import SHORTEST_NAME, normalize_word, possible_values, read_part, without_inherited

_NO_SEPARATORS = str.maketrans(dict.fromkeys(SEPARATORS))


def read_stray_names(reading: Reading, claim: Reading | None, rules: Rules) -> Reading:
    """The reading, in which digits of no field may name a thing; what may be of that thing is asked.

    "743 is wet" is read as "pallet 743 is wet"; only the name of the open claim is not asked then. Behind another name,
    "pallet 742, 54 units, and 743 dock C", what follows is unconfirmed.
    """
    name = next(iter(rules.identifying_fields), None)
    if name is None or not reading.words or reading.act not in {Act.RECORD, Act.AMEND}:
        return reading
    known = () if claim is None else possible_values(claim.fields.get(name))
    strays = [span for span in _find_number_spans(reading.words, rules) if _is_stray(reading, *span, rules)]
    if name not in without_inherited(reading).fields and reading.fields and not reading.not_understood:
        named = (_read_as_labelled(name, reading, start, end, known, rules) for start, end in strays)
        reading = next((one for one in named if one is not None), reading)
    for before, (start, end) in zip((None, *strays), strays, strict=False):
        if before is not None or name in without_inherited(read_part(reading, reading.words[:start], rules)).fields:
            return _unconfirm_behind(reading, start, end, rules)
    return reading


def _read_as_labelled(
    name: str, reading: Reading, start: int, end: int, known: Collection[FieldValue], rules: Rules
) -> Reading | None:
    """The reading, as if the label led to the digits: asked; None where that is no reading of its fields."""
    words = reading.words
    labels = rules.form[name].wording(rules.language.code).labels
    label = [replace(words[start], text=text, end=words[start].start) for text in next(iter(labels), "").split()]
    labelled = read_part(reading, (*words[:start], *label, *words[start:]), rules)
    named = labelled.fields.get(name)
    if named is None or named.value is None or not reading.fields.keys() <= labelled.fields.keys():
        return None
    value, digits = as_text(named.value), _spell_digits(words[start:end], rules)
    if len(value) < SHORTEST_NAME or not digits.startswith(value):
        return None
    own = tuple(word for word in named.words if word in {one.text for one in words[start:end]})
    named = replace(named, words=own, confirmed=named.value in known)
    return replace(labelled, words=words, fields={**labelled.fields, name: named})


def _unconfirm_behind(reading: Reading, start: int, end: int, rules: Rules) -> Reading:
    """The reading; the values behind these words are unconfirmed, and asked with them."""
    behind = read_part(reading, reading.words[end:], rules).fields
    stray = tuple(word.text for word in reading.words[start:end])
    doubted = {
        name: replace(one, confirmed=False, unexplained=(*one.unexplained, *stray))
        for name, one in reading.fields.items()
        if not one.is_inherited and name in behind and behind[name].value == one.value
    }
    return replace(reading, fields={**reading.fields, **doubted})


def read_number_as_place(reading: Reading, names: Collection[str], rules: Rules) -> Reading:
    """The reading, in which a number behind the label of one of these places is its value: "dock nine" among letters.

    There is none such, which the operator is told; the number is no count.
    """
    for name, said in reading.fields.items():
        catalogue = rules.form[name].catalogue
        if (
            name not in names
            or catalogue is None
            or possible_values(said)
            or not said.words
            or reading.act not in {Act.RECORD, Act.AMEND}
        ):
            continue
        start, end, number = _find_number_behind(said.words, reading.words, rules)
        if number is None or rules.catalogue.has_values(catalogue, number):
            continue
        rest = read_part(reading, (*reading.words[:start], *reading.words[end:]), rules)
        sure = {one: other.value for one, other in reading.fields.items() if other.value is not None}
        if any(one not in rest.fields or rest.fields[one].value != value for one, value in sure.items()):
            continue  # The number has a unit, or another label.
        if any(other.value is None for other in rest.fields.values()):
            continue  # More is unclear.
        words = reading.words[start:end]
        least = min(word.confidence for word in words)
        place = FieldReading(number, tuple(word.text for word in words), least)
        return replace(rest, words=reading.words, preface=reading.preface, fields={**rest.fields, name: place})
    return reading


def _find_number_behind(label: Sequence[str], words: Sequence[Word], rules: Rules) -> tuple[int, int, str | None]:
    """Where the label begins, the number right behind it ends, and that number; None where there is none."""
    folded = [fold(word.text).strip(".,;:!? ") for word in words]
    named, language = [fold(word).strip(".,;:!? ") for word in label], rules.language
    for start in range(len(folded) - len(named)):
        end = begins = start + len(named)
        while end < len(folded) and number_head(words[end : end + 1], language):
            end += 1
        if folded[start:begins] == named and end > begins:
            counts = language.numerals.counts(folded[begins:end], 0)
            return start, end, next((str(one.value) for one in counts if one.end == end - begins), None)
    return 0, 0, None


def count_digits(words: Iterable[str], rules: Rules) -> int:
    """How many digits words have that may be of a name: in figures, or digit by digit."""
    numbers = [word for word in words if rules.language.may_be_in_identifier(normalize_word(word))]
    return sum(len(word) if word.isdigit() else 1 for word in numbers)


def is_long_number(value: FieldValue | None) -> bool:
    """Whether a number has as many digits as an identifier."""
    return isinstance(value, int) and not isinstance(value, bool) and len(as_text(value)) >= SHORTEST_NAME


def take_stray_digits_as_identifier(reading: Reading, utterance_id: str, rules: Rules) -> Reading:
    """The reading; if it has values but no identifier, unexplained digits become the words of one without a value.

    After "we got seven four six with, let me see, eighteen cases" another number is another thing.
    """
    name = next(iter(rules.identifying_fields), None)
    explained = {word for one in reading.fields.values() if possible_values(one) for word in one.words}
    bare = [one for one in reading.words if rules.language.may_be_in_identifier(one.text) and one.text not in explained]
    if name is None or name in reading.fields or not reading.fields or len(bare) < SHORTEST_NAME:
        return reading
    words, least = tuple(one.text for one in bare), min(one.confidence for one in bare)
    return replace(reading, fields={name: FieldReading(None, words, least, said_in=(utterance_id,)), **reading.fields})


def has_digits_besides(words: Sequence[Word], values: Collection[FieldValue], rules: Rules) -> bool:
    """Whether it has a number besides the values', which it says: "743 is nine" for 743; not "the first one"."""
    runs = [_spell_digits(words[start:end], rules) for start, end in _find_number_spans(words, rules)]
    own = [run for run in runs if any(run in as_text(value) for value in values)]
    return any(len(run) >= SHORTEST_NAME for run in own) and len(own) < len(runs)


def _find_number_spans(words: Sequence[Word], rules: Rules) -> Iterator[tuple[int, int]]:
    """The spans of number words, or of figures, without a pause: "seven four three", "seven forty-three", "743"."""
    parts = [_is_part_of_number(word.text, rules) for word in words]
    joined = [rules.language.numerals.is_joiner(fold(word.text)) for word in words]
    start = 0
    for at in range(len(words) + 1):
        goes_on = at < len(words) and (parts[at] or (at > start and joined[at] and parts[at + 1 : at + 2] == [True]))
        if goes_on and (at == start or words[at].start - words[at - 1].end < COMMA_S):
            continue
        if at > start:
            yield start, at
        start = at if goes_on else at + 1


def _is_part_of_number(word: str, rules: Rules) -> bool:
    """Whether it has digits, or is a number word: "743", "hundred", "uno"; not "and"."""
    bare, numerals = normalize_word(word), rules.language.numerals
    return bare.isdigit() or numerals.is_part(bare) or bool(numerals.groups([bare], 0))


def _spell_digits(words: Sequence[Word], rules: Rules) -> str:
    """The digits of number words as an identifier has them: "743"; those of the longest groups."""
    bare, text, at = token_texts(words, rules.language), "", 0
    while at < len(bare):
        group = max(rules.language.numerals.groups(bare, at), key=lambda one: one.end, default=None)
        at, text = (at + 1, text) if group is None else (group.end, text + group.text)
    return text


def _is_stray(reading: Reading, start: int, end: int, rules: Rules) -> bool:
    """Whether the digits may be an identifier, and are of no field that was understood."""
    words = reading.words[start:end]
    return len(_spell_digits(words, rules)) >= SHORTEST_NAME and not _is_understood(words, reading, rules)


def _is_understood(words: Sequence[Word], reading: Reading, rules: Rules) -> bool:
    """Whether the digits are of fields that were understood: a seal, an order, a count, or two of them in turn."""
    said, digits = {normalize_word(word.text) for word in words}, _spell_digits(words, rules)
    return any(
        # The separators of a value are not spoken: "A0102" of A-01-02.
        (digits in one.translate(_NO_SEPARATORS) if isinstance(one, str) else digits == as_text(one))
        and said <= {*map(fold, field.words)}
        for field in without_inherited(reading).fields.values()
        for one in (*possible_values(field), *field.denied)
    ) or any(
        _is_understood(words[:at], reading, rules) and _is_understood(words[at:], reading, rules)
        for at in range(1, len(words))
    )
