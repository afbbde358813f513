"""The journal's codec: readings, verdicts, drafts and receipts as JSON columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from dockvoice_protocol.instants import to_utc
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Receipt
from edge.records import NOTHING_STANDS, Cause, Draft, Outcome, StandingContext, Verdict

_READING = TypeAdapter(Reading)
_DRAFT = TypeAdapter(Draft)
_FIELD = TypeAdapter(FieldReading)
_REASONS = TypeAdapter(tuple[Cause, ...])


def to_json(value: object) -> str:
    """Encode a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse_fields(stored: str) -> dict[str, FieldValue]:
    """Parse stored fields; a JSON list becomes a tuple."""
    fields: dict[str, Any] = json.loads(stored)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def format_time(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: sorts by time as text."""
    return to_utc(moment).isoformat(timespec="microseconds")


def now() -> str:
    """The current time, as `format_time` formats it."""
    return format_time(datetime.now(UTC))


def reading_json(reading: Reading) -> str:
    """Encode a reading with its usage and its opinions."""
    return to_json(_reading_members(reading))


def parse_reading(stored: Mapping[str, Any]) -> Reading:
    """Decode a reading with its opinions, without usage."""
    opinions = tuple(map(parse_reading, stored["opinions"]))
    return _READING.validate_python({**stored, "usage": None, "opinions": opinions})


def reasons_json(verdict: Verdict) -> str:
    """Encode the reasons of a verdict."""
    return to_json(_REASONS.dump_python(verdict.reasons, mode="json"))


def parse_verdict(row: Mapping[str, Any]) -> Verdict | None:
    """The verdict in a row of `utterances`; None without one."""
    if row["outcome"] is None:
        return None
    reasons = _REASONS.validate_json(row["reasons"])
    return Verdict(Outcome(row["outcome"]), reasons, parse_fields(row["fields"]), row["ask"])


def draft_json(draft: Draft | None) -> str | None:
    """Encode a draft; None stays None."""
    if draft is None:
        return None
    return to_json(_draft_members(draft))


def parse_draft(stored: str | None) -> Draft | None:
    """Decode a draft, its reading without usage."""
    if stored is None:
        return None
    return _parse_draft_members(json.loads(stored))


def _draft_members(draft: Draft) -> dict[str, Any]:
    # Omitted where empty, as in most drafts.
    exclude = {"reading", "behind", *(name for name in ("counted", "stands", "begun") if not getattr(draft, name))}
    behind = {"behind": [_draft_members(one) for one in draft.behind]} if draft.behind else {}
    written = _DRAFT.dump_python(draft, mode="json", exclude=exclude)
    return {**written, "reading": _reading_members(draft.reading), **behind}


def _parse_draft_members(row: Mapping[str, Any]) -> Draft:
    behind = tuple(map(_parse_draft_members, row.get("behind", ())))
    return _DRAFT.validate_python({**row, "reading": parse_reading(row["reading"]), "behind": behind})


def context_json(context: StandingContext) -> str | None:
    """Encode the standing context, with a list of all utterances that it rests on; None where it is empty."""
    if not context:
        return None
    read = (*context.fields.values(), *context.fields_elsewhere.values())
    by = list(dict.fromkeys(utterance for one in read for utterance in one.said_in))
    return to_json(
        {
            "fields": _context_members(context.fields),
            "elsewhere": None if context.elsewhere is None else _context_members(context.elsewhere),
            "untold": list(context.not_read_back),
            "doubted": sorted(context.doubted),
            "operator": context.operator,
            "shift": context.shift,
            "said_in": by,
        }
    )


def parse_context(stored: str | None) -> StandingContext:
    """Decode the standing context."""
    if stored is None:
        return NOTHING_STANDS
    row = json.loads(stored)
    shift = None if row["shift"] is None else (row["shift"][0], row["shift"][1])
    # Devices stored neither of these before.
    doubted, elsewhere = frozenset[str](row.get("doubted", ())), row.get("elsewhere")
    other = None if elsewhere is None else _parse_context_members(elsewhere)
    fields = _parse_context_members(row["fields"])
    return StandingContext(fields, tuple(row["untold"]), row["operator"], shift, doubted, other)


def _context_members(fields: Mapping[str, FieldReading]) -> dict[str, Any]:
    return {name: _field_members(_FIELD.dump_python(one, mode="json")) for name, one in fields.items()}


def _parse_context_members(row: Mapping[str, Any]) -> dict[str, FieldReading]:
    return {name: _FIELD.validate_python(one) for name, one in row.items()}


def receipt_json(receipt: Receipt | None) -> str | None:
    """Encode a receipt; None stays None: the PUBACK settled it."""
    return None if receipt is None else to_json({"outcome": receipt.outcome.value, "reasons": list(receipt.reasons)})


def _reading_members(reading: Reading) -> dict[str, Any]:
    # `deferrable`, `unrecorded` and `preface` are transient. The fields may be a Mapping that is no dict.
    whole = replace(reading, fields=dict(reading.fields), opinions=())
    written: dict[str, Any] = _READING.dump_python(whole, mode="json", exclude={"deferrable", "unrecorded", "preface"})
    for field in written["fields"].values():
        _field_members(field)
    return {**written, "opinions": [_reading_members(opinion) for opinion in reading.opinions]}


def _field_members(field: dict[str, Any]) -> dict[str, Any]:
    """Omit the optional members that are empty."""
    for name in ("scanned", "seconded", "said_in", "by_end", "denied", "unexplained"):
        if not field[name]:
            del field[name]
    return field
