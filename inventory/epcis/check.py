"""Validation of EPCIS 2.0 documents: each breach with its place and its rule.

Stricter than GS1's JSON Schema, which accepts any text as identifier, unit or time zone: check digits are computed,
words must be in CBV, units must measure, an offset must be its time zone's, and an error declaration must repeat a
known event. Documents and all five kinds of events are checked; sensor reports and `ilmd` are left to the schema.

EPCIS 2.0 (GS1, June 2022; ISO/IEC 19987:2024): QuantityElement in section 7.3, the parts of every event in 7.4.1, error
declarations in 7.4.1.2, the kinds of events in 7.4.2 to 7.4.6. The SHACL shapes of GS1's repository `gs1/EPCIS`,
Ontology/EPCIS-SHACL.ttl, state the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from hashlib import sha256
from math import inf
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dockvoice_protocol.instants import parse_iso, to_zone
from inventory.epcis import vocabulary
from inventory.epcis.keys import GLN, InvalidKey, Key, KeyKind, check_key_digits, parse_key

_Json = Mapping[str, Any]

_SHOWN = 80  # Characters quoted of a wrong value: enough to find it.


class Rule(StrEnum):
    """The rules. Their codes are counted, and docs/epcis.md explains them."""

    SHAPE = "shape"  # Not the required type: object, list or text.
    MISSING = "missing"
    UNKNOWN = "unknown_member"
    CONTEXT = "context"
    VERSION = "schema_version"
    TIME = "time"
    FUTURE = "future"
    OFFSET = "offset"
    ZONE = "zone"
    EVENT_ID = "event_id"
    TWICE = "twice"
    ACTION = "action"
    WORD = "vocabulary"
    ADDRESS = "identifier"
    KEY = "gs1_key"
    LEVEL = "level"  # A thing is named in place of a class of things, or the reverse.
    NOTHING = "nothing"
    PARENT = "parent"
    QUANTITY = "quantity"
    UNIT = "uom"
    DOCUMENT = "business_transaction"
    DECLARATION = "error_declaration"
    NOT_KNOWN = "unknown_event"


@dataclass(frozen=True, slots=True)
class _Breach:
    """A broken rule and its place."""

    at: str  # A JSON pointer.
    rule: Rule
    message: str  # What was found and what is allowed.

    def __str__(self) -> str:
        return f"{self.at or '/'}: {self.message} ({self.rule})"


_Breaches = Iterator[_Breach]
_Zones = Mapping[Key, str]  # The name of the time zone by place.

_DOCUMENT = "EPCISDocument"
_DOCUMENT_MEMBERS = frozenset(
    "@context id type schemaVersion creationDate instanceIdentifier sender receiver epcisHeader epcisBody".split()  # noqa: SIM905
)
_COMMON = frozenset(
    "@context type eventTime recordTime eventTimeZoneOffset eventID certificationInfo errorDeclaration".split()  # noqa: SIM905
)
_CONTEXT_OF_EVENT = frozenset(
    "action bizStep disposition readPoint bizLocation bizTransactionList sourceList destinationList sensorElementList".split()  # noqa: SIM905, E501
)
_MEMBERS: Mapping[str, frozenset[str]] = {
    "ObjectEvent": _CONTEXT_OF_EVENT | {"epcList", "quantityList", "persistentDisposition", "ilmd"},
    "AggregationEvent": _CONTEXT_OF_EVENT | {"parentID", "childEPCs", "childQuantityList"},
    "AssociationEvent": _CONTEXT_OF_EVENT | {"parentID", "childEPCs", "childQuantityList"},
    "TransactionEvent": _CONTEXT_OF_EVENT | {"parentID", "epcList", "quantityList"},
    "TransformationEvent": (_CONTEXT_OF_EVENT - {"action"})
    | {"inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList", "transformationID", "ilmd"}
    | {"persistentDisposition"},
}
"""The members of an event by its type, besides those of every event."""

_THINGS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_KINDS_OF_THINGS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_ONE_THING = frozenset({KeyKind.UNIT, KeyKind.ITEM})
_A_KIND = frozenset({KeyKind.CLASS, KeyKind.LOT})
_A_PLACE = frozenset({KeyKind.PLACE})

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_OFFSET = re.compile(r"([+-])(?:(0[0-9]|1[0-3]):([0-5][0-9])|(14):(00))")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]+")
_COMPACT = re.compile(r"([A-Za-z_][\w.\-]*):[^/\s].*")
_HASHED = re.compile(r"ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.[0-9]")
_UOM = re.compile("[A-Z0-9]{2,3}")
_DOCUMENT_NUMBER = re.compile(r"urn:epcglobal:cbv:bt:([^:]*):(.+)")
_GLOBAL_PREFIXES = frozenset({"epcis", "cbv", "cbvmda", "gs1", "rdfs", "owl", "xsd", "dcterms"})
"""Prefixes that GS1's context declares itself."""


