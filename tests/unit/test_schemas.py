"""The published schemas: each valid, with an example that passes and one that fails; asyncapi.yaml is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from dockvoice_protocol.events import SCHEMAS, Topics
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.hash_chain import ChainVerifier, KeySpan, PublicKey, StoredEvent
from dockvoice_protocol.json_schema import SchemaValidator
from edge.cli.forms import plain_schema
from tests.rows import each_of

MESSAGES = {
    "entry-recorded": "events/entry-recorded.schema.json",
    "entry-amended": "events/entry-amended.schema.json",
    "entry-cancelled": "events/entry-cancelled.schema.json",
    "entry-withheld": "events/entry-withheld.schema.json",
    "review": "review.schema.json",
    "decision": "decision.schema.json",
    "declined": "declined.schema.json",
    "clip-request": "clip-request.schema.json",
    "clip": "clip.schema.json",
    "clip-offered": "clip.schema.json",
    "clip-gone": "clip.schema.json",
    "clip-receipt": "clip-receipt.schema.json",
    "expected": "expected.schema.json",
    "roster": "roster.schema.json",
    "catalogue": "catalogue.schema.json",
    "receipt": "receipt.schema.json",
    "receipt-early": "receipt.schema.json",
    "status": "status.schema.json",
    "control": "control.schema.json",
    "inventory": "inventory.schema.json",
}

SCHEMAS_WITH_EXAMPLES = {**MESSAGES, "dossier": "dossier.schema.json"}  # With those of files, which nobody sends.


@pytest.fixture(scope="session")
def schemas(repository: Path) -> Path:
    return repository / "schemas"


@pytest.fixture(scope="session")
def wire(schemas: Path) -> dict[str, Any]:
    """asyncapi.yaml."""
    document: dict[str, Any] = yaml.safe_load((schemas / "asyncapi.yaml").read_text(encoding="utf-8"))
    return document


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@each_of("name", SCHEMAS_WITH_EXAMPLES)
def test_the_invalid_example_fails(schemas: Path, name: str) -> None:
    validator = Draft202012Validator(load(schemas / SCHEMAS_WITH_EXAMPLES[name]))
    assert not validator.is_valid(load(schemas / "examples" / f"{name}.invalid.json"))


@each_of("name", SCHEMAS_WITH_EXAMPLES)
def test_the_schema_is_valid_and_its_example_passes(schemas: Path, name: str) -> None:
    schema = load(schemas / SCHEMAS_WITH_EXAMPLES[name])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(load(schemas / "examples" / f"{name}.json"))


def test_no_example_and_no_event_schema_is_left_out(schemas: Path) -> None:
    examples = {path.name for path in (schemas / "examples").glob("*.json")}
    ours = {f"{name}{suffix}.json" for name in MESSAGES for suffix in ("", ".invalid")}
    assert ours <= examples
    events = {f"events/{path.name}" for path in (schemas / "events").iterdir()}
    assert events == set(SCHEMAS.values()) == {path for path in MESSAGES.values() if path.startswith("events/")}


def test_the_events_share_one_envelope_word_for_word(schemas: Path) -> None:
    own = ("type", "dataschema", "data", "withheldsignature")
    envelopes = []
    for kind, path in SCHEMAS.items():
        schema = load(schemas / path)
        assert schema["properties"]["type"]["const"] == kind
        assert (
            schema["properties"]["dataschema"]["const"]
            == f"{schema['$id']}#{schema['$defs']['data']['$dynamicAnchor']}"
        )
        properties = {name: rule for name, rule in schema["properties"].items() if name not in own}
        shared = {name: schema["$defs"][name] for name in ("id", "form", "text", "utterance")}
        envelopes.append((properties, schema["required"], schema["propertyNames"], shared))
    assert all(envelope == envelopes[0] for envelope in envelopes)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def resolved(document: Any, pointer: str) -> Any:
    for step in pointer.removeprefix("#/").split("/"):
        document = document[step]
    return document


def test_every_reference_of_the_wire_leads_somewhere(schemas: Path, wire: dict[str, Any]) -> None:
    found = set(references(wire))
    files = {reference for reference in found if not reference.startswith("#")}
    examples = {f"examples/{name}.json" for name in MESSAGES}
    assert {reference.removeprefix("./") for reference in files} == set(MESSAGES.values()) | examples
    assert all((schemas / reference).is_file() for reference in files)
    for reference in found - files:
        assert resolved(wire, reference), reference


def test_the_wire_has_the_channels_of_the_code(wire: dict[str, Any]) -> None:
    topics = Topics("{prefix}", "{site}", "{device}")
    addresses = {name: channel["address"] for name, channel in wire["channels"].items()}
    assert addresses == {
        "entries": topics.entries,
        "reviews": topics.reviews,
        "decisions": topics.decisions,
        "clipRequests": topics.clip_requests,
        "clips": topics.clips,
        "clipReceipts": topics.clip_receipts,
        "receipts": topics.receipts,
        "status": topics.status,
        "control": topics.control,
        "inventory": Topics.consumer("{prefix}", "{client_id}"),
        "expected": Topics.expected("{prefix}", "{site}", "{kind}/{name}"),
        "roster": Topics.roster("{prefix}", "{site}"),
        "catalogue": Topics.catalogue("{prefix}", "{site}", "{kind}"),
    }
    parameters = {name: set(channel["parameters"]) for name, channel in wire["channels"].items()}
    assert parameters.pop("inventory") == {"prefix", "client_id"}
    assert parameters.pop("expected") == {"prefix", "site", "kind", "name"}
    assert parameters.pop("roster") == {"prefix", "site"}
    assert parameters.pop("catalogue") == {"prefix", "site", "kind"}
    assert all(named == {"prefix", "site", "device"} for named in parameters.values())


def test_every_message_of_the_wire_has_a_name_and_an_example_of_its_own_schema(
    schemas: Path, wire: dict[str, Any]
) -> None:
    for message in wire["components"]["messages"].values():
        assert message["name"].isalnum()
        schema = load(schemas / message["payload"]["schema"]["$ref"])
        assert message["examples"]
        for example in message["examples"]:
            SchemaValidator(schema).validate(load(schemas / example["payload"]["$ref"]))


def published(schemas: Path) -> dict[str, Any]:
    """Every schema that is published; of the forms, what `dockvoice forms schema` prints."""
    wire = {path: load(schemas / path) for path in MESSAGES.values()}
    forms = {form.name: plain_schema(form.schema) for form in load_forms(schemas / "forms").values()}
    return {**wire, **forms}


def test_the_last_will_of_the_wire_is_a_status(schemas: Path, wire: dict[str, Any]) -> None:
    will = wire["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]["message"]
    said = will.replace("{site}", "north").replace("{device}", "dock-3")
    Draft202012Validator(load(schemas / "status.schema.json")).validate(json.loads(said))


def test_the_examples_of_events_are_a_chain_signed_with_the_key_of_the_status(schemas: Path) -> None:
    examples = {name: load(schemas / "examples" / f"{name}.json") for name in MESSAGES}
    key = PublicKey.from_pem(examples["status"]["public_key"].encode())
    links = ChainVerifier({key.keyid: key})
    for name in ("entry-recorded", "entry-amended", "entry-cancelled"):
        event = examples[name]
        recording = event["data"]["utterance"]["audio_sha256"]
        chained = StoredEvent(
            int(event["sequence"]), event["previous"], event["chain"], event, recording, withheld=False
        )
        assert links.next_fault(chained) is None
        links.advance(chained)
    assert links.spans == [KeySpan(key.keyid, 1, 3)]
