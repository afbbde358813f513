"""EPCIS documents that each break one rule, made of one that breaks none; by name, with the rule.

The whole one is what a day at the dock exports, and beside it an event of each kind that Dockvoice never makes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from tests.epcis import a_day, exported, with_urns

Json = dict[str, Any]
Break = Callable[[Json], object]

OTHERS: tuple[Json, ...] = (
    {
        "type": "TransactionEvent",
        "action": "ADD",
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9521321000018:1"}],
        "epcList": ["https://id.gs1.org/01/10614141123459/21/400"],
        "sourceList": [{"type": "owning_party", "source": "https://id.gs1.org/414/9521321000018"}],
    },
    {
        "type": "TransformationEvent",
        "inputQuantityList": [
            {"epcClass": "https://id.gs1.org/01/04012345123456/10/998877", "quantity": 2.5, "uom": "KGM"}
        ],
        "outputEPCList": ["urn:epc:id:sgtin:0614141.112345.400"],
        "persistentDisposition": {"set": ["completeness_verified"]},
    },
    {
        "type": "AssociationEvent",
        "action": "ADD",
        "parentID": "https://id.gs1.org/8003/09521321000016A",
        "childEPCs": ["https://id.gs1.org/00/106141412345678908"],
    },
    {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "readPoint": {"id": "https://partner.example/places/door/12"},
        "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 4.5, "uom": "CEL"}]}],
        "example:remark": "cold",
        "@context": {"example": "https://partner.example/"},
    },
)


def whole() -> Json:
    """A document without fault."""
    document = exported(a_day())[0]
    beside = exported(a_day()[:9], with_urns())[0]["epcisBody"]["eventList"]
    found = document["epcisBody"]["eventList"]
    for at, one in enumerate([*beside, *OTHERS]):
        when = {"eventTime": "2026-11-20T08:15:02.417+01:00", "eventTimeZoneOffset": "+01:00"}
        found.append({**when, **copy.deepcopy(one), "eventID": f"urn:uuid:01919f3e-00ff-7000-8000-{at:012x}"})
    return document


def _first(document: Json, kind: str, having: str = "type") -> Json:
    events: list[Json] = document["epcisBody"]["eventList"]
    return next(one for one in events if one["type"] == kind and having in one and "errorDeclaration" not in one)


def _declared(document: Json) -> Json:
    """What is declared to be incorrect."""
    events: list[Json] = document["epcisBody"]["eventList"]
    return next(one for one in events if one.get("errorDeclaration", {}).get("reason") == "incorrect_data")


def _last(document: Json, kind: str, having: str) -> Json:
    events: list[Json] = document["epcisBody"]["eventList"]
    return [one for one in events if one["type"] == kind and having in one][-1]


def _put(**members: Any) -> Break:
    return lambda document: document.update(members)


def _without(member: str) -> Break:
    return lambda document: document.pop(member)


def _event(kind: str, member: str, value: Any, having: str | None = None) -> Break:
    return lambda document: _first(document, kind, having or member).update({member: value})


_OBJECT, _PALLET, _MADE = (partial(_event, f"{kind}Event") for kind in ("Object", "Aggregation", "Transformation"))
_SSCC, _PLACE, _ITEM = (f"https://id.gs1.org/{one}" for one in ("00/106141412345678908", "414/9521321000018", "01/"))
_CASE, _LOT = f"{_ITEM}19521321001005", "urn:epc:class:lgtin:4012345.012345.998877"
_NUMBER = "urn:epcglobal:cbv:bt:9521321000018"


def _bare(kind: str, member: str) -> Break:
    return lambda document: _first(document, kind, member).pop(member)


def _events(document: Json) -> list[Any]:
    found: list[Any] = document["epcisBody"]["eventList"]
    return found


def _again(**changed: Any) -> Break:
    """The first event once more, changed."""
    return lambda document: _events(document).append(copy.deepcopy(_events(document)[0]) | changed)


def _error(member: str, value: Any) -> Break:
    return lambda document: _declared(document)["errorDeclaration"].update({member: value})


def _quantity(changed: Json, gone: str | None = None) -> Break:
    """Of the cases on the last pallet."""
    cases = "childQuantityList"
    return lambda document: _alter(_last(document, "AggregationEvent", cases)[cases][0], changed, gone)


def _kilograms(changed: Json, gone: str | None = None) -> Break:
    """Of what is weighed."""

    def change(document: Json) -> None:
        weighed = (one for event in _events(document) for one in event.get("quantityList", []))
        _alter(next(one for one in weighed if one.get("uom") == "KGM"), changed, gone)

    return change


def _alter(one: Json, changed: Json, gone: str | None) -> None:
    one.update(changed)
    if gone:
        one.pop(gone)


def _steps(member: str) -> Iterator[tuple[str, str, Break]]:
    """A word of CBV in ways that EPCIS 2.0's JSON does not have."""
    for value in ("recieving", "Receiving", "", 7, None, ["receiving"], {"id": "receiving"}):
        yield f"{member} is {value!r}", "vocabulary", _OBJECT(member, value)
    for old in ("urn:epcglobal:cbv:bizstep:receiving", "https://ref.gs1.org/cbv/BizStep-receiving"):
        yield f"{member} is {old}", "vocabulary", _OBJECT(member, old)


