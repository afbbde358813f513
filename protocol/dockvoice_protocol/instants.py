"""Instants in a time zone, also in the years 1 and 9999.

A clock west of Greenwich has no year 1 for its first hours, one east of it no year 10000. Such an instant comes from a
device with a wrong clock, or from a foreign one; a list must not fail over it.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def to_zone(instant: datetime, zone: tzinfo | None) -> datetime:
    """The instant by the clock of the zone (None: of this machine); in UTC where that clock has no such day."""
    try:
        return instant.astimezone(zone)
    except (OverflowError, ValueError):
        return to_utc(instant)


def to_utc(instant: datetime) -> datetime:
    """The instant in UTC, limited to the first and the last that datetime can hold."""
    try:
        return instant.astimezone(UTC)
    except (OverflowError, ValueError):
        return LAST if instant.year == LAST.year else FIRST


def format_local(instant: datetime, zone: tzinfo) -> str:
    """The local time for people, `2026-11-22 08:00:00`, with ` UTC` behind it where the zone has no such day."""
    there = to_zone(instant, zone)
    beside = "" if there.tzinfo is zone else " UTC"
    return f"{there.replace(tzinfo=None).isoformat(' ', 'seconds')}{beside}"  # %Y would write the year 1 as 1


def find_zone(name: str) -> ZoneInfo:
    """The zone with this name of the time zone database. Raises ValueError, which says what is allowed."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it names a directory of the database
        raise ValueError("a name of the time zone database is allowed, such as Europe/Berlin") from None


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, for example `2026-11-20T07:15:02.417Z`. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: events carry UTC")
    return to_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str, zone: tzinfo = UTC) -> datetime | None:
    """Parse an ISO 8601 text, in `zone` where it names none; None for any other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found
