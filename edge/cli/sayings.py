"""Sayings: JSON lines in, and for each the agent's decision as a JSON line.

For a site that tries its wording before use: the text takes the way of typed input up to the decision; nothing is
recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import is_correction, is_courtesy, read_fields
from dockvoice_protocol.forms.spoken.grammar.path import EventKind
from dockvoice_protocol.forms.spoken.grammar.tokens import tokenize
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import parse_meaning
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Act, Command, FieldReading, FieldValue, Reading, Word
from dockvoice_protocol.strict_json import NotJson, NotStrict, parse_strict
from edge.agent.typed_input import LONGEST_LINE_BYTES, parse_typed
from edge.agree.decide import Rules, decide
from edge.agree.merging import read_as_answer_to, with_answer
from edge.agree.off_talk import begins_with_foreign_words, find_fields_worded_as_talk, has_only_fields, is_off_talk
from edge.agree.readings import find_differing_identifiers, values_of
from edge.cli.tables import MOODS, QUESTIONS, REASONS, reason_text
from edge.records import ClosedBy, Outcome, Reason, Verdict

_JsonLine = dict[str, Any]

_ORDERS = frozenset({Act.CANCEL, Act.YES, Act.NO, Act.COMMAND})  # What is said to the device, and not for the form.

_KEYS = ("text", "form", "language", "asked", "held")
_ALLOWED = 'allowed: one object such as {"text": "dock B"}'

_SHORTENED = 60  # Characters of what was found that a message shows.

_FORMS_KEPT = 64  # Forms of which only some fields are demanded, or there at all; each takes some milliseconds to make.

OUTCOMES = {Outcome.ACCEPT: "accept", Outcome.ASK: "ask", Outcome.REPEAT: "repeat", Outcome.IGNORE: "ignore"}
"""The outcomes that a decision about typed text can have."""


class _WrongSaying(ValueError):
    """A line that is no saying; its message says what was found, and what is allowed."""


@dataclass(frozen=True, slots=True)
class _Saying:
    """One input line: a text, with the question or entry that it responds to."""

    text: str
    rules: Rules
    asked: str | None = None  # The field that it answers the question for.
    held: Mapping[str, FieldValue] | None = None
    """The entry that was read back before, or with `asked` its known fields."""


def judge_sayings(lines: Iterable[bytes], default_rules: Rules, forms: Mapping[str, Form]) -> Iterator[_JsonLine]:
    """Judge each line's saying in order, by `default_rules` or those of its form; an invalid line gets its `error`."""
    for number, line in enumerate(lines, start=1):
        try:
            yield _decide_saying(_parse_saying(line, default_rules, forms))
        except _WrongSaying as fault:
            yield {"error": f"line {number}: {fault}"}


# ---- what is decided ----


def _decide_saying(saying: _Saying) -> _JsonLine:
    """The agent's decision about a saying."""
    rules, asked, held = saying.rules, saying.asked, saying.held
    reading = parse_typed(saying.text, rules)
    if asked is not None and (given := read_as_answer_to(asked, reading, rules)).fields:
        return _decide_answer(given, asked, saying)
    if reading.act in _ORDERS:
        return _decide_named_command(reading, held, saying)
    if held is not None and asked is None:
        return _decide_after_readback(reading, held, saying)
    if asked is not None and not reading.fields:
        # The question stands.
        return _verdict_json(
            Verdict(Outcome.ASK, (), {}, ask=asked),
            rules,
            why=["it is no answer", *_not_understood_texts(reading, saying)],
        )
    if reading.act is Act.AMEND:
        return _decide_correction(reading, saying)
    verdict = decide(reading, ClosedBy.PAUSE, rules)
    return _verdict_json(verdict, rules, why=_reasons(verdict, reading, saying))


def _decide_named_command(reading: Reading, held: Mapping[str, FieldValue] | None, saying: _Saying) -> _JsonLine:
    """The decision on a command that names an entry: "delete pallet 742"; REPEAT where another was read back."""
    rules = saying.rules
    if reading.act is Act.CANCEL and held is not None and reading.fields:
        before = replace(reading, fields=_confirmed_readings(held))
        if find_differing_identifiers(before, reading, rules.identifying_fields):
            return _verdict_json(
                Verdict(Outcome.REPEAT, (), {}), rules, why=["it names another than what was read back"]
            )
    return {**_command_json(reading.command or reading.act, rules), "fields": values_of(reading)}