class Checker:
    """Validates events in order, and remembers them."""

    def __init__(self, zones: _Zones | None = None, zone: str | None = None) -> None:
        """`zones`: of known places; `zone`: of all others."""
        self._zones = zones or {}
        self._zone = zone
        self._known: dict[str, str] = {}  # Fingerprint of the first event with an eventID.
        self._declared: dict[str, str] = {}  # The same for error declarations.
        self._right: dict[str, str] = {}  # Place of the first reference to a correcting event.

    def learn(self, event: _Json) -> None:
        """Remember an event of this or an earlier document."""
        known = self._declared if "errorDeclaration" in event else self._known
        known.setdefault(str(event.get("eventID")), _fingerprint(event))

    def forget(self, event: _Json) -> None:
        """Forget an event that `learn` remembered."""
        (self._declared if "errorDeclaration" in event else self._known).pop(str(event.get("eventID")), None)

    def compare_with_known_event(self, event: _Json) -> bool | None:
        """Whether this very event is known; None for an unknown eventID, False for another event with the same one."""
        known = self._declared if "errorDeclaration" in event else self._known
        before = known.get(str(event.get("eventID")))
        return None if before is None else before == _fingerprint(event)

    def check_document(self, content: object) -> _Breaches:
        """Remember a document's events, and yield its breaches; for unknown corrections see `unknown_references`."""
        if not isinstance(content, dict):
            yield _Breach("", Rule.SHAPE, f"found {_type_name(content)}, an EPCIS document is an object")
            return
        yield from _check_header(content)
        body = content.get("epcisBody")
        if not isinstance(body, dict):
            yield _value_breach("/epcisBody", content, "epcisBody", "an object")
            return
        events = body.get("eventList")
        if not isinstance(events, list):
            yield _value_breach("/epcisBody/eventList", body, "eventList", "a list")
            return
        created, prefixes = _parse_time(content.get("creationDate")), _declared_prefixes(content)
        seen: set[tuple[str, bool]] = set()
        for at, event in enumerate(events):
            if isinstance(event, dict) and isinstance(name := event.get("eventID"), str):
                identity = (name, "errorDeclaration" in event)
                if identity in seen or self.compare_with_known_event(event) is False:
                    again = "; only its error declaration may have the same" if not identity[1] else ""
                    yield _Breach(f"/epcisBody/eventList/{at}/eventID", Rule.TWICE, f"{name} is told twice{again}")
                else:
                    self.learn(event)
                seen.add(identity)
        for at, event in enumerate(events):
            yield from self.check_event(event, f"/epcisBody/eventList/{at}", created, prefixes)

    def check_event(
        self, event: object, at: str, created: datetime | None, prefixes: Collection[str] = _GLOBAL_PREFIXES
    ) -> _Breaches:
        """All breaches of one event, in a document of this date that declares these prefixes."""
        if not isinstance(event, dict):
            yield _Breach(at, Rule.SHAPE, f"found {_type_name(event)}, an event is an object")
            return
        kind = event.get("type")
        if not isinstance(kind, str) or (kind not in _MEMBERS and ":" not in kind):
            yield _value_breach(f"{at}/type", event, "type", f"one of {', '.join(_MEMBERS)}")
            return
        prefixes = {*prefixes, *_declared_prefixes(event)}
        yield from _check_members(event, at, _COMMON | _MEMBERS.get(kind, frozenset()), prefixes)
        yield from _check_time(event, at, "eventTime", created, needed=True)
        yield from _check_time(event, at, "recordTime", None, needed=False)
        yield from self._check_offset_against_zone(event, at)
        yield from _check_event_id(event, at)
        yield from _check_action_step_disposition(event, at, kind)
        yield from _check_places(event, at)
        yield from _check_objects(event, at, kind)
        yield from _check_references(event, at, kind)
        if "errorDeclaration" in event:
            yield from self._check_error_declaration(event, at, created, prefixes)

    def unknown_references(self) -> _Breaches:
        """Breaches for correcting events that no document so far has."""
        for name, at in self._right.items():
            if name not in self._known:
                yield _Breach(at, Rule.NOT_KNOWN, f"{name} is no event of these files; name the one that has it")

    def _check_offset_against_zone(self, event: _Json, at: str) -> _Breaches:
        at, found = f"{at}/eventTimeZoneOffset", event.get("eventTimeZoneOffset")
        parts = _OFFSET.fullmatch(found) if isinstance(found, str) else None
        if parts is None:
            yield _value_breach(at, event, "eventTimeZoneOffset", "+hh:mm or -hh:mm, up to 14:00", Rule.OFFSET)
            return
        moment, zone = _parse_time(event.get("eventTime")), self._zone_of_place(event)
        if moment is None or zone is None:
            return
        sign, hours, minutes = parts[1], parts[2] or parts[4], parts[3] or parts[5]
        ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        there = to_zone(moment, ZoneInfo(zone))
        if there.tzinfo is UTC:  # within hours of the years 1 and 9999 the time zone has no valid time
            return
        if (true := there.utcoffset()) != ahead:
            yield _Breach(at, Rule.ZONE, f"found {found}, but clocks in {zone} were {_format_offset(true)} then")

    def _zone_of_place(self, event: _Json) -> str | None:
        for member in ("readPoint", "bizLocation"):
            place = event.get(member)
            name = place.get("id") if isinstance(place, dict) else None
            try:
                key = parse_key(name) if isinstance(name, str) else None
            except InvalidKey:
                continue  # reported by `_check_places`
            if key is not None and key in self._zones:
                return self._zones[key]
        return self._zone

    def _check_error_declaration(
        self, event: _Json, at: str, created: datetime | None, prefixes: Collection[str]
    ) -> _Breaches:
        at, error, name = f"{at}/errorDeclaration", event["errorDeclaration"], event.get("eventID")
        if not isinstance(error, dict):
            yield _Breach(at, Rule.SHAPE, f"found {_type_name(error)}, an error declaration is an object")
            return
        yield from _check_members(error, at, {"declarationTime", "reason", "correctiveEventIDs"}, prefixes)
        yield from _check_time(error, at, "declarationTime", created, needed=True)
        if "reason" in error:
            yield from _check_word(error["reason"], f"{at}/reason", vocabulary.ERROR_REASONS, "reasons of errors")
        yield from self._check_corrective_ids(error, f"{at}/correctiveEventIDs", name)
        if not isinstance(name, str):
            yield _Breach(at, Rule.DECLARATION, "an event without eventID cannot be declared wrong")
        elif name not in self._known:
            yield _Breach(at, Rule.NOT_KNOWN, f"{name} is no event of these files; name the one that has it")
        elif self._known[name] != _fingerprint(event, "errorDeclaration"):
            message = "differs from the event that it declares wrong, which it must repeat but for this and recordTime"
            yield _Breach(at, Rule.DECLARATION, message)

    def _check_corrective_ids(self, error: _Json, at: str, own: object) -> _Breaches:
        right = error.get("correctiveEventIDs", [])
        if not isinstance(right, list):
            yield _Breach(at, Rule.SHAPE, f"found {_type_name(right)}, a list is allowed")
            return
        named: set[str] = set()
        for number, name in enumerate(right):
            here = f"{at}/{number}"
            if not isinstance(name, str) or not _is_event_id(name):
                yield _Breach(here, Rule.EVENT_ID, f"found {_shorten(name)}, {_EVENT_IDS}")
            elif name == own:
                yield _Breach(here, Rule.DECLARATION, "an event cannot tell itself right")
            elif name in named:
                yield _Breach(here, Rule.TWICE, f"{name} is named twice")
            else:
                named.add(name)
                self._right.setdefault(name, here)


