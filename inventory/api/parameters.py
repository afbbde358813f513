"""Parameters and bodies: their types, validated before anything is looked up."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.instants import parse_iso, to_utc
from dockvoice_protocol.terminal.plain_text import is_plain_text
from inventory.store.tables import MAX_SEARCHED_CHARS

_MOST = 1000  # Most rows of one page: a message of some 500 kB.
_DIGITS = 18  # Most digits of a number, within every database's range.


class Query(BaseModel):
    """The parameters of path and query; unknown ones are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(BaseModel):
    """A JSON body, without type coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_plain(given: str) -> str:
    if not is_plain_text(given):
        raise ValueError("holds a character that nothing here can hold; leave it out")
    return given


def _parse_instant(given: str, info: ValidationInfo) -> datetime:
    """Parse a time, or a date as the first moment of the day on the site's clock."""
    found = parse_iso(given, (info.context or {})["zone"])
    if found is None:
        raise PydanticCustomError(
            "moment",
            "allowed is a day (2026-11-20) or a moment (2026-11-20T06:00:00Z; a + is written %2B in an address)",
        )
    if not 1970 < found.year < 9999:  # noqa: PLR2004 - the range of every database and time zone
        raise PydanticCustomError("moment", "allowed are the years 1971 to 9998")
    return found


def _parse_end(given: str, info: ValidationInfo) -> datetime:
    """Parse the end of a period; a date is the last moment of its day."""
    found = _parse_instant(given, info)
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return found
    return datetime.combine(day + timedelta(days=1), time.min, found.tzinfo)


_NAMED = f"^{LEVEL.pattern}$"

Site = Annotated[str, Field(pattern=_NAMED, description="The name of a site.", examples=["north"])]
Text = Annotated[str, Field(min_length=1, max_length=MAX_SEARCHED_CHARS), AfterValidator(_check_plain)]
Forms = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_SEARCHED_CHARS,
        pattern="^[^,]+(,[^,]+)*$",
        description="The names of forms, with a comma between; left out: every form.",
        examples=["receive,receive-notice"],
    ),
    AfterValidator(_check_plain),
]
Device = Annotated[
    str,
    Field(
        pattern=f"^{LEVEL.pattern}/{LEVEL.pattern}$",
        description="Site and name of a device.",
        examples=["north/dock-3"],
    ),
]
EventId = Annotated[Text, Field(description="The id of an event.", examples=["01919f3e-0001-7000-8000-000000000001"])]
_MOMENT: dict[str, Any] = {
    "type": "string",
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "examples": ["2026-11-20", "2026-11-20T06:00:00Z"],
}
Since = Annotated[str, AfterValidator(_parse_instant), WithJsonSchema(_MOMENT)]
Until = Annotated[str, AfterValidator(_parse_end), WithJsonSchema(_MOMENT)]
Limit = Annotated[int, Field(ge=1, le=_MOST, description=f"How many of one page, {_MOST} at most.")]
State = Literal["current", "amended", "cancelled"]


def encode_cursor(position: Sequence[str | int | datetime]) -> str:
    """Encode a sort key as an opaque cursor."""
    parts = [one.isoformat() if isinstance(one, datetime) else one for one in position]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def _check_cursor(given: str, kinds: tuple[type, ...]) -> str:
    decode_cursor(given, kinds)
    return given


def decode_cursor(given: str, kinds: tuple[type, ...]) -> Any:
    """Decode a cursor into parts of these types. Raises ValueError."""
    detail = "is no place that was given here; ask without it, or for `next` as it stands in an answer"
    try:
        found = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True))
        if not (isinstance(found, list) and len(found) == len(kinds)):
            raise ValueError(detail)
        return [_decode_part(one, kind) for one, kind in zip(found, kinds, strict=True)]
    except (ValueError, RecursionError):
        raise ValueError(detail) from None


def _decode_part(one: Any, kind: type) -> Any:
    """Decode one part of a cursor to a column's type. Raises ValueError."""
    whole = type(one) is int and 0 <= one < 10**_DIGITS
    text = isinstance(one, str) and one.isprintable() and len(one) <= MAX_SEARCHED_CHARS
    if not (whole if kind is int else text):
        raise ValueError
    if kind is not datetime:
        return one
    if (moment := datetime.fromisoformat(one)).tzinfo is None:
        raise ValueError
    return to_utc(moment)


def cursor_type(*kinds: type) -> Any:
    """Build the type of a cursor parameter with these part types."""
    return Annotated[
        str,
        Field(
            max_length=1000, pattern="^[A-Za-z0-9_-]+$", description="Where the page begins: as it stands in a `next`."
        ),
        AfterValidator(lambda given: _check_cursor(given, kinds)),
    ]