def _times() -> Iterator[tuple[str, str, Break]]:
    days = ("2026-11-20", "2026-11-20T07:15:02", "2026-02-30T07:15:02Z", "2026-11-20 07:15:02Z", "2026-11-20T25:00:00Z")
    for value in (*days, "20261120T071502Z", 1763622902, None, ""):
        yield f"eventTime is {value!r}", "time", _OBJECT("eventTime", value, "quantityList")
        yield f"creationDate is {value!r}", "time", _put(creationDate=value)
    yield "no eventTime", "missing", _bare("ObjectEvent", "eventTime")
    yield "recordTime is no time", "time", _OBJECT("recordTime", "yesterday", "type")
    yield "an event of tomorrow", "future", _OBJECT("eventTime", "2026-12-02T00:00:00+01:00", "quantityList")
    yield "declared tomorrow", "future", _error("declarationTime", "2026-12-02T00:00:00Z")
    yield "declared at no time", "time", _error("declarationTime", "then")
    for value in ("+25:00", "+1:00", "01:00", "Z", "+14:30", "-14:01", "+01:60", "+0100", 1, None, ""):
        yield f"offset is {value!r}", "offset", _OBJECT("eventTimeZoneOffset", value)
    yield "no offset", "missing", _bare("AggregationEvent", "eventTimeZoneOffset")
    for value in ("+02:00", "+00:00", "-01:00", "+01:30"):
        yield f"offset is {value}, not the zone's", "zone", _OBJECT("eventTimeZoneOffset", value, "bizLocation")


def _identities() -> Iterator[tuple[str, str, Break]]:
    names = ("1", "urn:uuid:1", "urn:uuid:01919f3e000070008000000000000001", "https://x.example/1", 7, None)
    for value in (*names, "ni:///sha-256;abc?ver=CBV2.0", f"ni:///sha-256;{'0' * 64}"):
        yield f"eventID is {value!r}", "event_id", _OBJECT("eventID", value, "quantityList")
    yield "no eventID", "missing", _bare("ObjectEvent", "eventID")
    yield "one event twice", "twice", _again()
    yield "one eventID twice", "twice", _again(bizStep="storing")


