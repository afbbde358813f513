"""Instants by the clock of a zone, from the first that there is to the last."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from dockvoice_protocol.instants import FIRST, LAST, find_zone, format_local, to_utc, to_zone
from dockvoice_protocol.plain_file import shipped_directory
from tests.rows import each_of, every

WEST, EAST = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")


@each_of("zone", [WEST, EAST, UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12"), None])
def test_every_instant_has_a_clock_in_every_zone(zone: ZoneInfo | None) -> None:
    ends = [timezone(timedelta(hours=hours)) for hours in (-23, 0, 23)]
    naive = [end.replace(tzinfo=None) for end in (FIRST, LAST)]  # of this machine's own zone
    odd = [*naive, *(end.replace(tzinfo=there) for end in (FIRST, LAST) for there in ends)]

    def is_told(instant: datetime) -> None:
        found = to_zone(instant, zone)
        assert found.tzinfo is not None
        assert abs(to_utc(found) - to_utc(instant)) < timedelta(days=2)
        if zone is not None:
            assert re.fullmatch(r"(000[12]|9999)-\d\d-\d\d \d\d:\d\d:\d\d( UTC)?", format_local(instant, zone))

    every(odd, is_told)


def test_what_no_clock_there_shows_is_told_by_utc_and_says_so() -> None:
    assert format_local(FIRST, WEST) == "0001-01-01 00:00:00 UTC"
    assert format_local(FIRST, EAST) == "0001-01-01 09:18:59"
    assert format_local(LAST, EAST) == "9999-12-31 23:59:59 UTC"
    assert format_local(LAST, WEST) == "9999-12-31 18:59:59"
    assert format_local(datetime(2026, 7, 1, 12, tzinfo=UTC), WEST) == "2026-07-01 08:00:00"


def test_what_is_no_zone_is_told_whatever_the_database_has_by_that_name() -> None:
    assert find_zone("Europe/Berlin") is ZoneInfo("Europe/Berlin")

    def is_none(name: str) -> None:
        with pytest.raises(ValueError, match="a name of the time zone database is allowed"):
            find_zone(name)

    every(["America", "", "..", "/etc/localtime", "zone.tab", "Europe/Berlin/x", "x" * 300, "a\0b"], is_none)


def test_there_is_one_way_from_zone_to_zone() -> None:
    """Only what the clock says now needs no care."""
    root = shipped_directory("schemas").parent
    found = [
        f"{path.relative_to(root)}:{number}"
        for room in ("protocol", "edge", "inventory")
        for path in sorted((root / room).rglob("*.py"))
        if path.name != "instants.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if ".astimezone(" in re.sub(r"now\((UTC)?\)\.astimezone\(\)", "", line)
    ]
    assert found == []