def _check_header(content: _Json) -> _Breaches:
    if content.get("type") != _DOCUMENT:
        yield _value_breach("/type", content, "type", _DOCUMENT)
    contexts = content.get("@context")
    named = contexts if isinstance(contexts, list) else [contexts]
    if not any(isinstance(one, str) and one.endswith("epcis-context.jsonld") for one in named):
        yield _value_breach("/@context", content, "@context", f"{vocabulary.CONTEXT}, or a list with it", Rule.CONTEXT)
    if not (isinstance(version := content.get("schemaVersion"), str) and re.fullmatch(r"2\.0(\.[0-9]+)?", version)):
        yield _value_breach("/schemaVersion", content, "schemaVersion", '"2.0"', Rule.VERSION)
    yield from _check_time(content, "", "creationDate", None, needed=True)
    yield from _check_members(content, "", _DOCUMENT_MEMBERS, _declared_prefixes(content))
    if isinstance(body := content.get("epcisBody"), dict):
        yield from _check_members(body, "/epcisBody", {"eventList"}, _declared_prefixes(content))


def _check_members(found: _Json, at: str, allowed: Collection[str], prefixes: Collection[str]) -> _Breaches:
    """Report unknown members: extensions must have a declared prefix or be absolute URIs."""
    for name in found:
        if name in allowed:
            continue
        compact, here = _COMPACT.fullmatch(name), f"{at}/{name[:_SHOWN]}"
        if not _ADDRESS.fullmatch(name):
            message = f"is no member here; allowed are {', '.join(sorted(allowed))}, and addresses of your own"
            yield _Breach(here, Rule.UNKNOWN, message)
        elif compact and compact[1] not in {*prefixes, "urn"}:
            yield _Breach(here, Rule.CONTEXT, f"the prefix {compact[1][:_SHOWN]} is not declared in @context")


