"""Words to the value of one field, by the way the field is spoken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge.forms.catalogue import Catalogue
from edge.forms.model import FormField, Spoken
from edge.forms.spoken import letters
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language, fold
from edge.forms.spoken.numbers import joined
from edge.records import FieldValue


def value(
    words: Sequence[str], field: FormField, catalogue: Catalogue, language: Language = ENGLISH
) -> FieldValue | None:
    """The one value that the words as a whole give the field; None where they give none.

    The catalogue adds ways to say a value; it never turns what was said into something that would fit. Where the check
    word or digits of the place are said behind the value, they must be those that the catalogue knows.
    """
    at = next((at for at, word in enumerate(words) if at and word in language.checks), None)
    if at is None or field.catalogue is None:
        return _plain(words, field, catalogue, language)
    said = _plain(words[:at], field, catalogue, language)
    check = [word for word in words[at:] if word not in language.checks]
    heard = {" ".join(check), language.numbers.digits(check)}
    return said if heard.intersection(catalogue.checks_of(field.catalogue, str(said))) else None


def _plain(words: Sequence[str], field: FormField, catalogue: Catalogue, language: Language) -> FieldValue | None:
    if (listed := _listed(words, field, catalogue, language)) is not None:
        return listed
    match field.spoken:
        case Spoken.DIGITS:
            return language.numbers.digits(words)
        case Spoken.ALPHANUMERIC:
            return alphanumeric(words, language)
        case Spoken.CARDINAL:
            return language.numbers.cardinal(words)
        case Spoken.LETTER:
            return letters.letter(words, language.alphabet)
        case Spoken.ENUM:
            return None


def phrases(field: FormField, catalogue: Catalogue, language: Language = ENGLISH) -> dict[str, str]:
    """Every value that is spoken as words of its own: words to value."""
    said = dict(catalogue.spoken(field.catalogue)) if field.catalogue else {}
    if field.spoken is Spoken.ENUM:
        known = field.choices or (catalogue.values(field.catalogue) if field.catalogue else ())
        said |= {words: choice for choice in known for words in ways(choice, field, language)}
    return said


def ways(choice: str, field: FormField, language: Language) -> tuple[str, ...]:
    """How a value of an `enum` is said: as it is on record, and as the language calls it."""
    named = (choice, field.called(choice, language.code))
    return tuple(dict.fromkeys(name.lower().replace("-", " ") for name in named))


def _listed(words: Sequence[str], field: FormField, catalogue: Catalogue, language: Language) -> str | None:
    said = " ".join(words)
    return next((meant for phrase, meant in phrases(field, catalogue, language).items() if fold(phrase) == said), None)


def alphanumeric(words: Sequence[str], language: Language = ENGLISH) -> str | None:
    """Capital letters and digits: "bravo seven fourteen" is B714; "o" alone may be either, so it is neither."""
    return joined(words, lambda ahead: next(_groups(ahead, language), None))


def _groups(words: Sequence[str], language: Language) -> Iterator[tuple[str, int]]:
    if words[0] == "o":
        return
    times = language.numbers.times.get(words[0])
    if times is not None and (repeated := letters.letter_group(words[1:], language.alphabet)) is not None:
        yield repeated[0] * times, 1 + repeated[1]
    if (group := letters.letter_group(words, language.alphabet) or language.numbers.group(words)) is not None:
        yield group
