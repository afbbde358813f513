from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import FormField, Gs1
from dockvoice_protocol.records import FieldReading
from edge.agree.policy import BALANCED, FAST, POLICIES, STRICT, Policy, find_highest_demand
from edge.records import Reason
from tests.rows import each_of

ROW = re.compile(r"^\| `(\w+)`[^|]*\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def of_form(repository: Path, form: str, field: str) -> FormField:
    return load_form(repository / "schemas" / "forms" / f"{form}.schema.json")[field]


def written(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value:g}"


def test_the_page_shows_the_table_of_the_code(repository: Path) -> None:
    page = (repository / "docs" / "decisions.md").read_text(encoding="utf-8")
    shown = {name: tuple(cell.strip() for cell in cells) for name, *cells in ROW.findall(page)}
    told = {
        row.name: tuple(written(getattr(policy, row.name)) for policy in (STRICT, BALANCED, FAST))
        for row in fields(Policy)
    }
    assert shown == told


def test_the_page_tells_of_every_reason_of_a_reading(repository: Path) -> None:
    page = (repository / "docs" / "decisions.md").read_text(encoding="utf-8")
    in_dialogue = {Reason.COMMAND, Reason.CONTEXT, Reason.ANSWER, Reason.TAKEN_BACK, Reason.NOT_LISTENING}
    assert [reason for reason in Reason if reason not in in_dialogue and f"`{reason}`" not in page] == []


@each_of(("stricter", "laxer"), [(STRICT, BALANCED), (BALANCED, FAST)])
def test_no_policy_is_stricter_in_one_row_and_laxer_in_another(stricter: Policy, laxer: Policy) -> None:
    more = (
        "minimum",
        "uncalibrated",
        "alike",
        "rhyming",
        "poor",
        "noisy_db",
        "faint_db",
        "seconds_per_digit",
        "earcon",
    )
    assert all(getattr(stricter, row) >= getattr(laxer, row) for row in (*more, "double_count_minutes", "asks_unusual"))
    assert all(getattr(stricter, row) <= getattr(laxer, row) for row in ("clipped", "second_voice"))


def test_a_site_that_wants_to_be_surer_is_surer_of_everything() -> None:
    raised = BALANCED.with_minimum(0.95)
    assert {raised.minimum, raised.uncalibrated, raised.alike, raised.poor} == {0.95}
    assert raised.rhyming == BALANCED.rhyming
    assert BALANCED.with_minimum(None) == BALANCED


def test_a_check_digit_that_fits_lowers_the_demand_and_never_to_nothing(repository: Path) -> None:
    plain = of_form(repository, "pallet-move", "pallet_id")
    checked = replace(plain, check_digit=Gs1.SSCC)
    said = FieldReading("006141411234567890", ("some", "words"), 0.9, calibrated=True)
    for policy in POLICIES.values():
        demand = find_highest_demand(checked, said, None, policy).confidence
        assert 0 < demand < find_highest_demand(plain, said, None, policy).confidence


def test_a_demand_tells_whether_the_value_is_easily_misheard(repository: Path) -> None:
    dock = of_form(repository, "pallet-move", "dock")
    said = FieldReading("H", ("dock", "h"), 0.7, runner_up="K", calibrated=True)
    assert find_highest_demand(dock, said, None, BALANCED).reason is Reason.CONFUSABLE
    assert find_highest_demand(dock, replace(said, runner_up="A"), None, BALANCED).reason is Reason.FIELD_UNSURE
    assert (
        find_highest_demand(dock, said, None, BALANCED).confidence
        > find_highest_demand(dock, replace(said, runner_up="A"), None, BALANCED).confidence
    )
