"""One breath, two entries: "pallet 742, ten cases, pallet 743, two cases", "pallets 742 and 743, twelve each". Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.readings import differing, part_of, unconfirmed, values_in

Two = tuple[Reading, Reading]

MOST_WORDS = 60
"""Of two that are named together: two SSCC digit by digit, and what is said of them, are fifty. It is tried how each
"and" parts the numbers around it, which takes two seconds for so many words, and ten for twice as many."""


def two_in_one_breath(said: Reading, rules: Rules) -> Two | None:
    """The two readings that make up this one, where it names two things, each with more of it; None where it does not.

    Of the places where it may be parted the one counts that leaves the most values.
    """
    return _most(_one_behind_the_other(said, rules), rules) or two_that_share(said, rules)


def two_that_share(said: Reading, rules: Rules) -> Two | None:
    """The same for two that are named together: what else is said is of both."""
    return _most(_named_together(said, rules), rules)


def meant_of_two(both: Reading, said: Reading, rules: Rules) -> Two | None:
    """Of two in one breath the one that an answer names, and the other; None where it names neither."""
    two = two_in_one_breath(both, rules)
    if two is None or all(name not in said.fields or said.fields[name].value is None for name in rules.identifies):
        return None
    return next((pair for pair in (two, two[::-1]) if not differing(pair[0], said, rules.identifies)), None)


def several_identifiers(said: Reading, rules: Rules) -> tuple[FieldValue, ...]:
    """The names of several things, each said by itself: with its label, or each with a value of its own."""
    for name in rules.identifies:
        one = said.fields.get(name)
        values = values_in(one)
        if one is None or len(values) == 1 or not values:
            continue
        labels = sum(_label(fold(word), rules) is not None for word in one.words)
        besides = any(field.value is None or field.rivals for other, field in said.fields.items() if other != name)
        if labels >= len(values) or (rules.form[name].spoken.listed and besides):
            return values
    return ()


def _most(parted: Iterator[Two], rules: Rules) -> Two | None:
    best: tuple[int, Two | None] = (0, None)
    for two in parted:
        named = all(_surely_named(one, rules.identifies) for one in two)
        values = sum(one.value is not None for part in two for one in part.fields.values())
        if named and values > best[0] and differing(*two, rules.identifies):
            best = values, two
    return best[1]


def _surely_named(part: Reading, identifies: Sequence[str]) -> bool:
    """Does it name one thing for sure, and say more of it?"""
    named = [part.fields[name] for name in identifies if name in part.fields]
    said = [one for one in part.fields.values() if not one.is_taken]
    return 0 < len(named) < len(said) and all(one.value is not None and not one.rivals for one in named)


def _one_behind_the_other(said: Reading, rules: Rules) -> Iterator[Two]:
    for at in range(1, len(said.words)):
        last = part_of(said, said.words[at:], rules)
        # Where one thing is said its end names none: then what stands before need not be read.
        if _surely_named(last, rules.identifies):
            yield part_of(said, said.words[:at], rules), last


def _named_together(said: Reading, rules: Rules) -> Iterator[Two]:
    """With every "and" between two numbers: each of these, with what stands around both.

    Only "each" says that a count is that of either; without it the count is in doubt.
    """
    if len(said.words) > MOST_WORDS:
        return
    words, each = _without_each(said.words, rules)
    named = [_is_named(word, rules) for word in words]
    for link in (at for at, word in enumerate(words) if _links(word, rules)):
        for start in _runs(range(link - 1, -1, -1), named):
            for last in _runs(range(link + 1, len(words)), named):
                before, behind = words[:start], words[last + 1 :]
                first, second = (
                    part_of(said, _labelled(before, one, behind, rules, always=each), rules)
                    for one in (words[start:link], words[link + 1 : last + 1])
                )
                if _shared(first, rules) == _shared(second, rules):
                    counts = [] if each else [one.name for one in rules.form.fields if _counts(one)]
                    yield _doubted(first, counts), _doubted(second, counts)


def _normalized(word: Word) -> str:
    """The word folded, without the punctuation that a transcript adds."""
    return fold(word.text).strip(".,;:!?")


def _runs(positions: Sequence[int], named: Sequence[bool]) -> Iterator[int]:
    """How far a name may reach from a link."""
    for at in positions:
        if not named[at]:
            return
        yield at


def _without_each(words: Sequence[Word], rules: Rules) -> tuple[tuple[Word, ...], bool]:
    heard = [_normalized(word) for word in words]
    said = sorted(rules.language.words["each"], key=len, reverse=True)
    for at in range(len(heard)):
        found = next((one for one in said if tuple(heard[at : at + len(one)]) == one), None)
        if found is not None:
            return (*words[:at], *words[at + len(found) :]), True
    return tuple(words), False


def _is_named(word: Word, rules: Rules) -> bool:
    told = _normalized(word)
    return rules.language.tells(told) or _label(told, rules) is not None


def _links(word: Word, rules: Rules) -> bool:
    return (_normalized(word),) in rules.language.words["joins"]


def _labelled(
    before: Sequence[Word], named: Sequence[Word], behind: Sequence[Word], rules: Rules, *, always: bool
) -> tuple[Word, ...]:
    """What stands around two and the name of one, with the label of one: "pallets" is "pallet".

    Of two that have none it is put before the name, if they `always` have one.
    """
    told = [_label(_normalized(word), rules) for word in (*before, *named)]
    lacking = always and not any(told)
    first = next((one for field in rules.form.fields if field.identifier for one in _labels(field, rules)), None)
    label = (replace(named[0], text=first, end=named[0].start),) if lacking and first is not None else ()
    words = (
        word if one is None else replace(word, text=one) for word, one in zip((*before, *named), told, strict=True)
    )
    whole = tuple(words)
    return (*whole[: len(before)], *label, *whole[len(before) :], *behind)


def _label(told: str, rules: Rules) -> str | None:
    """The label of an identifier, of which the word is a form."""
    labels = (one for field in rules.form.fields if field.identifier for one in _labels(field, rules))
    return next((one for one in labels if told.startswith(fold(one))), None)


def _labels(field: FormField, rules: Rules) -> list[str]:
    return [one for one in field.wording(rules.language.code).labels if " " not in one]


def _shared(part: Reading, rules: Rules) -> dict[str, object]:
    return {name: one.value for name, one in part.fields.items() if not rules.form[name].identifier}


def _counts(field: FormField) -> bool:
    return field.kind in {"integer", "number"}


def _doubted(part: Reading, names: Sequence[str]) -> Reading:
    return unconfirmed(part, [name for name in names if name in part.fields])
