from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Misconfigured
from inventory.forms import Form, Forms, find_faults, load_forms
from inventory.ingest.validation import DeadLetterMessage, InvalidMessage, Validated, ValidMessage, validate
from tests.dictated import amended, cancelled, identity, payload, recorded
from tests.rows import each_of

TOPIC = "dockvoice/north/dock-3/entries"


@pytest.fixture(scope="module")
def forms(repository: Path) -> Forms:
    return load_forms(repository / "schemas" / "forms")


@pytest.fixture
def judged(forms: Forms) -> Callable[..., Validated]:
    return lambda message, topic=TOPIC: validate(
        message if isinstance(message, bytes) else payload(message), topic, "dockvoice", forms
    )


Ask = Callable[..., Validated]


def test_a_recorded_entry_is_sound(judged: Ask) -> None:
    found = judged(recorded(17))
    assert isinstance(found, ValidMessage)
    assert (found.event.event_id, found.event.site, found.event.device) == (identity(1, 17), "north", "dock-3")
    assert (found.event.sequence, found.event.utterance_id) == (17, identity(2, 17))
    assert found.event.fields == {"pallet_id": "0742", "quantity": 12, "dock": "B"}
    assert found.event.body == payload(recorded(17))


def test_an_integer_written_with_a_point_is_an_integer(judged: Ask) -> None:
    found = judged(recorded(1, quantity=12.0))
    assert isinstance(found, ValidMessage)
    assert found.event.fields is not None
    assert str(found.event.fields["quantity"]) == "12"


CYCLE = {"location": "A-12-03", "quantity": 4, "uom": "CS", "condition": "wet"}


@pytest.fixture(scope="module")
def cycle(repository: Path) -> Form:
    return load_forms(repository / "tests" / "data" / "forms")["cycle-count"]


@each_of(
    ("fields", "told"),
    [
        ({"weight": 2.55}, "/weight: breaks multipleOf 0.1"),
        ({"weight": True}, "/weight: breaks type number"),
        ({"weight": "2.5"}, "/weight: breaks type number"),
        ({"weight": 2500.1}, "/weight: breaks maximum 2500"),
        ({"expiry": "2027-02-30"}, "/expiry: breaks format date"),
        ({"expiry": "20270228"}, "/expiry: breaks format date"),
        ({"sealed": 1}, "/sealed: breaks type boolean"),
        ({"serials": []}, "/serials: breaks minItems 1"),
        ({"serials": ["A1234", "A1234"]}, "/serials: breaks uniqueItems"),
        ({"serials": ["A12"]}, "/serials/0: breaks pattern ^[A-Z][0-9]{4}$"),
        ({"uom": "PL"}, "/uom: breaks enum"),
        ({"location": "A1203"}, "/location: breaks pattern"),
    ],
)
def test_a_value_of_another_kind_that_breaks_its_form_is_told(fields: dict[str, Any], told: str, cycle: Form) -> None:
    (fault,) = find_faults(cycle, CYCLE | fields)
    assert fault.startswith(told)


def test_every_tenth_is_a_multiple_of_a_tenth(cycle: Form) -> None:
    assert all(find_faults(cycle, CYCLE | {"weight": number / 10}) == () for number in range(0, 25_001, 71))


