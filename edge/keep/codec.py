"""The journal's codec: how readings, verdicts, drafts and receipts are written into its columns, as JSON, and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from dockvoice_protocol.instants import in_utc
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Receipt
from edge.records import NOTHING_STANDS, Because, Draft, Outcome, StandingContext, Verdict

_READING = TypeAdapter(Reading)
_DRAFT = TypeAdapter(Draft)
_FIELD = TypeAdapter(FieldReading)
_REASONS = TypeAdapter(tuple[Because, ...])


def to_json(value: object) -> str:
    """Compact JSON, as it is stored."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fields_of(stored: str) -> dict[str, FieldValue]:
    """The values of fields as they were stored. A list of JSON is the tuple that it was written from."""
    fields: dict[str, Any] = json.loads(stored)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def to_time(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: as text it sorts by time."""
    return in_utc(moment).isoformat(timespec="microseconds")


def now() -> str:
    """The time of what is written now."""
    return to_time(datetime.now(UTC))


def reading_json(reading: Reading) -> str:
    """A reading as it is stored, with its usage and its opinions."""
    return to_json(_written(reading))


def reading_of(stored: Mapping[str, Any]) -> Reading:
    """A reading as it was stored, with its opinions, without usage."""
    opinions = tuple(map(reading_of, stored["opinions"]))
    return _READING.validate_python({**stored, "usage": None, "opinions": opinions})


def reasons_json(verdict: Verdict) -> str:
    """The reasons of a verdict as they are stored."""
    return to_json(_REASONS.dump_python(verdict.reasons, mode="json"))


def verdict_of(row: Mapping[str, Any]) -> Verdict | None:
    """The verdict in a row of `utterances`; None where none fell."""
    if row["outcome"] is None:
        return None
    reasons = _REASONS.validate_json(row["reasons"])
    return Verdict(Outcome(row["outcome"]), reasons, fields_of(row["fields"]), row["ask"])


def draft_json(draft: Draft | None) -> str | None:
    """A draft as it is stored; None stays None: nothing is being agreed."""
    if draft is None:
        return None
    # Of most there are none, and they are not written.
    exclude = {"reading", *(name for name in ("counted", "stands") if not getattr(draft, name))}
    return to_json({**_DRAFT.dump_python(draft, mode="json", exclude=exclude), "reading": _written(draft.reading)})


def draft_of(stored: str | None) -> Draft | None:
    """A draft as it was stored, its reading without usage."""
    if stored is None:
        return None
    row = json.loads(stored)
    return _DRAFT.validate_python({**row, "reading": reading_of(row["reading"])})


def context_json(context: StandingContext) -> str | None:
    """The standing context as it is stored, with a list of all utterances that it rests on; None where none stands."""
    if not context:
        return None
    fields = {name: _field_written(_FIELD.dump_python(one, mode="json")) for name, one in context.fields.items()}
    by = list(dict.fromkeys(utterance for one in context.fields.values() for utterance in one.said_in))
    return to_json(
        {
            "fields": fields,
            "untold": list(context.untold),
            "operator": context.operator,
            "shift": context.shift,
            "said_in": by,
        }
    )


def context_of(stored: str | None) -> StandingContext:
    """The standing context as it was stored."""
    if stored is None:
        return NOTHING_STANDS
    row = json.loads(stored)
    fields = {name: _FIELD.validate_python(one) for name, one in row["fields"].items()}
    shift = None if row["shift"] is None else (row["shift"][0], row["shift"][1])
    return StandingContext(fields, tuple(row["untold"]), row["operator"], shift)


def receipt_json(receipt: Receipt | None) -> str | None:
    """A receipt as it is stored; None stays None: the broker settled it."""
    return None if receipt is None else to_json({"outcome": receipt.outcome.value, "reasons": list(receipt.reasons)})


def _written(reading: Reading) -> dict[str, Any]:
    # That it may be deferred belongs to the moment, and is not kept. Its fields may be a Mapping that is no dict.
    whole = replace(reading, fields=dict(reading.fields), opinions=())
    written: dict[str, Any] = _READING.dump_python(whole, mode="json", exclude={"deferrable", "unrecorded"})
    for field in written["fields"].values():
        _field_written(field)
    return {**written, "opinions": [_written(opinion) for opinion in reading.opinions]}


def _field_written(field: dict[str, Any]) -> dict[str, Any]:
    """What most fields have not is left out."""
    for name in ("scanned", "said_in", "by_end", "denied", "unexplained"):
        if not field[name]:
            del field[name]
    return field
