from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from edge.config import Settings
from edge.understand.llm.tool import not_understood_tool, tool_definition
from lab.standin.behaviour import WrongAnswerKind
from lab.standin.fabrications import falsify_answer
from lab.standin.model import Answer, Call, SimulatedModel, Tool
from tests.rows import each_of

SPOKEN = "Hallet seven, four, two, twelve units, Doc B."
SAYS = {"pallet_id": "742", "quantity": 12, "dock": "B"}


@cache
def mind() -> SimulatedModel:
    settings = load_settings(Settings, None)
    return SimulatedModel(load_forms(settings.forms_directory), Catalogue.load(settings.catalogue_directory))


def tool(definition: dict[str, Any]) -> Tool:
    return Tool(definition["function"]["name"], definition["function"]["parameters"])


def pallet_move() -> list[Tool]:
    return [tool(tool_definition(mind().forms["pallet-move"])), tool(not_understood_tool())]


def values(call: Call) -> dict[str, Any]:
    return {name: field["value"] for name, field in call.arguments.items()}


def only(answer: Answer) -> Call:
    (call,) = answer.calls
    return call


def test_a_form_nobody_knows_is_read_from_the_tool_s_own_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "tote_number": {"type": ["string", "null"], "pattern": "^[0-9]{3}$", "description": "After 'tote'."},
            "bottles": {"type": ["integer", "null"]},
            "shift": {"type": ["string", "null"], "enum": ["early", "late", None]},
        },
    }
    call = only(
        mind().answer("Tote five one nine, bottles twenty, shift late.", [Tool("record_totes", schema)], must_call=True)
    )
    assert call.arguments == {"tote_number": "519", "bottles": 20, "shift": "late"}


ACTS = {
    "cancel_entry": {"type": "object", "properties": {"heard": {"type": "string"}}},
    "answer": {"type": "object", "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}}},
    "device_command": {
        "type": "object",
        "properties": {"command": {"type": "string", "enum": ["say_again", "louder"]}},
    },
    "amend_entry": tool_definition(mind().forms["pallet-move"])["function"]["parameters"],
}


@each_of(
    ("said", "name", "arguments"),
    [
        ("Scratch that.", "cancel_entry", {"heard": "scratch that"}),
        ("Yes, correct.", "answer", {"answer": "yes"}),
        ("No.", "answer", {"answer": "no"}),
        ("Say that again.", "device_command", {"command": "say_again"}),
    ],
)
def test_what_is_no_record_is_told_by_its_own_tool(said: str, name: str, arguments: dict[str, Any]) -> None:
    tools = [*pallet_move(), *(Tool(name, schema) for name, schema in ACTS.items())]
    assert only(mind().answer(said, tools, must_call=True)) == Call(name, arguments)


def lie(how: WrongAnswerKind, said: str = SPOKEN) -> Answer:
    honest = mind().answer(said, pallet_move(), must_call=True)
    return falsify_answer(how, honest, mind(), pallet_move(), "the prompt", Random(1))


@each_of("seed", range(20))
def test_fabricated_identifiers_are_plausible_and_were_not_said(seed: int) -> None:
    honest = mind().answer(SPOKEN, pallet_move(), must_call=True)
    call = only(falsify_answer(WrongAnswerKind.FABRICATE, honest, mind(), pallet_move(), "", Random(seed)))
    made_up = values(call)
    assert not mind().forms["pallet-move"].faults(made_up)
    assert made_up["dock"] in set(mind().catalogue.values("docks")) - {"B"}
    assert made_up["pallet_id"] != "742"
    assert len(made_up["pallet_id"]) == 3
    assert made_up["quantity"] == 12  # counts are as said: identifiers are what models make up
    assert call.arguments["pallet_id"]["heard"] == " ".join(["pallet", *made_up["pallet_id"]])


def test_each_lie_is_what_it_says() -> None:
    assert lie(WrongAnswerKind.LEAKED_PROMPT) == Answer(text="the prompt")
    assert lie(WrongAnswerKind.EMPTY) == Answer()
    assert lie(WrongAnswerKind.PROSE).text
    assert not lie(WrongAnswerKind.PROSE).calls
    assert only(lie(WrongAnswerKind.UNKNOWN_TOOL)).name not in {tool.name for tool in pallet_move()}
    assert len(lie(WrongAnswerKind.TWO_CALLS).calls) == 2
    assert set(only(lie(WrongAnswerKind.EXTRA_FIELDS)).arguments) > set(SAYS)
    assert values(only(lie(WrongAnswerKind.WRONG_TYPES))) == {"pallet_id": 742, "quantity": "12 units", "dock": ["B"]}
    broken = lie(WrongAnswerKind.NOT_JSON).broken
    assert broken is not None
    assert broken.endswith("and so on")