def _decide_answer(given: Reading, asked: str, saying: _Saying) -> _JsonLine:
    """The decision on an answer to a question; with the entry's known fields, on the whole entry."""
    rules, held = saying.rules, saying.held
    others = _confirmed_readings({name: value for name, value in (held or {}).items() if name != asked})
    if len(given.fields) > 1 and find_differing_identifiers(
        replace(given, fields=others), given, rules.identifying_fields
    ):
        verdict = decide(given, ClosedBy.PAUSE, rules)
        if verdict.outcome is not Outcome.ACCEPT:
            return _decide_to_ask("instead", given, saying)
        return _verdict_json(verdict, rules, why=_reasons(verdict, given, saying))
    if held is None:
        verdict = decide(given, ClosedBy.PAUSE, _rules_demanding(rules, frozenset({*given.fields, asked})))
        return _verdict_json(verdict, rules, why=_reasons(verdict, given, saying))
    known = {name: value for name, value in held.items() if name not in given.fields}
    before = replace(given, fields={name: one for name, one in _confirmed_readings(held).items() if name != asked})
    whole = with_answer(before, asked, given, ClosedBy.PAUSE, rules)
    # What is known already, and not said again, is no matter of this answer.
    newly_said = replace(whole, fields={name: one for name, one in whole.fields.items() if name not in known})
    open_ = replace(rules, form=_form_without(rules.form, frozenset(known)))
    verdict = decide(newly_said, ClosedBy.PAUSE, open_)
    return _verdict_json(
        replace(verdict, fields={**known, **verdict.fields}), rules, why=_reasons(verdict, given, saying)
    )


def _decide_after_readback(reading: Reading, held: Mapping[str, FieldValue], saying: _Saying) -> _JsonLine:
    """The decision on a text after a readback: a courtesy, the next entry, a correction, or talk."""
    rules = saying.rules
    if not reading.fields and (passed := _decide_courtesy_or_talk(reading, rules)) is not None:
        return passed
    if not reading.fields and reading.words:
        # The value alone is enough over an entry: "not B, D".
        fields = read_fields(reading.words, rules.form, rules.catalogue, rules.language, held=held)
        reading = replace(reading, fields=fields, act=Act.AMEND, not_understood=None) if fields else reading
    verdict = decide(replace(reading, act=Act.RECORD), ClosedBy.PAUSE, rules)
    before = replace(reading, fields=_confirmed_readings(held), not_understood=None)
    whole = rules.form.required_fields <= reading.fields.keys()
    if not reading.fields:
        doubted = "it may object to what was read back: silence records that no more"
        return _verdict_json(verdict, rules, why=[*_reasons(verdict, reading, saying), doubted])
    if whole and find_differing_identifiers(before, reading, rules.identifying_fields):
        return _verdict_json(verdict, rules, why=_reasons(verdict, reading, saying))
    takes_back = reading.act is Act.AMEND or is_correction(reading.words, rules.language)
    strange = begins_with_foreign_words(reading, rules) or not (takes_back or has_only_fields(reading, rules))
    if not whole and (strange or find_fields_worded_as_talk(reading, rules, held=held)):
        return _decide_to_ask("entry right", reading, saying)
    if not whole and not takes_back and find_differing_identifiers(before, reading, rules.identifying_fields):
        return _decide_to_ask("instead", reading, saying)
    return _decide_correction(reading, saying)


def _decide_courtesy_or_talk(reading: Reading, rules: Rules) -> _JsonLine | None:
    """The decision on a courtesy or on off-talk; None for a possible objection to the entry."""
    if is_courtesy(reading.words, rules.language):
        return _command_json(Act.YES, rules)
    if is_off_talk(reading, rules):
        return _verdict_json(
            Verdict(Outcome.IGNORE, (), {}), rules, why=["said to somebody else: what was read back stands"]
        )
    return None


def _decide_correction(reading: Reading, saying: _Saying) -> _JsonLine:
    """The decision on a correction, judged by the fields that it names."""
    rules, said = saying.rules, replace(reading, act=Act.RECORD)
    verdict = decide(said, ClosedBy.PAUSE, _rules_demanding(rules, frozenset(said.fields)))
    return {**_verdict_json(verdict, rules, why=_reasons(verdict, reading, saying)), "act": str(Act.AMEND)}


def _command_json(command: Act | Command, rules: Rules) -> _JsonLine:
    return _verdict_json(Verdict(Outcome.HEED, (), {}), rules, command=str(command), why=[REASONS[Reason.COMMAND]])


def _decide_to_ask(question: str, reading: Reading, saying: _Saying) -> _JsonLine:
    """The decision on the answer to a question about no single field."""
    why = [f"to be asked: {QUESTIONS[question]}", *_not_understood_texts(reading, saying)]
    return _verdict_json(Verdict(Outcome.ASK, (), {}), saying.rules, why=why)


def _rules_demanding(rules: Rules, names: frozenset[str]) -> Rules:
    """The rules with only these fields required."""
    return replace(rules, form=_form_demanding(rules.form, names))


@lru_cache(maxsize=_FORMS_KEPT)
def _form_demanding(form: Form, names: frozenset[str]) -> Form:
    return replace(form, fields=tuple(replace(one, required=one.required and one.name in names) for one in form.fields))


@lru_cache(maxsize=_FORMS_KEPT)
def _form_without(form: Form, names: frozenset[str]) -> Form:
    return replace(form, fields=tuple(one for one in form.fields if one.name not in names))


def _confirmed_readings(held: Mapping[str, FieldValue]) -> dict[str, FieldReading]:
    """Readings of fields that the operator heard and did not object to."""
    return {name: FieldReading(value, (), 1.0) for name, value in held.items()}


# ---- how it is reported ----