def _check_time(found: _Json, at: str, member: str, created: datetime | None, *, needed: bool) -> _Breaches:
    if member not in found and not needed:
        return
    moment = _parse_time(found.get(member))
    if moment is None:
        allowed = "a moment with its offset, such as 2026-11-20T07:15:02.417Z"
        yield _value_breach(f"{at}/{member}", found, member, allowed, Rule.TIME)
    elif created is not None and moment > created:
        yield _Breach(
            f"{at}/{member}", Rule.FUTURE, f"{found[member]} is later than the document, which cannot know it"
        )


_EVENT_IDS = "allowed are urn:uuid:… and ni:///sha-256;…?ver=CBV2.0"


def _check_event_id(event: _Json, at: str) -> _Breaches:
    name = event.get("eventID")
    if not isinstance(name, str) or not _is_event_id(name):
        message = f"{_EVENT_IDS}: without one, nobody can correct it, and it is doubled when it comes again"
        yield _value_breach(f"{at}/eventID", event, "eventID", message, Rule.EVENT_ID)


def _is_event_id(name: str) -> bool:
    if name.startswith("urn:uuid:"):
        own = name.removeprefix("urn:uuid:")
        try:
            return str(UUID(own)) == own.lower()
        except ValueError:
            return False
    return _HASHED.fullmatch(name) is not None


def _check_action_step_disposition(event: _Json, at: str, kind: str) -> _Breaches:
    action = event.get("action")
    known = isinstance(action, str) and action in vocabulary.ACTIONS
    if "action" in _MEMBERS.get(kind, ()) and not known:
        yield _value_breach(f"{at}/action", event, "action", " or ".join(sorted(vocabulary.ACTIONS)), Rule.ACTION)
    for member, words, called in (
        ("bizStep", vocabulary.BIZ_STEPS, "business steps"),
        ("disposition", vocabulary.DISPOSITIONS, "dispositions"),
    ):
        if member in event:
            yield from _check_word(event[member], f"{at}/{member}", words, called)
    if "persistentDisposition" in event:
        yield from _check_persistent_disposition(event["persistentDisposition"], f"{at}/persistentDisposition")
    if "ilmd" in event and known and action != "ADD":
        yield _Breach(f"{at}/ilmd", Rule.ACTION, "what is told of new objects goes with the action ADD only")


