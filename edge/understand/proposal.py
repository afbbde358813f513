"""What every on-device recogniser shares: the words it must know, and how words heard become a reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import command, corrects, exception, preface, read, takes_back
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language
from edge.records import Act, FieldReading, NotUnderstood, Reading, Word
from edge.understand.talk import is_talk

UNKNOWN = "[unk]"
"""What a recogniser writes for speech that is none of the words it listens for."""

NOISE_S = 0.2
"""Words before a sentence that took no longer are a breath or a clank, written down as words. Who takes a sentence back
before saying it needs longer: the shortest such word, "not", takes a quarter of a second."""


def proposal(
    interpreter: str, words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language = ENGLISH
) -> Reading:
    """What the words propose. Those outside the grammar stay among them: a field they touch has no sure value."""
    fields = read(words, form, catalogue, language)
    before = preface(words, form, catalogue, language, longer_than_s=NOISE_S)
    return proposed(interpreter, form, words, fields, language, preface=before)


def proposed(
    interpreter: str,
    form: Form,
    words: Sequence[Word],
    fields: Mapping[str, FieldReading],
    language: Language = ENGLISH,
    *,
    preface: Sequence[str],
) -> Reading:
    """The reading of `words`, which were read to `fields`; the `preface` is those before the first that are of none.

    A whole sentence with a preface is to be said again: "don't record pallet 742, twelve units, dock B" is no entry,
    and of words beyond its grammar a recogniser makes any others.
    """
    if all(word.text == UNKNOWN for word in words):
        return Reading(interpreter, form.name, tuple(words), {}, NotUnderstood.NO_WORDS)
    whole = all(field.name in fields for field in form.fields if field.required)
    if not fields or takes_back(words, language) or (whole and preface):
        return asked(interpreter, form, words, language)
    # A whole sentence stands for itself, however it begins.
    act = Act.AMEND if corrects(words, language) and not whole else Act.RECORD
    return Reading(interpreter, form.name, tuple(words), fields, act=act)


def asked(interpreter: str, form: Form, words: Sequence[Word], language: Language = ENGLISH) -> Reading:
    """The reading of `words` that name no field: an exception of the form, a command, or nothing for the device."""
    if exceptional := exception(words, form, language):
        return Reading(interpreter, form.name, tuple(words), exceptional, act=Act.AMEND)
    if (said := command(words, language)) is not None:
        return Reading(interpreter, form.name, tuple(words), {}, act=said.act, command=said.command)
    talk = is_talk(words, form, language) and not takes_back(words, language)
    reason = NotUnderstood.TALK if talk else NotUnderstood.NOT_DICTATION
    return Reading(interpreter, form.name, tuple(words), {}, reason)


def refuse_unhearable(interpreter: str, form: Form, phrases: Iterable[str], knows: Callable[[str], bool]) -> None:
    """Raise Misconfigured for words among the form's own and those of `phrases` that the recogniser does not know.

    Recognisers leave such words out in silence, and then nobody could ever say what they stand for.
    """
    own = (phrase for field in form.fields for phrase in (*field.labels, *field.units))
    unknown = sorted({word for phrase in (*phrases, *own) for word in phrase.split() if not knows(word)})
    if unknown:
        raise Misconfigured(
            f"form {form.name!r}: {interpreter} does not know the words {', '.join(unknown)}, and cannot hear them; "
            "in the form and its catalogues, use words of everyday English, or write compounds apart (`tote bin`)"
        )
