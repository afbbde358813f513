"""The tools that a model calls, one for each act of an operator, and the readings made from its calls. Pure.

The format is OpenAI's function tool, which other providers' wires translate. No text here may contain an example
record: models return it for noise.

A model returns a value and the words that it heard. Our own parser reads the words, digit by digit, and its result is
the value; the model's value is only compared with it. So a model cannot invent an identifier without inventing its
words too, and a wrong type ("0742" as 742) has no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.records import Act, Command, FieldReading, FieldValue, NotUnderstoodReason, Reading, Word
from edge.understand.llm.wire import InvalidAnswer, ToolCall
from edge.understand.remote.failures import AnswerFault
from edge.understand.stt.transcriber import spread_words

_AMEND = "amend_entry"
_CANCEL = "cancel_entry"
_ANSWER = "answer"
_COMMAND = "device_command"
_NOT_UNDERSTOOD = "not_understood"

_YES, _NO = "yes", "no"  # What `answer` may hold.

_COMMANDS = {command: command.meaning for command in Command}

_REASONS = {
    NotUnderstoodReason.NO_WORDS: "there is sound, but no word can be made out",
    NotUnderstoodReason.NOT_DICTATION: "there are words, but they name no field of the form",
}


def tool_definition(form: Form) -> dict[str, Any]:
    """The form as a function tool: each field has a nullable value, and the words heard for it."""
    return _function_tool(
        f"record_{form.name.replace('-', '_')}",  # function names allow only letters, digits, `_` and `-`
        f"Write down what the operator dictated for the form '{form.title}'. {form.description} Give only what was "
        "said: a field that was not said, or not clearly, has the value null. Never guess, complete or correct.",
        {field.name: _field_schema(field) for field in form.fields},
    )


def build_tools(form: Form) -> list[dict[str, Any]]:
    """All tools that are sent with an utterance for the form."""
    words_schema = {"type": "string", "description": "The words that say so, as they were spoken."}
    answer = {"type": "string", "enum": [_YES, _NO], "description": "What the operator answered."}
    return [
        tool_definition(form),
        _function_tool(
            _AMEND,
            "Correct fields of the entry at hand, or of the last one. Give only what was said just now: every field "
            "that is not corrected has the value null.",
            {field.name: _field_schema(field) for field in form.fields},
        ),
        _function_tool(_CANCEL, "Take back the entry at hand, or the last one.", {"heard": words_schema}),
        _function_tool(
            _ANSWER, "The operator answered the device's question.", {"answer": answer, "heard": words_schema}
        ),
        _function_tool(
            _COMMAND,
            "The operator asked something of the device.",
            {"command": _enum(_COMMANDS), "heard": words_schema},
        ),
        not_understood_tool(),
    ]


def not_understood_tool() -> dict[str, Any]:
    """The tool for noise, silence, and talk that is no dictation."""
    words_schema = {
        "type": ["string", "null"],
        "description": "The words that were heard all the same; null if none were.",
    }
    what = "Call this, and nothing else, where the recording holds no dictation."
    return _function_tool(_NOT_UNDERSTOOD, what, {"reason": _enum(_REASONS), "heard": words_schema})


def _function_tool(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _enum(meanings: Mapping[Any, str]) -> dict[str, Any]:
    description = "; ".join(f"{code}: {meaning}" for code, meaning in meanings.items())
    return {"type": "string", "enum": [str(code) for code in meanings], "description": description}


def _field_schema(field: FormField) -> dict[str, Any]:
    labels = " or ".join(f"'{label}'" for label in field.labels)
    words_schema = {
        "type": ["string", "null"],
        "description": f"The words heard for it, as they were said, after {labels}; null if none were.",
    }
    return {
        "type": "object",
        "description": field.description,
        "properties": {"value": _value_schema(field), "heard": words_schema},
        "required": ["value", "heard"],
        "additionalProperties": False,
    }


def _value_schema(field: FormField) -> dict[str, Any]:
    annotation = {"description": f"{field.title}; null if it was not said."}
    if field.many is None:
        choices = {"enum": [*field.choices, None]} if field.choices else {}
        return {"type": [field.kind, "null"], **annotation, **choices, **_limits_schema(field)}
    items = {"type": "string", **_limits_schema(field.item_field)}
    return {"type": ["array", "null"], **annotation, "items": items, "maxItems": field.many.stop - 1}


def _limits_schema(field: FormField) -> dict[str, Any]:
    lower, upper = ("minLength", "maxLength") if field.kind == "string" else ("minimum", "maximum")
    limits = {lower: field.least, upper: field.most, "pattern": field.pattern, "format": field.spoken.format}
    return {keyword: limit for keyword, limit in limits.items() if limit is not None}


_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")  # A number as a model may write it as a string.

_LONGEST_WORDS = 600  # Limit of characters of the words for one field: half a minute of fast speech.


@dataclass(frozen=True, slots=True)
class CallContext:
    """The parameters for reading a model's call."""

    interpreter: str
    form: Form
    catalogue: Catalogue
    language: str
    confidence: float  # Confidence of a field that only the model has read, 0 to 1; models return none.