def _verdict_json(verdict: Verdict, rules: Rules, *, why: list[str], command: str | None = None) -> _JsonLine:
    names = [field.name for field in rules.form.fields]
    return {
        "outcome": OUTCOMES.get(verdict.outcome, "command"),
        "fields": {name: verdict.fields[name] for name in names if name in verdict.fields},
        "ask": verdict.ask,
        "candidates": list(verdict.candidates),
        "command": command,
        "why": why,
    }


def _reasons(verdict: Verdict, reading: Reading, saying: _Saying) -> list[str]:
    labels = {field.name: field.labels[0] if field.labels else field.name for field in saying.rules.form.fields}
    return [*(reason_text(str(reason), labels) for reason in verdict.reasons), *_not_understood_texts(reading, saying)]


def _not_understood_texts(reading: Reading, saying: _Saying) -> Iterator[str]:
    """What was not understood: the reason for no record, and the unexplained words."""
    if not reading.words:
        return
    rules, asked, held = saying.rules, saying.asked, saying.held
    meaning = parse_meaning(reading.words, rules.form, rules.catalogue, rules.language, asked=asked, held=held)
    if meaning.no_record_reason is not None:
        yield MOODS.get(meaning.no_record_reason, meaning.no_record_reason)
    if not meaning.paths:
        return
    for kind, what in ((EventKind.UNMATCHED, "nothing explains"), (EventKind.NUMBER, "belongs to nothing")):
        spans = [(one.start, one.end) for one in meaning.paths[0].events if one.kind is kind]
        if texts := _words_of_spans(reading.words, rules, spans):
            yield f"{what}: {', '.join(texts)}"


def _words_of_spans(words: tuple[Word, ...], rules: Rules, spans: Iterable[tuple[int, int]]) -> list[str]:
    """The words of token spans; adjacent ones joined."""
    tokens = tokenize(words, rules.language)
    texts: list[str] = []
    last = None
    for start, end in spans:
        text = " ".join(dict.fromkeys(token.surface for token in tokens[start:end]))
        texts = [*texts[:-1], f"{texts[-1]} {text}"] if start == last else [*texts, text]
        last = end
    return texts


# ---- what a line may hold ----


def _parse_saying(line: bytes, usual: Rules, forms: Mapping[str, Form]) -> _Saying:
    try:
        found = parse_strict(line)
    except NotStrict as fault:
        where = f": {fault.what}, column {fault.column}" if isinstance(fault, NotJson) else ""
        raise _WrongSaying(f"{fault}{where}; {_ALLOWED}") from None
    if not isinstance(found, dict):
        raise _WrongSaying(f"found {_shortened(found)}, {_ALLOWED}")
    if strange := [key for key in found if key not in _KEYS]:
        raise _WrongSaying(f"found the key {_shortened(strange[0])}, allowed: {', '.join(_KEYS)}")
    text = found.get("text")
    if not isinstance(text, str):
        raise _WrongSaying(
            f"text: found {_shortened(text) if 'text' in found else 'none'}, allowed: what was said, a string"
        )
    if (size := len(text.encode())) > LONGEST_LINE_BYTES:
        raise _WrongSaying(f"text: found {size} bytes, allowed: {LONGEST_LINE_BYTES}")
    form = _find_form(found.get("form"), usual.form, forms)
    rules = replace(usual, form=form, language=_find_language(found.get("language"), usual))
    names = [field.name for field in form.fields]
    asked = found.get("asked")
    if asked is not None and asked not in names:
        raise _WrongSaying(f"asked: found {_shortened(asked)}, allowed: {', '.join(names)}, or null")
    return _Saying(text, rules, asked, _parse_held(found.get("held"), form))


def _find_form(name: object, usual: Form, forms: Mapping[str, Form]) -> Form:
    if name is None:
        return usual
    if not isinstance(name, str) or name not in forms:
        raise _WrongSaying(f"form: found {_shortened(name)}, allowed: {', '.join(sorted(forms))}")
    return usual if name == usual.name else forms[name]


def _find_language(tag: object, usual: Rules) -> Any:
    if tag is None:
        return usual.language
    try:
        return language_named(tag if isinstance(tag, str) else "")
    except ValueError:
        allowed = f"{', '.join(LANGUAGES)}, or a tag such as de-AT"
        raise _WrongSaying(f"language: found {_shortened(tag)}, allowed: {allowed}") from None


def _parse_held(found: object, form: Form) -> Mapping[str, FieldValue] | None:
    if found is None:
        return None
    names = [field.name for field in form.fields]
    if not isinstance(found, dict):
        raise _WrongSaying(f"held: found {_shortened(found)}, allowed: an object of fields and values, or null")
    held: dict[str, FieldValue] = {}
    for name, value in found.items():
        if name not in names:
            raise _WrongSaying(f"held: found the field {_shortened(name)}, allowed: {', '.join(names)}")
        one = tuple(value) if isinstance(value, list) else value
        if not form[name].has_type(one):
            raise _WrongSaying(
                f"held: {name}: found {_shortened(value)}, allowed: a value of the type {form[name].kind}"
            )
        held[name] = one
    return held


def _shortened(found: object) -> str:
    text = repr(found)
    return text if len(text) <= _SHORTENED else f"{text[:_SHORTENED]}..."
