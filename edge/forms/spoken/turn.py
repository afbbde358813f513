"""What to expect of a speaker who pauses: is the entry complete, or do the words end in the middle of something?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form, FormField, Spoken
from edge.forms.spoken.breaths import ends
from edge.forms.spoken.commands import corrects, is_whole
from edge.forms.spoken.grammar.lexicon import Role
from edge.forms.spoken.grammar.tokens import Token, tokens
from edge.forms.spoken.language import ENGLISH, Language
from edge.forms.spoken.reader import lexicon
from edge.records import Expectation, FieldReading, Word

LEADING_ON = frozenset({Role.LABEL, Role.WITHIN, Role.CUE, Role.CONTRAST, Role.HEDGE_BEFORE, Role.CHOICE, Role.LINK})
"""What nobody ends an unfinished sentence with: "dock", "no", "and". A finished one may end with "please"."""
LONGEST = 5
"""Words of the longest phrase that is looked for at the end."""


def expected(
    words: Sequence[Word],
    fields: Mapping[str, FieldReading],
    form: Form,
    catalogue: Catalogue,
    language: Language = ENGLISH,
    *,
    converses: bool = False,
    awaited: Collection[str] | None = None,
) -> Expectation:
    """What may follow `words`, of which `fields` was made.

    With `converses`, whole commands and corrections are said as well: to those nobody adds anything either. `awaited`
    are the fields that are not known yet of the entry at hand, or the one that was asked for; None: the form's all.
    """
    if converses and is_whole(words, language):
        return Expectation.FINISHED
    said = tokens(words, language)
    roles = _roles_at_end(said, form, catalogue, language)
    if not said or not (fields or Role.LABEL in roles):
        return Expectation.MORE if _is_begun_number(words, language, answers=converses) else Expectation.EITHER
    complete = _complete(fields, form, catalogue)
    if not tokens(words[-1:], language):  # It ends with a hesitation.
        return Expectation.MORE
    last = _field_of(said, fields, form)
    if last is not None and Role.LABEL in roles and fields[last.name].value is None:
        last = None  # Its label alone.
    if last is None and roles & LEADING_ON and not (complete and not roles & {Role.LABEL, Role.CUE}):
        return Expectation.MORE
    if complete or (converses and corrects(words, language)):
        closed = Role.UNIT in roles or last is None or _is_full(last, fields[last.name])
        return Expectation.FINISHED if closed else Expectation.EITHER
    begun = last is not None and _is_begun(last, fields[last.name])
    return Expectation.MORE if begun or _owes(fields, form, awaited) else Expectation.EITHER


def _owes(fields: Mapping[str, FieldReading], form: Form, awaited: Collection[str] | None) -> bool:
    """Whether who has said a part of the entry has more to say: he stops to look, and a listener waits."""
    wanted = [field.name for field in form.fields if field.required] if awaited is None else awaited
    return bool(fields) and any(name not in fields for name in wanted)


def _roles_at_end(said: Sequence[Token], form: Form, catalogue: Catalogue, language: Language) -> frozenset[Role]:
    """What the last words may be."""
    known = lexicon(form, catalogue, language)
    starts = range(max(0, len(said) - LONGEST), len(said))
    return frozenset(match.role for at in starts for match in known.matches(said, at) if match.end == len(said))


def _is_begun_number(words: Sequence[Word], language: Language, *, answers: bool) -> bool:
    """A number that belongs to no field yet: "six hundred and". Where there are questions, one may be the answer."""
    number = ends(words, language)
    return bool(number) and not (answers and language.tells(number[-1]))


def _field_of(said: Sequence[Token], fields: Mapping[str, FieldReading], form: Form) -> FormField | None:
    """The field that the last words were understood as."""
    heard = (said[-1].heard,)
    ending = (field for field in form.fields if field.name in fields and fields[field.name].words[-1:] == heard)
    return next(ending, None)


def _complete(fields: Mapping[str, FieldReading], form: Form, catalogue: Catalogue) -> bool:
    sure = {name: said.value for name, said in fields.items() if said.value is not None and not said.rivals}
    known = (catalogue.knows(field.catalogue, sure[field.name]) for field in form.fields if field.name in sure)
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
