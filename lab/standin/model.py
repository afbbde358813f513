"""The stand-in's language model: answers a transcript with one of the offered tools, by the forms' grammar.

An unrecognised field is null, silence is `not_understood`, and the arguments follow the tool's schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import parse_command, read_transcript
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Word
from lab.standin.hearing import VocabularyCorrector
from lab.standin.tool_form import derive_form, unwrap_value_schema

_CORRECTION = re.compile(r"^(no|sorry|correction|i mean|make (it|that)|change|actually)\b")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call."""

    name: str
    schema: Mapping[str, Any]  # JSON Schema of its arguments.


@dataclass(frozen=True, slots=True)
class Call:
    """A function call with arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer: calls, text, or nothing."""

    calls: tuple[Call, ...] = ()
    text: str | None = None
    form: Form | None = None  # The form that the call fills, if it records.
    broken: str | None = None  # Invalid JSON to send in place of the arguments.

    @property
    def readback(self) -> str:
        """The record in words; empty if nothing is recorded."""
        if self.form is None:
            return ""
        values = {field.name: argument_value(self.calls[0].arguments.get(field.name)) for field in self.form.fields}
        return self.form.readback({name: value for name, value in values.items() if value is not None})


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """Parses transcripts by the known forms and catalogues."""

    forms: Mapping[str, Form]
    catalogue: Catalogue
    _correctors: dict[Form, VocabularyCorrector] = field(default_factory=dict, repr=False)
    """Corrector by form, created on first use."""

    def answer(self, text: str, tools: Sequence[Tool], *, must_call: bool) -> Answer:
        """Choose the tool call, or the text, that answers the transcript."""
        offered = {tool.name: tool for tool in tools}
        plain = " ".join(re.findall(r"[\w']+", text.lower()))
        if plain and (call := _spoken_act(plain, offered)):
            return Answer((call,))
        recording = [tool for tool in tools if self.known_or_derived_form(tool)]
        for tool in recording:
            if plain and (fields := self._read_fields(text, tool)):
                return self._call_with_record(tool, fields, plain, offered)
        if refusing := offered.get("not_understood"):
            reason = "not_dictation" if plain else "no_words"
            return Answer((Call(refusing.name, build_arguments(refusing.schema, {}, plain, [reason])),))
        if must_call and recording:
            return Answer((Call(recording[0].name, build_arguments(recording[0].schema, {}, plain, [])),))
        return Answer(text=f"I heard: {text}" if text else "I could not hear any words in the recording.")

    def known_or_derived_form(self, tool: Tool) -> Form | None:
        """The form that a tool fills: the known one of its name, else one derived from its schema."""
        if not tool.name.startswith(("record", "log", "add", "enter", "save")):
            return None
        name = tool.name.removeprefix("record_").replace("_", "-")
        known = self.forms.get(name)
        same = known and {field.name for field in known.fields} <= set(tool.schema.get("properties", {}))
        return known if same else derive_form(tool.name, tool.schema)

    def _read_fields(self, text: str, tool: Tool) -> Mapping[str, FieldReading]:
        """The reading of each field of the tool's form."""
        form = self.known_or_derived_form(tool)
        if form is None:
            return {}
        if form not in self._correctors:
            self._correctors[form] = VocabularyCorrector(form, self.catalogue)
        return read_transcript(self._correctors[form].correct(text), form, self.catalogue)

    def _call_with_record(
        self, tool: Tool, fields: Mapping[str, FieldReading], plain: str, offered: Mapping[str, Tool]
    ) -> Answer:
        amending = offered.get("amend_entry") if _CORRECTION.match(plain) else None
        chosen = amending or tool
        return Answer(
            (Call(chosen.name, build_arguments(chosen.schema, fields, plain, [])),),
            form=self.known_or_derived_form(tool),
        )


_TOOLS = {Act.CANCEL: "cancel_entry", Act.YES: "answer", Act.NO: "answer", Act.COMMAND: "device_command"}
"""Name of the tool that takes each act."""


def _spoken_act(plain: str, offered: Mapping[str, Tool]) -> Call | None:
    """The call for an utterance other than dictation: cancellation, yes or no, a device command; else None."""
    command = parse_command([Word(word, 0, 0, 1) for word in plain.split()])
    if command is None or (tool := offered.get(_TOOLS[command.act])) is None:
        return None
    return Call(tool.name, build_arguments(tool.schema, {}, plain, [command.command or command.act]))


def build_arguments(
    schema: Mapping[str, Any], fields: Mapping[str, FieldReading], text: str, choices: Sequence[str]
) -> dict[str, Any]:
    """Build a call's arguments for a schema: field values where they belong, `choices` for a list."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    return {name: _build_argument(name, described, fields, text, choices) for name, described in properties.items()}


def _build_argument(
    name: str, schema: Mapping[str, Any], fields: Mapping[str, FieldReading], text: str, choices: Sequence[str]
) -> Any:
    reading = fields.get(name)
    if "value" in schema.get("properties", {}):
        words = " ".join(reading.words) if reading else None
        return {"value": _unrivalled_value(reading), "heard": words or None}
    if "properties" in schema:
        return build_arguments(schema, fields, text, choices)
    if reading:
        return _unrivalled_value(reading)
    return _choose_enum_value(name, schema, text, choices)


def _choose_enum_value(name: str, schema: Mapping[str, Any], text: str, choices: Sequence[str]) -> Any:
    allowed = [choice for choice in unwrap_value_schema(schema).get("enum", ()) if choice is not None]
    kinds = str(schema.get("type", "")).lower()
    if allowed:
        return next((choice for choice in choices if choice in allowed), None)
    if "boolean" in kinds and choices:
        return choices[0] == "yes"
    return text if name in {"heard", "words", "transcript", "said"} and text else None


def argument_value(argument: Any) -> FieldValue | None:
    """The value of an argument, bare or wrapped with its evidence, unchecked; None where there is none."""
    value: FieldValue | None = argument.get("value") if isinstance(argument, Mapping) else argument
    return value


def _unrivalled_value(reading: FieldReading | None) -> FieldValue | None:
    return reading.value if reading and not reading.rivals else None
