"""Attributes of an entry beside the form's fields: business day and shift, context, quantities in base units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Converted
from edge.config import Settings
from edge.records import Entry, Particulars, Shift, SiteTime

ParticularsOf = Callable[[Entry], Particulars]


def make_particulars(settings: Settings, form: Form, catalogue: Catalogue) -> ParticularsOf:
    """Return the function that computes an entry's attributes beside the form's fields."""
    clock = _make_site_time(settings)

    def particulars_of(entry: Entry) -> Particulars:
        return Particulars(
            workday=None if clock is None else clock.at(entry.recorded_at),
            context={name: entry.fields[name] for name in form.context if name in entry.fields},
            converted=dict(_convert_quantities(entry, form, catalogue)),
        )

    return particulars_of


def _make_site_time(settings: Settings) -> SiteTime | None:
    """The site's business days and shifts; None where the settings have no time zone."""
    workday = settings.workday
    if workday.zone is None:
        return None
    shifts = {name: time.fromisoformat(begins) for name, begins in workday.shifts.items()}
    return SiteTime(ZoneInfo(workday.zone), time.fromisoformat(workday.begins), shifts)


def make_shift_lookup(settings: Settings) -> Callable[[], Shift | None]:
    """Return the function for the site's current business day and shift; None without a time zone."""
    clock = _make_site_time(settings)

    def current_shift() -> Shift | None:
        if clock is None:
            return None
        workday = clock.at(datetime.now(UTC))
        return workday.business_day.isoformat(), workday.shift

    return current_shift


def _convert_quantities(entry: Entry, form: Form, catalogue: Catalogue) -> Iterator[tuple[str, Converted]]:
    for unit in form.fields:
        if unit.unit_of is None or unit.factors_by is None:
            continue
        quantity, item = entry.fields.get(unit.unit_of), form[unit.factors_by]
        factor = catalogue.factor(item.catalogue, entry.fields.get(item.name), entry.fields.get(unit.name))
        if factor is None or isinstance(quantity, bool) or not isinstance(quantity, int | float):
            continue
        if (converted := factor.times(quantity)) is not None:
            yield unit.unit_of, converted