def _objects() -> Iterator[tuple[str, str, Break]]:
    short, old = (f"https://id.gs1.org/00/{one}" for one in ("742", "10614141234567890"))
    names = (short, old, "urn:epc:id:sscc:0614141.742", "urn:epc:id:sscc:061414.1234567890")
    wrong = {
        "gs1_key": (f"{_SSCC[:-1]}7", *names, "urn:epc:id:sgtin:0614141.112345."),
        "identifier": ("742", "", 742, None, "pallet 742", "106141412345678908"),
        "level": (f"{_ITEM}10614141123459", _LOT, _PLACE),
    }
    for rule, values in wrong.items():
        for value in values:
            yield f"epcList has {value!r}", rule, _OBJECT("epcList", [value])
            if rule != "level":
                yield f"parentID is {value!r}", rule, _PALLET("parentID", value)

    pallet = "AggregationEvent"

    def added_to_nothing(document: Json) -> None:
        one = _first(document, pallet)
        one.update(action="ADD")
        one.pop("parentID")

    yield "a pallet twice in one list", "twice", _OBJECT("epcList", [_SSCC, _SSCC])
    yield "a list that is none", "shape", _OBJECT("epcList", _SSCC)
    yield "no pallet", "nothing", _OBJECT("epcList", [])
    yield "no list of pallets", "nothing", _bare("ObjectEvent", "epcList")
    yield "no cases on it", "nothing", _PALLET("childQuantityList", [])
    yield "a pallet that is added to nothing", "parent", added_to_nothing
    yield "a pallet on itself", "parent", lambda d: _first(d, pallet).update(childEPCs=[_first(d, pallet)["parentID"]])
    yield "a list of another kind of event", "unknown_member", _OBJECT("childEPCs", [_SSCC], "epcList")
    yield "an association with nobody", "parent", _bare("AssociationEvent", "parentID")
    yield "nothing came of it", "nothing", _bare("TransformationEvent", "outputEPCList")
    yield "no transaction", "missing", _bare("TransactionEvent", "bizTransactionList")
    yield "a sensor that is nowhere", "nothing", lambda d: _last(d, "ObjectEvent", "sensorElementList").pop("readPoint")


def _amounts() -> Iterator[tuple[str, str, Break]]:
    for value in (0, -1, "24", None, True, [24], 2.5):
        yield f"quantity is {value!r}", "quantity", _quantity({"quantity": value})
    for value in ("CS", "EA", "XCS", "kg", "KG", "PCE", "C62", "", 7, None):
        yield f"what is weighed in {value!r}", "uom", _kilograms({"uom": value})
        yield f"counted in {value!r}", "uom", _quantity({"uom": value, "epcClass": f"{_ITEM}09521321001008"})
    yield "a case that is weighed", "uom", _quantity({"uom": "KGM", "epcClass": _CASE})
    yield "what is measured, without unit", "uom", _kilograms({"quantity": 2}, "uom")
    yield "a unit without quantity", "uom", _kilograms({}, "quantity")
    yield "a class that is none", "identifier", _quantity({"epcClass": "A100"})
    yield "no class", "identifier", _quantity({}, "epcClass")
    yield "a class that is one pallet", "level", _quantity({"epcClass": _SSCC})
    yield "a GTIN with a wrong digit", "gs1_key", _quantity({"epcClass": f"{_CASE[:-1]}6"})
    yield "a GTIN of 13 digits", "gs1_key", _quantity({"epcClass": f"{_ITEM}9521321001008"})
    yield "a lot of 21 characters", "gs1_key", _quantity({"epcClass": f"{_CASE}/10/{'L' * 21}"})
    yield "a member of no quantity", "unknown_member", _quantity({"lot": "L1"})
    yield "a quantity that is a number", "shape", _OBJECT("quantityList", [24])


def _places() -> Iterator[tuple[str, str, Break]]:
    for member in ("readPoint", "bizLocation"):
        yield f"{member} is a text", "shape", _OBJECT(member, _PLACE)
        yield f"{member} has no id", "identifier", _OBJECT(member, {})
        yield f"{member} is door 12", "identifier", _OBJECT(member, {"id": "12"})
        yield f"{member} with a wrong digit", "gs1_key", _OBJECT(member, {"id": f"{_PLACE[:-1]}9"})
        yield f"{member} is a pallet", "level", _OBJECT(member, {"id": _SSCC})


def _links() -> Iterator[tuple[str, str, Break]]:
    document = {"type": "po", "bizTransaction": f"{_NUMBER}:4711"}
    for rule, value in {
        "shape": [],
        "vocabulary": [document | {"type": "order"}],
        "identifier": [document | {"bizTransaction": "4711"}],
        "business_transaction": [document | {"bizTransaction": f"{_NUMBER[:-1]}9:4711"}],
        "unknown_member": [document | {"date": "2026-11-20"}],
    }.items():
        yield f"documents are {value}", rule, _PALLET("bizTransactionList", value)
    bare = [{"bizTransaction": _NUMBER}]
    yield "a document without its number", "business_transaction", _PALLET("bizTransactionList", bare)
    for source in ({"source": _PLACE}, {"type": "owner", "source": _PLACE}):
        yield f"a source is {source}", "vocabulary", _event("TransactionEvent", "sourceList", [source])
    yield "a persistent disposition that sets nothing", "shape", _MADE("persistentDisposition", {})
    yield "one of its own", "vocabulary", _MADE("persistentDisposition", {"set": ["fine"]})