def _check_persistent_disposition(found: object, at: str) -> _Breaches:
    if not isinstance(found, dict) or not {*found} or not {*found} <= {"set", "unset"}:
        yield _Breach(at, Rule.SHAPE, f"found {_type_name(found)}, allowed is an object with set, unset or both")
        return
    for member, words in found.items():
        if not isinstance(words, list) or not words:
            yield _Breach(f"{at}/{member}", Rule.SHAPE, f"found {_type_name(words)}, allowed is a list of dispositions")
            continue
        for number, word in enumerate(words):
            yield from _check_word(word, f"{at}/{member}/{number}", vocabulary.DISPOSITIONS, "dispositions")


def _check_word(found: object, at: str, words: frozenset[str], called: str) -> _Breaches:
    """Check a CBV word: a known bare name, or a URI of another vocabulary."""
    if isinstance(found, str) and found.startswith(vocabulary.CBV_PREFIXES):
        yield _Breach(at, Rule.WORD, f"found {found!r}; JSON of EPCIS 2.0 has the bare name")
    elif not isinstance(found, str) or (found not in words and not _ADDRESS.fullmatch(found)):
        yield _Breach(
            at, Rule.WORD, f"found {_shorten(found)}, allowed are CBV 2.0's {called} and addresses of your own"
        )


def _check_places(event: _Json, at: str) -> _Breaches:
    for member in ("readPoint", "bizLocation"):
        if member not in event:
            continue
        here, place = f"{at}/{member}", event[member]
        if not isinstance(place, dict):
            yield _Breach(here, Rule.SHAPE, f'found {_type_name(place)}, allowed is {{"id": "…"}}')
        else:
            yield from _check_identifier(place.get("id"), f"{here}/id", _A_PLACE, "a place")


def _check_identifier(found: object, at: str, allowed: Collection[KeyKind], called: str) -> _Breaches:
    """Check an identifier; a GS1 key must be valid, and of an allowed kind."""
    if not isinstance(found, str) or not _ADDRESS.fullmatch(found):
        yield _Breach(at, Rule.ADDRESS, f"found {_shorten(found)}, {called} is named by an address")
        return
    try:
        key = parse_key(found)
    except InvalidKey as fault:
        yield _Breach(at, Rule.KEY, str(fault))
        return
    if key is not None and key.kind not in allowed:
        yield _Breach(at, Rule.LEVEL, f"{found} is a key of the kind {key.kind}; {called} must stand here")


def _check_objects(event: _Json, at: str, kind: str) -> _Breaches:
    allowed = _MEMBERS.get(kind, frozenset())
    for member in _THINGS:
        if member in event and member in allowed:
            yield from _check_epc_list(event[member], f"{at}/{member}")
    for member in _KINDS_OF_THINGS:
        if member in event and member in allowed:
            yield from _check_quantity_list(event[member], f"{at}/{member}")
    if "parentID" in event and "parentID" in allowed:
        yield from _check_identifier(event["parentID"], f"{at}/parentID", _ONE_THING | _A_PLACE, "one thing")
        children = event.get("childEPCs")
        if isinstance(children, list) and event["parentID"] in children:
            yield _Breach(f"{at}/parentID", Rule.PARENT, "it is among its own children")
    yield from _check_names_object(event, at, kind)


def _check_names_object(event: _Json, at: str, kind: str) -> _Breaches:
    """Check that the event names an object."""
    has = {member for member in event if event[member] not in ([], None)}
    if kind in _ABOUT:
        yield from _ABOUT[kind](has, at, event.get("action"))


def _check_object_event(has: set[str], at: str, _: object) -> _Breaches:
    sensed = "sensorElementList" in has and has & {"readPoint", "bizLocation"}
    if not has & {"epcList", "quantityList"} and not sensed:
        yield _Breach(at, Rule.NOTHING, "names no object: epcList or quantityList must have one")


def _check_children(has: set[str], at: str, action: object, *, always: bool = False) -> _Breaches:
    if "parentID" not in has and (action != "OBSERVE" or always):
        yield _Breach(f"{at}/parentID", Rule.PARENT, f"must be given with {action}")
    if not has & {"childEPCs", "childQuantityList"} and action != "DELETE":
        yield _Breach(at, Rule.NOTHING, "names no child: childEPCs or childQuantityList must have one")


