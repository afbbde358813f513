from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Command
from edge.understand.llm.tool import build_tools, tool_definition
from tests import shipped


@pytest.fixture(params=["pallet-move", "stock-count"])
def form(request: pytest.FixtureRequest) -> Form:
    return shipped.form(request.param)


@pytest.fixture
def parameters() -> dict[str, Any]:
    found: dict[str, Any] = tool_definition(shipped.form())["function"]
    schema: dict[str, Any] = found["parameters"]
    return schema


NOTHING = {"value": None, "heard": None}
HEARD = {
    "pallet_id": {"value": "742", "heard": "pallet seven four two"},
    "quantity": {"value": 12, "heard": "twelve units"},
    "dock": {"value": "B", "heard": "dock b"},
}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {**HEARD, "dock": "B"},
        {**HEARD, "dock": {"value": "B"}},
        {**HEARD, "dock": {"value": "BB", "heard": "dock b b"}},
        {**HEARD, "quantity": {"value": "12", "heard": "twelve units"}},
        {**HEARD, "quantity": {"value": 0, "heard": "zero units"}},
        {**HEARD, "colour": NOTHING},
        {**HEARD, "dock": {"value": "B", "heard": "dock b", "sure": True}},
    ],
)
def test_an_answer_that_breaks_the_form_is_invalid(answer: dict[str, Any], parameters: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(parameters).is_valid(answer)


def test_no_text_holds_a_value_that_could_come_back_as_a_record(form: Form) -> None:
    texts = [text for text in _texts(build_tools(form)) if not text.startswith("^")]
    assert texts
    assert not [text for text in texts if any(character.isdigit() for character in text)]
    assert "example" not in json.dumps(build_tools(form))


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in _texts(value)]
    return [node] if isinstance(node, str) else []


def test_every_tool_asks_for_the_words_and_for_nothing_unknown(form: Form) -> None:
    for tool in build_tools(form):
        parameters = tool["function"]["parameters"]
        assert parameters["additionalProperties"] is False
        assert parameters["required"] == list(parameters["properties"])
        fields = parameters["properties"]
        assert "heard" in fields or all("heard" in field["required"] for field in fields.values())


def test_every_command_of_the_device_can_be_asked_for(form: Form) -> None:
    tool = next(tool for tool in build_tools(form) if tool["function"]["name"] == "device_command")
    command = tool["function"]["parameters"]["properties"]["command"]
    assert command["enum"] == [str(command) for command in Command]
    assert all(f"{one}: " in command["description"] for one in Command)
