"""Words to the value of one field, by the way the field is spoken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge.forms.spoken import letters, numbers
from edge.forms.spoken.kinds import Spoken
from edge.records import FieldValue

if TYPE_CHECKING:
    from edge.forms.catalogue import Catalogue
    from edge.forms.form import FormField


def value(words: Sequence[str], field: FormField, catalogue: Catalogue) -> FieldValue | None:
    """The one value that the words as a whole give the field; None where they give none.

    The catalogue adds ways to say a value; it never turns what was said into something that would fit.
    """
    if (listed := _listed(words, field, catalogue)) is not None:
        return listed
    match field.spoken:
        case Spoken.DIGITS:
            return numbers.digits(words)
        case Spoken.ALPHANUMERIC:
            return alphanumeric(words)
        case Spoken.CARDINAL:
            return numbers.cardinal(words)
        case Spoken.LETTER:
            return letters.letter(words)
        case Spoken.ENUM:
            return None


def phrases(field: FormField, catalogue: Catalogue) -> dict[str, str]:
    """Every value that is spoken as words of its own: words to value."""
    said = dict(catalogue.spoken(field.catalogue)) if field.catalogue else {}
    if field.spoken is Spoken.ENUM:
        known = field.choices or (catalogue.values(field.catalogue) if field.catalogue else ())
        said |= {choice.lower().replace("-", " "): choice for choice in known}
    return said


def _listed(words: Sequence[str], field: FormField, catalogue: Catalogue) -> str | None:
    return phrases(field, catalogue).get(" ".join(words))


def alphanumeric(words: Sequence[str]) -> str | None:
    """Capital letters and digits: "bravo seven fourteen" is B714; "o" alone may be either, so it is neither."""
    spelt, at = "", 0
    while at < len(words):
        group = next(_groups(words[at:]), None)
        if group is None:
            return None
        spelt, at = spelt + group[0], at + group[1]
    return spelt or None


def _groups(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    if words[0] == "o":
        return
    if words[0] in numbers.TIMES and (doubled := letters.letter_group(words[1:])) is not None:
        yield doubled[0] * numbers.TIMES[words[0]], 1 + doubled[1]
    if (group := letters.letter_group(words) or numbers.digit_group(words)) is not None:
        yield group