def _check_transaction(has: set[str], at: str, action: object) -> _Breaches:
    if "bizTransactionList" not in has:
        yield _Breach(f"{at}/bizTransactionList", Rule.MISSING, "must be given, with one at the least")
    if not has & {"epcList", "quantityList", "parentID"} and action != "DELETE":
        yield _Breach(at, Rule.NOTHING, "names no object")


def _check_transformation(has: set[str], at: str, _: object) -> _Breaches:
    came, went = has & {"inputEPCList", "inputQuantityList"}, has & {"outputEPCList", "outputQuantityList"}
    if not (came and went) and not ("transformationID" in has and (came or went)):
        yield _Breach(at, Rule.NOTHING, "names no input and output, and no transformationID with one of them")


_ABOUT: Mapping[str, Callable[[set[str], str, object], _Breaches]] = {
    "ObjectEvent": _check_object_event,
    "AggregationEvent": _check_children,
    "AssociationEvent": partial(_check_children, always=True),
    "TransactionEvent": _check_transaction,
    "TransformationEvent": _check_transformation,
}


def _check_epc_list(found: object, at: str) -> _Breaches:
    if not isinstance(found, list):
        yield _Breach(at, Rule.SHAPE, f"found {_type_name(found)}, a list is allowed")
        return
    named: set[str] = set()  # A set, since a list may have a hundred thousand.
    for number, one in enumerate(found):
        yield from _check_identifier(one, f"{at}/{number}", _ONE_THING, "one thing")
        if isinstance(one, str):
            if one in named:
                yield _Breach(f"{at}/{number}", Rule.TWICE, f"{_shorten(one)} is named twice")
            named.add(one)


def _check_quantity_list(found: object, at: str) -> _Breaches:
    if not isinstance(found, list):
        yield _Breach(at, Rule.SHAPE, f"found {_type_name(found)}, a list is allowed")
        return
    for number, one in enumerate(found):
        here = f"{at}/{number}"
        if not isinstance(one, dict):
            yield _Breach(here, Rule.SHAPE, f"found {_type_name(one)}, allowed is an object with epcClass and quantity")
            continue
        for name in sorted({*one} - {"epcClass", "quantity", "uom"}):
            yield _Breach(f"{here}/{name}", Rule.UNKNOWN, "is no member here; allowed are epcClass, quantity and uom")
        yield from _check_identifier(one.get("epcClass"), f"{here}/epcClass", _A_KIND, "a kind of things")
        yield from _check_quantity(one, here)


def _check_quantity(one: _Json, at: str) -> _Breaches:
    """Check a QuantityElement: a count is whole without unit, a measure has one; both are positive."""
    quantity, uom = one.get("quantity"), one.get("uom")
    if "quantity" in one and not _is_positive(quantity):
        yield _Breach(f"{at}/quantity", Rule.QUANTITY, f"found {_shorten(quantity)}, a positive number is allowed")
        return
    if "uom" in one:
        if not isinstance(uom, str) or uom not in vocabulary.MEASURE_UNITS:
            message = "allowed is a code of UN/ECE Recommendation 20 that measures, such as KGM or LTR"
            yield _Breach(f"{at}/uom", Rule.UNIT, f"found {_shorten(uom)}, {message}; what is counted has none")
        elif "quantity" not in one:
            yield _Breach(f"{at}/uom", Rule.UNIT, "stands without a quantity")
    elif quantity is not None and quantity != int(quantity):
        yield _Breach(f"{at}/quantity", Rule.QUANTITY, f"found {quantity} without uom; what is counted is whole")
    measured = _is_measured(one.get("epcClass"))
    if measured is True and "uom" not in one and "quantity" in one:
        yield _Breach(f"{at}/uom", Rule.UNIT, "must be given: the GTIN begins with 9, and such items are measured")
    if measured is False and "uom" in one:
        yield _Breach(f"{at}/uom", Rule.UNIT, "may not stand here: the GTIN is of a case or the like, which is counted")


def _is_positive(found: object) -> bool:
    # Python parses whole numbers beyond the range of a double, for which `isfinite` raises an error.
    return isinstance(found, int | float) and not isinstance(found, bool) and 0 < found < inf


