"""Bare names: digits without a label that name another thing, "743, three cases" said over pallet 742. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken import read
from dockvoice_protocol.forms.spoken.grammar.weights import COMMA, PAUSE_S
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word, written
from edge.agree.decide import Rules
from edge.agree.readings import possible_values, read_part, without_inherited

SHORTEST_NAME = 3  # The fewest digits that may be an identifier.

_COMMA_S = next(seconds for seconds, pause in PAUSE_S if pause == COMMA)  # A pause from here on separates two numbers.


def add_unlabelled_identifier(said: Reading, claim: Reading, rules: Rules) -> Reading:
    """The reading, in which digits without a field become a doubtful identifier of the other values.

    The open claim's own identifier is not added, nor read as a value: it names no other thing.
    """
    name = next(iter(rules.identifying_fields), None)
    if (
        name is None
        or name in without_inherited(said).fields
        or not said.words
        or said.act not in {Act.RECORD, Act.AMEND}
    ):
        return said
    for start, end in _find_digit_spans(said.words, rules):
        words = said.words[start:end]
        named = read(words, rules.form, rules.catalogue, rules.language, asked=name).get(name)
        value = None if named is None or named.rivals else named.value
        if value is None or len(written(value)) < SHORTEST_NAME or _belongs_to_understood_field(said, words, value):
            continue
        rest = read_part(said, (*said.words[:start], *said.words[end:]), rules)
        if not without_inherited(rest).fields:
            continue
        least = min(word.confidence for word in words)
        bare = FieldReading(None, tuple(word.text for word in words), least, runner_up=value)
        fields = rest.fields if value in possible_values(claim.fields.get(name)) else {name: bare, **rest.fields}
        return replace(rest, words=said.words, preface=said.preface, fields=fields)
    return said


def is_long_number(value: FieldValue | None) -> bool:
    """Whether a number has as many digits as an identifier."""
    return isinstance(value, int) and not isinstance(value, bool) and len(written(value)) >= SHORTEST_NAME


def mark_unexplained_digits_as_identifier(said: Reading, utterance_id: str, rules: Rules) -> Reading:
    """The reading, in which unexplained digits become an identifier without a value, if it has none.

    After "we got seven four six with, let me see, eighteen cases" another number is another thing.
    """
    name = next(iter(rules.identifying_fields), None)
    told = {word for one in said.fields.values() if possible_values(one) for word in one.words}
    bare = [one for one in said.words if rules.language.in_id(one.text) and one.text not in told]
    if name is None or name in said.fields or not said.fields or len(bare) < SHORTEST_NAME:
        return said
    words, least = tuple(one.text for one in bare), min(one.confidence for one in bare)
    return replace(said, fields={name: FieldReading(None, words, least, said_in=(utterance_id,)), **said.fields})


def has_digits_besides(words: Sequence[Word], value: FieldValue, rules: Rules) -> bool:
    """Whether it has more digits than those of a value: "743 is nine" for 743; not "the first one"."""
    runs = [
        "".join(_parse_digit(word.text, rules) for word in words[start:end])
        for start, end in _find_digit_spans(words, rules)
    ]
    own = [run for run in runs if run in written(value)]
    return any(len(run) >= SHORTEST_NAME for run in own) and len(own) < len(runs)


def _find_digit_spans(words: Sequence[Word], rules: Rules) -> Iterator[tuple[int, int]]:
    """The spans of digits that are spoken one by one, or written as one number, without a pause."""
    start = 0
    for at in range(len(words) + 1):
        goes_on = at < len(words) and _parse_digit(words[at].text, rules) != ""
        if goes_on and (at == start or words[at].start - words[at - 1].end < _COMMA_S):
            continue
        if at > start:
            yield start, at
        start = at if goes_on else at + 1


def _parse_digit(word: str, rules: Rules) -> str:
    """The digit of a spoken word, or the digits of a written one; empty for any other word."""
    bare = word.strip(".,;:!?").casefold()
    groups = (one.text for one in rules.language.numerals.groups([bare], 0))
    return bare if bare.isdigit() else next((one for one in groups if len(one) == 1), "")


def _belongs_to_understood_field(said: Reading, words: Sequence[Word], value: FieldValue) -> bool:
    """Whether the digits belong to a field that was understood: a seal, an order, a count."""
    told = {word.text for word in words}
    return any(
        (written(value) in _strip_separators(one) if isinstance(one, str) else written(value) == written(one))
        and told <= {*field.words}
        for field in without_inherited(said).fields.values()
        for one in possible_values(field)
    )


def _strip_separators(value: str) -> str:
    """A value without its separators, which are not spoken: "A0102" of A-01-02."""
    return "".join(character for character in value if character not in SEPARATORS)
