"""The language of a form as a JSGF grammar, for recognisers that take one (pocketsphinx).

The grammar is looser than the reader: it may let words pass that make no value, and the reader then asks. It is
written in the JSpeech Grammar Format 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form, FormField
from dockvoice_protocol.forms.spoken.grammar.lexicon import listed
from dockvoice_protocol.forms.spoken.in_words import ONES, TEENS, TENS
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.language import ENGLISH, LETTERS, NATO
from dockvoice_protocol.forms.spoken.sentences import BEFORE_COUNT, BEFORE_PLACE, CLOSINGS, CUES, OPENINGS
from dockvoice_protocol.forms.spoken.vocabulary import DIGITS, check

NUMBERS = {
    "digit": " | ".join(word for word in DIGITS if word not in {"o", "niner"}),
    "one": " | ".join(ONES),
    "teen": " | ".join(TEENS),
    "ten": " | ".join(TENS),
    "pair": "<teen> | <ten> [<one>]",
    "group": "/0.8/ <digit> | /0.1/ (double | triple) <digit> | /0.1/ <pair>",
    "below": "<one> | <pair>",
    "hundreds": "(a | <below>) hundred [[and] <below>]",
    "count": "<below> | <hundreds> | <below> thousand [[and] (<below> | <hundreds>)]",
}
"""Rules that hold for every form; a pair of digits said as a number is rarer than digits said singly."""

REPLIES = ("command", "answer", "exception", "check")
"""Rules of what is said besides sentences."""


def jsgf(form: Form, catalogue: Catalogue, commands: Sequence[str] = ()) -> str:
    """The grammar of one form, ready to be given to a decoder.

    With `commands`, which are said by themselves, it has what else is said when the device answers: values without
    their labels, exceptions, check digits. Raises Misconfigured where the form or its catalogue holds a value that
    cannot be said.
    """
    check(form, catalogue)
    name = form.name.replace("-", "_")
    rules = {**NUMBERS, "cue": _either(CUES)}
    for field in form.fields:
        rules |= kind_of(field).rules()
        rules |= {} if field.spoken.by_unit else _field_rules(field, catalogue)
    rules["mention"] = " | ".join(f"<{one.name}>" for one in form.fields if not one.spoken.by_unit)
    # One loop rather than so many mentions: each copy of the number rules would cost a decoder as much again.
    openings = (*OPENINGS, *form.openings.get(OWN_LANGUAGE, ()))
    rules["sentence"] = f"[{_either(openings)}] ([<cue>] <mention>)+ [{_either(CLOSINGS)}]"
    if commands:
        rules |= _replies(form, catalogue, commands)
    said = " | ".join(f"<{rule}>" for rule in ("sentence", *REPLIES) if rule in rules)
    lines = [f"<{rule}> = {expansion};" for rule, expansion in rules.items()]
    return "\n".join(["#JSGF V1.0;", f"grammar {name};", *lines, f"public <utterance> = {said};", ""])


def _replies(form: Form, catalogue: Catalogue, commands: Sequence[str]) -> dict[str, str]:
    """What answers a question, and what is asked of the device."""
    values = [f"<{one.name}_value>" for one in form.fields if not one.exception and not one.spoken.by_unit]
    exceptions = [choice.lower().replace("-", " ") for one in form.fields if one.exception for choice in one.choices]
    checks = {
        check
        for field in form.fields
        for value in (catalogue.values(field.catalogue) if field.catalogue else ())
        for check in catalogue.checks_of(str(field.catalogue), value)
    }
    rules = {"command": " | ".join(sorted(set(commands))), "answer": " | ".join(values)}
    if exceptions:
        rules["exception"] = " | ".join(f"{one} [{one}]" for one in exceptions)
    if checks:
        words = sorted(check for check in checks if not check.isdigit())
        rules["check"] = " | ".join([*words, *(["<digit>+"] if len(words) < len(checks) else [])])
    return rules


def _field_rules(field: FormField, catalogue: Catalogue) -> dict[str, str]:
    value = f"<{field.name}_value>"
    several = f"{value} ([and] {value})*" if field.many is not None else value
    labelled, link = f"{_either(field.labels)} {several}", f"[{_either(BEFORE_PLACE)}] "
    mention = labelled if field.identifier else link + labelled
    if field.bare or field.kind == "boolean":
        mention = f"{mention} | {value}"
    if field.units:
        units = _either([*field.units.keys(), *field.units.values()])
        mention = f"{labelled} | [{_either(BEFORE_COUNT)}] {value} {units}"
    rules = {f"{field.name}_value": _value(field, catalogue), field.name: mention}
    if field.spoken.spells:
        rules[f"{field.name}_letter"] = _letters(field, catalogue)
    return rules


def _value(field: FormField, catalogue: Catalogue) -> str:
    usual = (rule.format(field=field.name) for rule in kind_of(field).grammar)
    named = field.wording(OWN_LANGUAGE)
    return " | ".join([*sorted(listed(field, catalogue, ENGLISH)), *named.true, *named.false, *usual])


def _letters(field: FormField, catalogue: Catalogue) -> str:
    """The letters that occur in the field's known values, each with its NATO word; of numbers alone, their digits.

    The decoder takes JSGF's <VOID> for nothing said, and then hears all of the grammar wrong.
    """
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    characters = {character for value in known for character in value.lower()} or LETTERS
    possible = {letter: code for letter, code in NATO.items() if letter in characters}
    return " | ".join(f"{letter} [as in {code}] | {code}" for letter, code in possible.items()) or "<digit>"


def _either(words: Iterable[str]) -> str:
    return f"({' | '.join(word for word in words if word)})"