def to_reading(call: ToolCall, call_context: CallContext, seconds: float) -> Reading:
    """Convert a tool call for sound of `seconds` length to a reading. Raises InvalidAnswer."""
    if call.tool == _NOT_UNDERSTOOD:
        return _declined_reading(call, call_context, seconds)
    if call.tool == _CANCEL:
        return _act_reading(Act.CANCEL, call, call_context, seconds)
    if call.tool == _ANSWER:
        act = Act.YES if _parse_choice(call, "answer", (_YES, _NO)) == _YES else Act.NO
        return _act_reading(act, call, call_context, seconds)
    if call.tool == _COMMAND:
        command = Command(_parse_choice(call, "command", tuple(Command)))
        return _act_reading(Act.COMMAND, call, call_context, seconds, command)
    return _dictated_reading(Act.AMEND if call.tool == _AMEND else Act.RECORD, call, call_context, seconds)


def claimed_words(call: ToolCall) -> Iterator[str]:
    """Yield the words that a tool call claims to have heard."""
    for one in (call.arguments, *call.arguments.values()):
        if isinstance(one, Mapping):
            yield from _to_texts(one.get("heard"))


def _dictated_reading(act: Act, call: ToolCall, call_context: CallContext, seconds: float) -> Reading:
    claims = {field.name: _parse_claim(call.arguments.get(field.name)) for field in call_context.form.fields}
    fields = {
        name: _check_claim(value, words, call_context.form[name], call_context)
        for name, (value, words) in claims.items()
        if value is not None or words
    }
    # A sentence that a model repeats for each field was heard once.
    said = " ".join(dict.fromkeys(words for _, words in claims.values() if words))
    nothing = None if fields else NotUnderstoodReason.NOT_DICTATION
    return Reading(
        call_context.interpreter, call_context.form.name, _to_words(said, call_context, seconds), fields, nothing, act
    )


def _parse_claim(given: Any) -> tuple[Any, str]:
    """A field's value and its words; a bare value has no words, and is rejected later."""
    if isinstance(given, list):
        raise InvalidAnswer(AnswerFault.WRONG_SHAPE, "a field that is a list")
    if not isinstance(given, Mapping):
        return given, ""
    if not {"value", "heard"} & given.keys():
        raise InvalidAnswer(AnswerFault.WRONG_SHAPE, "a field that has neither value nor words")
    return given.get("value"), _join_words(given.get("heard"))


def _check_claim(given: Any, words: str, field: FormField, call_context: CallContext) -> FieldReading:
    spoken_words = tuple(_split_plain_words(words))
    meant = _parse_words(words, field, call_context) if words else None
    if given is None or meant is None or meant.value is None or not _equals(given, meant.value, field):
        return FieldReading(None, spoken_words, call_context.confidence)
    return FieldReading(meant.value, spoken_words, call_context.confidence, meant.rivals)