def _is_measured(epc_class: object) -> bool | None:
    try:
        key = parse_key(epc_class) if isinstance(epc_class, str) else None
    except InvalidKey:
        return None
    return key.is_measured if key is not None and key.kind in _A_KIND else None


def _check_references(event: _Json, at: str, kind: str) -> _Breaches:
    if kind not in _MEMBERS:
        return
    if "bizTransactionList" in event:
        of_type = (vocabulary.TRANSACTION_TYPES, "types of business transactions")
        yield from _check_typed_list(
            event, at, "bizTransactionList", "bizTransaction", of_type, _check_document_reference
        )
    for member, name in (("sourceList", "source"), ("destinationList", "destination")):
        if member in event:
            of_type = (vocabulary.PARTY_TYPES, "types of sources and destinations")
            yield from _check_typed_list(event, at, member, name, of_type, _check_party)
    if "sensorElementList" in event and not isinstance(event["sensorElementList"], list):
        yield _Breach(f"{at}/sensorElementList", Rule.SHAPE, "a list is allowed")


def _check_typed_list(
    event: _Json,
    at: str,
    member: str,
    name: str,
    of_type: tuple[frozenset[str], str],
    look: Callable[[object, str], _Breaches],
) -> _Breaches:
    found, at = event[member], f"{at}/{member}"
    if not isinstance(found, list) or not found:
        yield _Breach(at, Rule.SHAPE, f"found {_type_name(found)}, allowed is a list with one at the least")
        return
    for number, one in enumerate(found):
        here = f"{at}/{number}"
        if not isinstance(one, dict):
            yield _Breach(here, Rule.SHAPE, f"found {_type_name(one)}, an object is allowed")
            continue
        for other in sorted({*one} - {"type", name}):
            yield _Breach(f"{here}/{other}", Rule.UNKNOWN, f"is no member here; allowed are type and {name}")
        if "type" in one or name != "bizTransaction":
            yield from _check_word(one.get("type"), f"{here}/type", *of_type)
        yield from look(one.get(name), f"{here}/{name}")


def _check_document_reference(found: object, at: str) -> _Breaches:
    if not isinstance(found, str) or not _ADDRESS.fullmatch(found):
        yield _Breach(at, Rule.ADDRESS, f"found {_shorten(found)}, a document is named by an address")
    elif found.startswith("urn:epcglobal:cbv:bt:"):
        parts = _DOCUMENT_NUMBER.fullmatch(found)
        try:
            if parts is None:
                raise InvalidKey(f"found {found!r}")
            check_key_digits(parts[1], GLN, "GLN")
        except InvalidKey as fault:
            yield _Breach(at, Rule.DOCUMENT, f"{fault}; allowed is urn:epcglobal:cbv:bt:GLN:NUMBER")


def _check_party(found: object, at: str) -> _Breaches:
    return _check_identifier(found, at, _A_PLACE, "a party or a place")


def _value_breach(at: str, of: _Json, member: str, allowed: str, rule: Rule = Rule.SHAPE) -> _Breach:
    if member not in of:
        return _Breach(at, Rule.MISSING, f"must be given: {allowed}")
    return _Breach(at, rule, f"found {_shorten(of[member])}, allowed is {allowed}")


def _declared_prefixes(of: _Json) -> frozenset[str]:
    contexts = of.get("@context")
    named = contexts if isinstance(contexts, list) else [contexts]
    return _GLOBAL_PREFIXES.union(*({*one} for one in named if isinstance(one, dict)))


def _parse_time(found: object) -> datetime | None:
    if not isinstance(found, str) or not _MOMENT.fullmatch(found):
        return None
    return parse_iso(found)


def _fingerprint(event: _Json, *without: str) -> str:
    """Hash of an event's content, without the time at which a repository recorded it, and without these members."""
    content = {name: value for name, value in event.items() if name not in {"recordTime", "@context", *without}}
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _format_offset(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta()).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


_CALLED = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}


def _type_name(found: object) -> str:
    if found in ([], {}):
        return "an empty one"
    return _CALLED.get(type(found), "a number")


def _shorten(found: object) -> str:
    text = json.dumps(found, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
