"""What to expect of a speaker who pauses: is the form complete, or do the words end in the middle of something?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form, FormField, Spoken
from edge.forms.spoken.breaths import ends
from edge.forms.spoken.commands import corrects, is_whole
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language
from edge.forms.spoken.lexicon import Mark, Part, lexicon, marks, tokens, with_particles
from edge.records import Expectation, FieldReading, Word

LEADING_ON = frozenset({Part.LABEL, Part.CUE, Part.LINK, Part.HESITATION})
"""What nobody ends an unfinished sentence with: "dock", "no", "and", "uh". A finished one may end with "please"."""


def expected(
    words: Sequence[Word],
    fields: Mapping[str, FieldReading],
    form: Form,
    catalogue: Catalogue,
    language: Language = ENGLISH,
    *,
    converses: bool = False,
) -> Expectation:
    """What may follow `words`, of which `fields` was made.

    With `converses`, whole commands and corrections are said as well: to those nobody adds anything either.
    """
    if converses and is_whole(words, language):
        return Expectation.FINISHED
    heard = list(tokens(words, language))
    parts = list(with_particles(marks(heard, lexicon(form, language)), form, language))
    if not parts or not (fields or parts[-1].part is Part.LABEL):
        return Expectation.MORE if _is_begun_number(words, language, answers=converses) else Expectation.EITHER
    complete = _complete(fields, form, catalogue)
    while complete and parts[-1].part is Part.LINK:
        parts.pop()
    if parts[-1].part in LEADING_ON:
        return Expectation.MORE
    last = _field_of(parts[-1], fields, form)
    if complete or (converses and corrects(words, language)):
        closed = parts[-1].part is Part.UNIT or (last is not None and _is_full(last, fields[last.name]))
        return Expectation.FINISHED if closed else Expectation.EITHER
    return Expectation.MORE if last is not None and _is_begun(last, fields[last.name]) else Expectation.EITHER


def _is_begun_number(words: Sequence[Word], language: Language, *, answers: bool) -> bool:
    """A number that belongs to no field yet: "six hundred and". Where there are questions, one may be the answer."""
    number = ends(words, language)
    return bool(number) and not (answers and language.tells(number[-1]))


def _field_of(mark: Mark, fields: Mapping[str, FieldReading], form: Form) -> FormField | None:
    """The field that the last words were understood as."""
    ending = (field for field in form.fields if field.name in fields and _ends_with(fields[field.name], mark))
    return next(ending, None)


def _ends_with(said: FieldReading, mark: Mark) -> bool:
    return said.words[-len(mark.tokens) :] == tuple(token.text for token in mark.tokens)


def _complete(fields: Mapping[str, FieldReading], form: Form, catalogue: Catalogue) -> bool:
    sure = {name: said.value for name, said in fields.items() if said.value is not None and not said.rivals}
    known = (
        field.catalogue is None or str(sure[field.name]) in catalogue.values(field.catalogue)
        for field in form.fields
        if field.name in sure
    )
    return len(sure) == len(fields) and not form.faults(sure) and all(known)


def _is_full(field: FormField, said: FieldReading) -> bool:
    """A letter or a name is said all at once; a number can go on while the form allows another digit."""
    if field.spoken in {Spoken.LETTER, Spoken.ENUM}:
        return True
    return isinstance(said.value, str) and not field.allows(said.value + "0")


def _is_begun(field: FormField, said: FieldReading) -> bool:
    """A number that means nothing yet, or too little for the form."""
    if field.spoken in {Spoken.LETTER, Spoken.ENUM}:
        return False
    return said.value is None or not field.allows(said.value)
