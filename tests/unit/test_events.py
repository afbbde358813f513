"""Events, receipts, status and topics: what goes out, and what is refused when it comes in."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dockvoice_protocol.events import (
    WITHHELD,
    EarlyAnswer,
    MalformedMessage,
    Topics,
    make_early_answer,
    make_receipt,
    make_status,
    parse_answer,
    parse_event,
    parse_headset_order,
    schema_validator,
    to_json_bytes,
)
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import FieldReading, Reading, Receipt, ReceiptOutcome, Word
from edge.deliver.device_events import entry_event, withheld_event
from edge.records import Entry, EventIds
from tests.dictated import INSTANCE, seal
from tests.rows import each_of

EVENT_ID = "01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11"
UTTERANCE_ID = "01919f3e-7b00-7f10-8aa0-5c4d3e2f1a0b"
KEY = PublicKey(bytes(range(32)))
NOON = datetime(2026, 11, 20, 12, 0, 0, 417_900, tzinfo=UTC)


def entry(**changes: Any) -> Entry:
    reading = Reading(
        interpreter="vosk/small-en-us",
        form="pallet-move",
        words=(Word("pallet", 0.3, 0.6, 1.0),),
        fields={
            "pallet_id": FieldReading("007", ("oh", "oh", "seven"), 0.912345),
            "quantity": FieldReading(12, ("twelve",), 1.0),
        },
    )
    whole: dict[str, Any] = {
        "utterance_id": UTTERANCE_ID,
        "form": "pallet-move",
        "fields": {"pallet_id": "007", "quantity": 12},
        "operator": None,
        "recorded_at": NOON,
        "reading": reading,
        "audio_sha256": "ab" * 32,
        "audio_seconds": 3.41999,
    }
    return Entry(**{**whole, **changes})


MINTED = EventIds(EVENT_ID, 17, "0" * 64, INSTANCE)


def event(**changes: Any) -> dict[str, Any]:
    return {**entry_event(entry(), MINTED, site="north", device="dock-3"), **seal(17), **changes}


NOT_MESSAGES = {
    b"": "message: is not JSON",
    b"{": "message: is not JSON",
    b"\xff\xfe": "message: is not UTF-8",
    '{"type": 1}'.encode("utf-16"): "message: is not UTF-8",
    b"[]": "message: must be an object, found list",
    b'{"quantity": 1, "quantity": 12}': "message: an object names a member twice",
    b'{"type": NaN}': "message: NaN is not JSON",
    b'{"type": 1e19}': "message: holds a number too large",
    b'{"type": 9007199254740992}': "message: holds a number too large",
    b'{"type": ' + b"9" * 5000 + b"}": "message: holds a number too large",
    b"[" * 100_000: "message: holds a number too large, or is nested too deeply",
    rb'{"type": "\ud800"}': "message: is not UTF-8",
}


@each_of("payload", NOT_MESSAGES, ids=[str(payload[:24]) for payload in NOT_MESSAGES])
@each_of("read", [parse_event, parse_answer])
def test_what_is_no_message_is_refused(read: Any, payload: bytes) -> None:
    with pytest.raises(MalformedMessage) as refused:
        read(payload)
    assert str(refused.value).startswith(NOT_MESSAGES[payload])


@each_of("kind", [None, 7, [], {}, "dockvoice.entry.recorded.v2", ""])
def test_an_unknown_type_of_event_is_refused(kind: Any) -> None:
    with pytest.raises(MalformedMessage, match="/type: no known type of event; known are dockvoice"):
        parse_event(to_json_bytes(event(type=kind)))


BROKEN = [
    ("/specversion", "0.3"),
    ("/id", EVENT_ID.upper()),
    ("/source", "/sites/north"),
    ("/time", "2026-11-20T12:00:00+01:00"),
    ("/sequence", 17),
    ("/sequencetype", "integer"),
    ("/signature", "f" * 127),
    ("/keyid", "F" * 16),
    ("/previous", None),
    ("/data", None),
    ("/data/fields/quantity", {"value": 12}),
    ("/data/fields/quantity", None),
    ("/data/fields/pallet_id", "00\0"),
    ("/data/utterance/audio_sha256", "xyz"),
    ("/data/utterance/audio_seconds", -1),
    ("/data/reading/confidence/quantity", 1.01),
]


@each_of(("pointer", "value"), BROKEN)
def test_a_broken_event_is_refused_with_the_pointer_and_without_its_content(pointer: str, value: Any) -> None:
    broken = deepcopy(event())
    *steps, last = pointer.split("/")[1:]
    node = broken
    for step in steps:
        node = node[step]
    node[last] = value
    with pytest.raises(MalformedMessage) as refused:
        parse_event(to_json_bytes(broken))
    assert str(refused.value).startswith(f"{pointer}: found {type(value).__name__}, which breaks the rule ")
    assert "seven" not in str(refused.value)
    assert "\n" not in str(refused.value)


@each_of("value", [7, "00\0", ["007"], None])
def test_a_list_holds_nothing_but_text(value: Any) -> None:
    with pytest.raises(MalformedMessage, match=r"^/data/fields/pallet_id/1: found "):
        parse_event(to_json_bytes(event_with({"pallet_id": ["007", value]})))


@each_of("value", ["007", 12, 52.5, -18, 0.1, True, False, "2027-03-05", ["007", "008"]])
def test_every_kind_of_value_is_read_as_it_was_published(value: Any) -> None:
    read = parse_event(to_json_bytes(event_with({"value": value})))["data"]["fields"]["value"]
    assert (type(read), read) == (type(value), value)


def event_with(fields: dict[str, Any]) -> dict[str, Any]:
    other = deepcopy(event())
    other["data"]["fields"] = fields
    return other


@each_of("member", sorted(event().keys() - {"readingsha256"}))
def test_no_member_of_an_event_may_be_missing(member: str) -> None:
    rest = {name: value for name, value in event().items() if name != member}
    with pytest.raises(MalformedMessage, match=rf"'{member}' is a required property|/type: no known type"):
        parse_event(to_json_bytes(rest))


def test_a_senders_names_cannot_break_the_line() -> None:
    broken = event()
    broken["data"]["reading"]["heard"] = {"a\nb/c~d": None}
    with pytest.raises(MalformedMessage, match=r"^/data/reading/heard/a\\u000ab~1c~0d: found NoneType"):
        parse_event(to_json_bytes(broken))


def test_a_recorded_entry_is_a_cloudevent() -> None:
    assert event() == seal(17) | {
        "specversion": "1.0",
        "id": EVENT_ID,
        "source": "/sites/north/devices/dock-3",
        "type": "dockvoice.entry.recorded.v1",
        "subject": "pallet-move",
        "time": "2026-11-20T12:00:00.417Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:dockvoice:event:entry-recorded:1#data",
        "sequence": "17",
        "sequencetype": "Integer",
        "instance": INSTANCE,
        "data": {
            "form": "pallet-move",
            "fields": {"pallet_id": "007", "quantity": 12},
            "operator": None,
            "utterance": {"id": UTTERANCE_ID, "audio_sha256": "ab" * 32, "audio_seconds": 3.42},
            "reading": {
                "interpreter": "vosk/small-en-us",
                "heard": {"pallet_id": "oh oh seven", "quantity": "twelve"},
                "confidence": {"pallet_id": 0.9123, "quantity": 1.0},
            },
        },
    }


def test_the_examples_of_every_type_are_read(repository: Path) -> None:
    for name in ("recorded", "amended", "cancelled", "withheld"):
        payload = (repository / "schemas" / "examples" / f"entry-{name}.json").read_bytes()
        assert parse_event(payload)["type"] == f"dockvoice.entry.{name}.v1"


@each_of(
    ("change", "told"),
    [
        ({"outcome": "lost"}, "/outcome: found str"),
        ({"outcome": "refused", "reasons": []}, "/reasons: found list"),
        ({"sequence": "17"}, "/sequence: found str"),
        ({"time": "noon"}, "/time: found str"),
    ],
)
def test_a_broken_receipt_is_refused(change: dict[str, Any], told: str) -> None:
    whole = make_receipt(EVENT_ID, ReceiptOutcome.APPLIED, (), 17, NOON)
    with pytest.raises(MalformedMessage, match=told):
        parse_answer(to_json_bytes({**whole, **change}))


@each_of("outcome", ReceiptOutcome)
def test_a_receipt_goes_and_comes(outcome: ReceiptOutcome) -> None:
    answer = make_receipt(EVENT_ID, outcome, ["field_invalid:dock"], 17, NOON)
    assert parse_answer(to_json_bytes(answer)) == Receipt(EVENT_ID, outcome, ("field_invalid:dock",))


def test_an_answer_that_settles_nothing_goes_and_comes() -> None:
    assert parse_answer(to_json_bytes(make_early_answer(EVENT_ID, 14, 17, NOON))) == EarlyAnswer(
        EVENT_ID, sequence=17, expected=14
    )


@each_of("expected", [None, 0, "14"])
def test_an_early_answer_without_a_number_to_expect_is_refused(expected: object) -> None:
    broken = {**make_early_answer(EVENT_ID, 14, 17, NOON), "expected": expected}
    with pytest.raises(MalformedMessage, match="/expected"):
        parse_answer(to_json_bytes(broken))


def test_what_is_withheld_keeps_its_identity_and_seal_and_says_nothing_of_the_entry() -> None:
    whole = event(chain="f" * 64)
    instead = withheld_event(whole, "packet too large")
    assert parse_event(to_json_bytes(instead)) == instead
    changed = {"type": WITHHELD, "dataschema": "urn:dockvoice:event:entry-withheld:1#data", "data": instead["data"]}
    assert instead == {**whole, **changed}
    assert instead["data"] == {
        "form": "pallet-move",
        "utterance": whole["data"]["utterance"],
        "reason": "packet too large",
    }


def test_a_status_carries_the_key_and_follows_its_schema(repository: Path) -> None:
    said = make_status("online", site="north", device="dock-3", key=KEY, time=NOON)
    schema = json.loads((repository / "schemas" / "status.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(said)
    assert PublicKey.from_pem(said["public_key"].encode()) == KEY
    assert said["keyid"] == KEY.keyid


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        rfc3339(datetime(2026, 11, 20, 12))  # noqa: DTZ001 - the fault under test


@each_of("topic", ["", "dockvoice", "dockvoice/north/dock-3/other", "dockvoice/a/b/c/entries", "north/dock-3/entries"])
def test_a_topic_of_no_device_is_refused(topic: str) -> None:
    with pytest.raises(MalformedMessage, match="no topic of a device"):
        Topics.parse("dockvoice", topic)


def test_topics_are_read_back() -> None:
    topics = Topics("site/dockvoice", "north", "dock-3")
    assert topics.entries == "site/dockvoice/north/dock-3/entries"
    assert topics.source == "/sites/north/devices/dock-3"
    for topic in (topics.entries, topics.receipts, topics.status):
        assert Topics.parse("site/dockvoice", topic) == topics
    assert Topics.all_devices_filters("dockvoice").receipts == "dockvoice/+/+/receipts"


def test_only_a_doubtful_clock_is_told_and_the_schema_takes_both() -> None:
    doubtful = entry_event(entry(), MINTED, site="north", device="dock-3", clock_believed=False) | seal(17)
    assert {name: doubtful[name] for name in doubtful.keys() - event().keys()} == {"clock": "unsynchronised"}
    assert parse_event(to_json_bytes(doubtful)) == doubtful
    assert withheld_event(doubtful, "too_large")["clock"] == "unsynchronised"
    with pytest.raises(MalformedMessage, match="/clock: found str, which breaks the rule const"):
        parse_event(to_json_bytes(event(clock="fine")))


@each_of("order", ["mute", "unmute", "talk", "done"])
def test_an_order_to_the_headset_is_read(order: str) -> None:
    assert parse_headset_order(to_json_bytes({"order": order, "from": "later"})) == order


@each_of("payload", [b"", b"mute", b"{}", b'{"order": "shout"}', b'{"order": 1}'])
def test_what_is_no_order_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_headset_order(payload)


@each_of("heard", [True, False])
def test_a_status_says_whether_the_operator_hears_the_device(heard: bool) -> None:
    said = make_status("online", site="north", device="dock-3", key=KEY, time=NOON, speaker={"heard": heard})
    assert said["speaker"] == {"heard": heard}
    assert "microphone" not in said
    schema_validator("status.schema.json").validate(said)