def _parse_words(words: str, field: FormField, call_context: CallContext) -> FieldReading | None:
    """Parse the words for the field: as they are, else preceded by its label, which models omit."""
    label = next(iter(field.wording(call_context.language[:2]).labels), "")
    for text in (words, f"{label} {words}"):
        found = read_transcript(text, call_context.form, call_context.catalogue, call_context.language).get(field.name)
        if found is not None and (found.value is not None or found.rivals):
            return found
    return None


def _equals(given: Any, meant: FieldValue, field: FormField) -> bool:
    """Whether the model's value equals the parsed one: types may differ, digits may not."""
    if isinstance(meant, tuple):
        given_items = given if isinstance(given, list) else []
        return len(given_items) == len(meant) and all(
            _equals(*pair, field.item_field) for pair in zip(given_items, meant, strict=True)
        )
    if isinstance(given, bool) or isinstance(meant, bool):
        return given is meant
    return _is_same_text(given, meant, field) if isinstance(meant, str) else _is_same_number(given, meant)


def _is_same_number(given: Any, meant: float) -> bool:
    if isinstance(given, str):
        return _NUMBER.fullmatch(given.strip()) is not None and float(given) == meant
    return isinstance(given, int | float) and given == meant


def _is_same_text(given: Any, meant: str, field: FormField) -> bool:
    match given:
        case int():  # a number loses leading zeros; the words have them
            return re.fullmatch("[0-9]+", meant) is not None and given == int(meant)
        case str():
            plain, wanted = (re.sub(r"[\s-]", "", text).upper() for text in (given, meant))
            shortened = field.last_digits is not None and len(plain) == field.last_digits
            return plain == wanted or (shortened and wanted.endswith(plain))
        case _:
            return False


def _act_reading(
    act: Act, call: ToolCall, call_context: CallContext, seconds: float, command: Command | None = None
) -> Reading:
    words = _to_words(_join_words(call.arguments.get("heard")), call_context, seconds)
    if not words:
        raise InvalidAnswer(AnswerFault.NOTHING_HEARD, "an act without the words for it")
    return Reading(call_context.interpreter, call_context.form.name, words, {}, act=act, command=command)


def _declined_reading(call: ToolCall, call_context: CallContext, seconds: float) -> Reading:
    """The reading of a declining call: silence only for "no words" without words, else not dictation."""
    said = _join_words(call.arguments.get("heard"))
    silent = call.arguments.get("reason") == NotUnderstoodReason.NO_WORDS and not said
    reason = NotUnderstoodReason.NO_WORDS if silent else NotUnderstoodReason.NOT_DICTATION
    return Reading(call_context.interpreter, call_context.form.name, _to_words(said, call_context, seconds), {}, reason)


def _parse_choice(call: ToolCall, key: str, allowed: tuple[str, ...]) -> str:
    given = call.arguments.get(key)
    if not isinstance(given, str) or given not in allowed:
        raise InvalidAnswer(AnswerFault.WRONG_SHAPE, f"{key!r} is none of those offered")
    return given


def _join_words(given: Any) -> str:
    return " ".join(_to_texts(given)).strip()


def _to_texts(given: Any) -> list[str]:
    """A text, or a list of texts; null is an empty list. Raises InvalidAnswer."""
    texts = given if isinstance(given, list) else [] if given is None else [given]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidAnswer(AnswerFault.WRONG_SHAPE, "words that are no text")
    if sum(map(len, texts)) > _LONGEST_WORDS:
        raise InvalidAnswer(AnswerFault.TOO_LARGE, "more words than can be said")
    return texts


def _to_words(said: str, call_context: CallContext, seconds: float) -> tuple[Word, ...]:
    texts = _split_plain_words(said)
    return spread_words(texts, [call_context.confidence] * len(texts), seconds)


def _split_plain_words(words: str) -> list[str]:
    """Lower-case words without punctuation around them, as a recogniser writes them."""
    printed = "".join(letter for letter in words.lower() if letter.isprintable() or letter.isspace())
    return [plain for word in printed.split() if (plain := word.strip(".,;:!?\"'()[]{}<>*#"))]
