"""Particulars: what an entry carries beside the form's fields: its business day, its context, quantities in base units.

Pure. None of it is said for its own sake: each part follows from what the site has set down, or is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dockvoice_protocol.instants import in_utc, in_zone
from dockvoice_protocol.records import Converted, FieldValue


@dataclass(frozen=True, slots=True)
class Workday:
    """Where a moment stands among the days and shifts of a site."""

    business_day: date
    shift: str | None  # None where the site names no shifts.
    zone: str  # As the time zone database names it: Europe/Berlin.
    utc_offset: str  # As it was at that moment: `+01:00`.


@dataclass(frozen=True, slots=True)
class SiteTime:
    """How a site counts its days: by the clock on its wall, which may be put forward and back."""

    zone: ZoneInfo
    day_begins: time = time()
    shifts: Mapping[str, time] = field(default_factory=dict)  # When each begins; it lasts until another one does.

    def at(self, moment: datetime) -> Workday:
        """The business day and the shift of a moment.

        Each begins at one moment. Where the clock is put back over its beginning, that is the first time; where it is
        put forward over it, as much later as the clock was put forward, as RFC 5545 has it for calendars.
        """
        here = in_zone(moment, self.zone)
        days = (here.date() - timedelta(days=1), here.date())
        day = max(day for day in days if day == days[0] or self._beginning(day, self.day_begins) <= moment)
        begun = [(self._beginning(day, at), name) for day in days for name, at in self.shifts.items()]
        shift = max(((at, name) for at, name in begun if at <= moment), default=(moment, None))[1]
        offset = here.strftime("%z")
        return Workday(day, shift, self.zone.key, f"{offset[:3]}:{offset[3:5]}")

    def _beginning(self, day: date, at: time) -> datetime:
        # In UTC: moments of one zone are compared by the wall clock, which reads the same twice when it is put back.
        return in_utc(datetime.combine(day, at, self.zone))


@dataclass(frozen=True, slots=True)
class Particulars:
    """What one entry carries beside the form's fields."""

    workday: Workday | None = None  # None where the site has set no time zone.
    context: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """What it belongs to: those of its fields that the form names for that, such as trailer and order."""
    converted: Mapping[str, Converted] = field(default_factory=dict, repr=False)
    """By the field that was counted: the same in the base unit, where the item's master data have a factor."""