def _declarations() -> Iterator[tuple[str, str, Break]]:
    other = "urn:uuid:01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11"

    def declared(**changed: Any) -> Break:
        return lambda document: _declared(document).update(changed)

    def by(which: Callable[[Json], list[Any]]) -> Break:
        return lambda d: _error("correctiveEventIDs", which(_declared(d)))(d)

    yield "wrong, of an event that nobody told", "unknown_event", declared(eventID=other)
    yield "right, by an event that nobody told", "unknown_event", _error("correctiveEventIDs", [other])
    yield "wrong, with other content", "error_declaration", declared(bizStep="storing")
    yield "wrong, at another time", "error_declaration", declared(eventTime="2026-11-20T07:15:02.418Z")
    yield "right by itself", "error_declaration", by(lambda one: [one["eventID"]])
    yield "wrong since nobody knows when", "missing", lambda d: _declared(d)["errorDeclaration"].pop("declarationTime")
    yield "wrong for a reason of its own", "vocabulary", _error("reason", "typo")
    yield "a declaration that is true", "shape", declared(errorDeclaration=True)
    yield "right by no list", "shape", _error("correctiveEventIDs", other)
    yield "right by a number", "event_id", _error("correctiveEventIDs", [2])
    yield "right by one event twice", "twice", by(lambda one: one["errorDeclaration"]["correctiveEventIDs"] * 2)
    yield "a member of no declaration", "unknown_member", _error("who", "ana")


def _frames() -> Iterator[tuple[str, str, Break]]:
    def body(value: Any) -> Break:
        return lambda document: document["epcisBody"].update(eventList=value)

    for member in ("@context", "type", "schemaVersion", "creationDate", "epcisBody"):
        yield f"no {member} of the document", "missing", _without(member)
    yield "another document", "shape", _put(type="EPCISQueryDocument")
    for value in ("1.2", 2.0, "2", "2.1"):
        yield f"version {value!r}", "schema_version", _put(schemaVersion=value)
    contexts: tuple[object, ...] = ("https://schema.org", [], {}, ["https://schema.org/"])
    for found in contexts:
        yield f"context {found!r}", "context", _put(**{"@context": found})
    yield "a member of no document", "unknown_member", _put(events=[])
    yield "a body that is a list", "shape", _put(epcisBody=[])
    yield "no list of events", "missing", lambda document: document["epcisBody"].pop("eventList")
    bodies: tuple[object, ...] = ({}, "none", None)
    for events in bodies:
        yield f"events are {events!r}", "shape", body(events)
    yield "an event that is a text", "shape", lambda document: _events(document).append("receiving")
    yield "an event of its own kind", "shape", _OBJECT("type", "PalletEvent")
    yield "an event of no kind", "missing", _bare("ObjectEvent", "type")
    for action in ("MOVE", "observe", None, 1):
        yield f"action {action!r}", "action", _OBJECT("action", action)
    yield "no action", "missing", _bare("ObjectEvent", "action")
    yield "a member of no event", "unknown_member", _OBJECT("operator", "ana", "type")
    yield "a prefix that nobody declared", "context", _OBJECT("dockvoice:operator", "ana", "type")
    yield "of what is new, where nothing is", "action", _OBJECT("ilmd", {"cbvmda:lotNumber": "L1"}, "type")


def broken() -> dict[str, tuple[str, Json]]:
    """By what is done to it, the rule that is broken, and the document."""
    base = whole()
    found: dict[str, tuple[str, Json]] = {}
    ways = (_frames(), _times(), _identities(), _objects(), _amounts(), _places(), _links(), _declarations())
    for name, rule, change in chain(*ways, _steps("bizStep"), _steps("disposition")):
        document = copy.deepcopy(base)
        change(document)
        assert document != base, name
        assert name not in found, name
        found[name] = (rule, document)
    return found