@each_of(
    ("change", "reason"),
    [
        (lambda event: _fields(event).update(quantity=0), "invalid:/quantity: breaks minimum 1"),
        (lambda event: _fields(event).update(quantity="12"), "invalid:/quantity: breaks type integer"),
        (lambda event: _fields(event).update(pallet_id=742), "invalid:/pallet_id: breaks type string"),
        (lambda event: _fields(event).update(pallet_id="74Z"), "invalid:/pallet_id: breaks pattern ^[0-9]{2,18}$"),
        (lambda event: _fields(event).update(colour="red"), "invalid:/: breaks additionalProperties False"),
        (lambda event: _fields(event).pop("dock"), "invalid:/: 'dock' is a required property"),
        (lambda event: event["data"].update(form="goods-in"), "unknown_form:goods-in"),
        (lambda event: event.update(time="2026-02-30T00:00:00Z"), "malformed:/time: is no moment of the calendar"),
        (lambda event: event["data"].pop("utterance"), "malformed:/data: 'utterance' is a required property"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_place_and_the_rule(
    judged: Ask, change: Callable[[Any], object], reason: str
) -> None:
    message = recorded(9)
    change(message)
    message["subject"] = message["data"]["form"]
    found = judged(message)
    assert isinstance(found, InvalidMessage)
    assert (found.event.event_id, found.event.sequence, found.event.reasons) == (identity(1, 9), 9, (reason,))


def _fields(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = event["data"]["fields"]
    return found


def test_every_fault_is_told_and_no_value_is(judged: Ask) -> None:
    found = judged(recorded(1, quantity=-5, dock="the secret dock"))
    assert isinstance(found, InvalidMessage)
    assert len(found.event.reasons) == 2
    assert "secret" not in str(found)


def test_the_event_of_another_device_is_refused_to_the_one_that_sent_it(judged: Ask) -> None:
    found = judged(recorded(1), "dockvoice/north/dock-4/entries")
    assert isinstance(found, InvalidMessage)
    assert found.event.reasons == ("wrong_source",)
    assert found.sender.receipts == "dockvoice/north/dock-4/receipts"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"[]",
        b"17",
        b"{}",
        b"[" * 100_000,
        json.dumps({"id": identity(1, 1)}).encode(),
        json.dumps({"id": 17, "sequence": "1"}).encode(),
        json.dumps({"id": "no uuid", "sequence": "1"}).encode(),
        json.dumps({"id": identity(1, 1), "sequence": "0"}).encode(),
        json.dumps({"id": identity(1, 1) + "\n", "sequence": "1"}).encode(),
        json.dumps({"id": identity(1, 1), "sequence": "1\n"}).encode(),
        json.dumps({"id": identity(1, 1), "sequence": 1}).encode(),
    ],
    ids=lambda message: message[:30].decode(errors="replace"),
)
def test_what_names_no_event_cannot_be_answered(judged: Ask, message: bytes) -> None:
    assert isinstance(judged(message), DeadLetterMessage)


@pytest.mark.parametrize(
    "topic",
    ["elsewhere/north/dock-3/entries", "dockvoice/entries", "dockvoice/a/b/c/entries"]
    + [f"dockvoice/north/{name}/entries" for name in ("", " ", "..", "é", "a b", "a\u202eb", "dock-3\n", "a" * 5000)],
    ids=lambda topic: repr(topic)[:40],
)
def test_what_comes_from_no_device_cannot_be_answered(judged: Ask, topic: str) -> None:
    found = judged(recorded(1), topic)
    assert isinstance(found, DeadLetterMessage)
    assert len(found.reason) < 250


@pytest.mark.parametrize("tail", ["\n", "\r\n", "\x1b[31m", "\u202e", "\u2066", "\x00", "\x9b", "\u2028"], ids=ascii)
@pytest.mark.parametrize("where", ["id", "sequence", "source", "time", "operator", "pallet_id", "dock", "interpreter"])
def test_no_control_character_passes(judged: Ask, where: str, tail: str) -> None:
    """The end of a text is where it ends: before a line break that ends it is none."""
    message = recorded(1)
    data = message["data"]
    for part in (message, data, data["fields"], data["reading"]):
        if where in part:
            part[where] += tail
    assert not isinstance(judged(message), ValidMessage)


@each_of("levels", [33, 300, 900])
@each_of("where", ["reading", "further"])
def test_what_is_nested_too_deeply_is_refused_wherever_it_stands(judged: Ask, levels: int, where: str) -> None:
    """A schema lets further members stand, which hold anything; and not every reader of them goes as deep."""
    event = recorded(1)
    event["data"][where] = nested(levels)
    found = judged(event)
    assert isinstance(found, InvalidMessage)
    assert found.event.reasons == ("malformed:message: is nested too deeply; 32 levels are the most",)


@each_of("number", [2**53, -(10**400), 1e308])
@each_of("where", ["audio_seconds", "further"])
def test_a_number_beyond_all_that_is_counted_is_refused_wherever_it_stands(
    judged: Ask, number: float, where: str
) -> None:
    event = recorded(1)
    event["data"]["utterance"][where] = number
    found = judged(event)
    assert isinstance(found, InvalidMessage)
    assert found.event.reasons == ("malformed:message: holds a number too large, or is nested too deeply",)


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


@each_of("given", [[], {}, ["x"], identity(1, 1), None])
@each_of(
    ("event", "member"),
    [(recorded(2), "amends"), (recorded(2), "cancels"), (amended(2, 1), "cancels"), (cancelled(2, 1), "amends")],
)
def test_what_names_another_event_stands_in_no_event_but_its_own(
    judged: Ask, event: dict[str, Any], member: str, given: Any
) -> None:
    """No schema looks at it there, and each reader would make something else of it."""
    odd = {**event, "data": event["data"] | {member: given}}
    found = judged(odd)
    assert isinstance(found, InvalidMessage)
    assert found.event.reasons == (f"malformed:/data/{member}: belongs to no event of this type",)


def test_an_operator_with_a_thousand_letters_is_no_operator(judged: Ask) -> None:
    message = recorded(1)
    message["data"]["operator"] = "o" * 1001
    assert isinstance(judged(message), InvalidMessage)


def test_a_message_beyond_the_limit_is_put_aside_unread(judged: Ask) -> None:
    found = judged(b" " * 256_000 + payload(recorded(1)))
    assert isinstance(found, DeadLetterMessage)
    assert "allowed are 256,000 (message_kb)" in found.reason


@each_of(
    ("content", "told"),
    [
        ('{"type": "thing"}', r"goods-in\.schema\.json: is not a JSON Schema 2020-12"),
        ("{", r"goods-in\.schema\.json: is not JSON"),
        (
            '{"properties": {"bay": {"type": "string", "x-voice": {"role": "dok"}}}}',
            r"goods-in\.schema\.json: #/properties/bay/x-voice/role: found 'dok'",
        ),
    ],
)
def test_a_file_that_is_no_form_is_named(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "goods-in.schema.json").write_text(content)
    with pytest.raises(Misconfigured, match=told):
        load_forms(tmp_path)


def test_a_directory_without_forms_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="holds no form"):
        load_forms(tmp_path)


def test_a_new_form_needs_only_its_file(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"dock": {"type": "string"}}, "required": ["dock"], "x-voice": {}}
    (tmp_path / "gate-check.schema.json").write_text(json.dumps(schema))
    message = recorded(1)
    message["data"] |= {"form": "gate-check", "fields": {"dock": "B"}}
    assert isinstance(validate(payload(message), TOPIC, "dockvoice", load_forms(tmp_path)), ValidMessage)
