"""The console's figures: what is counted, by the hour of the site's clock, and of whom it is not shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from inventory.console.accounts import Role
from inventory.console.pages.figures import round_steps
from inventory.console.rendering import format_duration
from inventory.queries import figures
from tests.console import console
from tests.dictated import amended, cancelled, recorded
from tests.rows import every
from tests.store import Read

BERLIN = ZoneInfo("Europe/Berlin")


def said(number: int, minute: int, operator: str | None, answers: int = 0) -> dict[str, Any]:
    made = recorded(number)
    made["data"]["operator"] = operator
    if answers:
        made["data"]["support"] = [made["data"]["utterance"]] * answers
    return made | {"time": f"2026-11-21T{7 + minute // 60:02}:{minute % 60:02}:00.000Z"}


def test_an_hour_has_what_was_said_in_it_by_the_clock_of_the_site(url: str, tmp_path: Path, event: Read) -> None:
    with console(tmp_path, url, zone="Europe/Berlin") as site:
        for number, minute in enumerate((0, 59, 60, 61, 62), 1):
            site.store.apply(event(said(number, minute, f"op-{number}", answers=number % 2)))
        site.store.apply(event(amended(6, 1) | {"time": "2026-11-21T08:30:00.000Z"}))
        site.store.apply(event(cancelled(7, 2) | {"time": "2026-11-21T08:31:00.000Z"}))
        since = datetime(2026, 11, 20, 23, tzinfo=UTC)
        with site.place.transaction() as transaction:
            found = figures.load_figures(transaction, since, 24, BERLIN)
            empty = figures.load_figures(transaction, since, 24, BERLIN, form="damage")
        hours = {hour.hour: (one.entries, one.answers, one.corrected) for hour, one in found.hours if one.entries}
    assert hours == {8: (2, 1, 2), 9: (3, 2, 0)}
    assert (found.whole.entries, found.whole.answers_per_entry, found.whole.corrected_percent) == (5, 0.6, 40.0)
    assert found.delays is not None
    assert (empty.whole.entries, empty.withheld, empty.delays) == (0, False, None)


def test_no_figure_is_shown_of_fewer_than_five_unless_the_site_says_so(tmp_path: Path, event: Read) -> None:
    with console(tmp_path) as site:
        for number in range(1, 9):
            site.store.apply(event(said(number, number, f"op-{number % 4}")))
        site.store.apply(event(said(9, 20, None)))
        with site.client("ana", Role.ADMIN) as browser:
            few = browser.get("/figures?day=2026-11-21").text
            site.store.apply(event(said(10, 30, "op-<b>")))
            five = browser.get("/figures?day=2026-11-21&span=week").text
            narrowed = browser.get("/figures?day=2026-11-21&form=damage").text
    assert "Fewer than 5 operators" in few
    assert "<rect" not in few
    assert "op-1" not in few
    assert five.count("<rect") >= 1
    assert '<th scope="row">op-' not in five
    assert "Nothing was said" in narrowed
    second = tmp_path / "allowed"
    second.mkdir()
    with console(second, per_operator=True) as site, site.client("ana", Role.VIEWER) as browser:
        site.store.apply(event(said(1, 1, "op-<b>")))
        alone = browser.get("/figures?day=2026-11-21").text
    assert "op-&lt;b&gt;" in alone


def test_a_day_on_which_clocks_are_changed_has_its_hours_and_odd_days_are_answered(tmp_path: Path) -> None:
    with console(tmp_path, zone="Europe/Berlin") as site, site.client("ana", Role.VIEWER) as browser:

        def answers(query: str) -> None:
            assert browser.get(f"/figures?{query}").status_code == 200

        days = [
            "day=2026-03-29",
            "day=2026-10-25",
            "day=x",
            "day=9998-12-31",
            "day=1971-01-01",
            "span='",
            "day=2026-02-30",
        ]
        every([*days, "device=%00", "device=a/b", "form=' OR 1=1 --"], answers)


def test_an_axis_has_a_few_round_figures_and_reaches_the_highest_bar() -> None:
    rows: dict[str, tuple[float, float, list[float]]] = {
        "nothing": (0, 1, [0, 1]),
        "one entry": (1, 1, [0, 1]),
        "six entries": (6, 1, [0, 2, 4, 6]),
        "seven": (7, 1, [0, 2, 4, 6, 8]),
        "many": (1234, 1, [0, 500, 1000, 1500]),
        "a share": (0.31, 0, [0, 0.1, 0.2, 0.3, 0.4]),
        "no share": (0, 0, [0, 1]),
        "all": (100, 0, [0, 50, 100]),
    }

    def is_round(row: tuple[float, float, list[float]]) -> None:
        most, least, wanted = row
        assert round_steps(most, least) == pytest.approx(wanted)

    every(rows, is_round)


def test_how_long_something_takes_is_said_as_people_say_it() -> None:
    rows = {0.04: "0.0 s", 2.44: "2.4 s", 9.97: "10 s", 59.6: "1 min", 90: "2 min", 3599: "1 h", 13_800: "3 h 50 min"}
    rows |= {86_400: "1 d", 190_000: "2 d 5 h"}
    assert {seconds: format_duration(seconds) for seconds in rows} == rows
