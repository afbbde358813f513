"""The crew: the operators that a number or a name at sign-on may mean, and whether that is sure. Pure.

A number or a name that is easily misheard for another operator's is never sure, however clear each word was: a number
that another one extends, or that differs in a doubled digit; a name that sounds like another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dockvoice_protocol.forms.spoken import confusable_pairs, possible_digit_strings
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import Operator


@dataclass(frozen=True, slots=True)
class SignOnCandidate:
    """An operator whom a sign-on may mean, and whether that is sure."""

    operator: Operator
    sure: bool
    called: str = field(repr=False)
    """His name in prompts: the one that was spoken, else his first one, else his number."""

    @property
    def number_and_name(self) -> str:
        """The operator's number and name, as the question reads them: `4 7 1, ana`."""
        number = self.operator.number
        parts = [one for one in (None if number is None else _space_digits(number), self.called) if one]
        return ", ".join(dict.fromkeys(parts))


def find_sign_on_candidates(text: str, crew: Sequence[Operator], language: Language) -> tuple[SignOnCandidate, ...]:
    """The operators that the words may mean; several are all unsure."""
    words = text.split()
    found: dict[str, SignOnCandidate] = {}
    for one in crew:
        for at in range(len(words) + 1):
            called = _match_operator(" ".join(words[:at]), " ".join(words[at:]), one, crew, language)
            if called is not None and (one.name not in found or called.sure):
                found[one.name] = called
    if len(found) == 1:
        return tuple(found.values())
    return tuple(SignOnCandidate(one.operator, sure=False, called=one.called) for one in found.values())


def spell_if_number(text: str, language: Language) -> str:
    """An unknown name or number as prompts repeat it: a number digit by digit."""
    numbers = possible_digit_strings(text, language)
    return _space_digits(next(iter(numbers))) if len(numbers) == 1 else text


def _space_digits(number: str) -> str:
    """A number spaced so that a voice reads its digits."""
    return " ".join(number)


def _match_operator(
    first: str, rest: str, one: Operator, crew: Sequence[Operator], language: Language
) -> SignOnCandidate | None:
    """The operator, if the words are his name, his number, or one after the other; else None."""
    parts = [part for part in (first, rest) if part]
    names = [
        name
        for part in parts
        if (name := next((own for own in _spoken_names(one) if phrase(own) == phrase(part)), None)) is not None
    ]
    numbers = [number for part in parts if (number := _match_spoken_number(part, one, language)) is not None]
    if not parts or len(names) + len(numbers) != len(parts) or len(names) > 1 or len(numbers) > 1:
        return None
    others = [other for other in crew if other.name != one.name]
    sure = len(parts) > 1 or (
        not any(
            _may_be_other_number_cut_or_misheard(number, other)
            for number in numbers
            for other in map(_spoken_numbers, others)
        )
        and not any(confusable_pairs((name, other)) for name in names for one in others for other in _spoken_names(one))
    )
    called = next(iter((*names, *_spoken_names(one))), None) or _space_digits(next(iter(numbers)))
    return SignOnCandidate(one, sure, called)


def _spoken_names(one: Operator) -> tuple[str, ...]:
    return tuple(name for name in one.spoken if not _is_number(name))


def _spoken_numbers(one: Operator) -> tuple[str, ...]:
    return tuple(name for name in (one.number or "", *one.spoken) if _is_number(name))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _match_spoken_number(text: str, one: Operator, language: Language) -> str | None:
    spelt = possible_digit_strings(text, language)
    return next((number for number in _spoken_numbers(one) if number in spelt), None)


def _may_be_other_number_cut_or_misheard(number: str, others: Sequence[str]) -> bool:
    """Whether it may be another number that was cut off, or whose doubled digit was heard once."""
    return any(
        other.startswith(number) or _collapse_doubled_digits(other) == _collapse_doubled_digits(number)
        for other in others
    )


def _collapse_doubled_digits(number: str) -> str:
    return re.sub(r"(.)\1+", r"\1", number)
