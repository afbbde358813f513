"""A trailer is closed: whatever goes wrong between the words, it is on record once, and only by a yes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from inventory.forms import find_faults, load_forms
from inventory.settings import InventorySettings
from tests.playbook.stage import Stage

RECEIVED = ("pallet 741, 24 cases, trailer 5501", "yes")
CLOSED = (*RECEIVED, "trailer done", "yes")
TAKEN_BACK = (*CLOSED, "cancel", "yes")
OPENED = (*CLOSED, "pallet 742, 12 cases, trailer 5501", "yes", "yes")


def acted(directory: Path, lines: tuple[str, ...], *, cut_after: int | None = None) -> list[tuple[str, Any]]:
    """The events that come of these lines, with the power cut after one of them."""
    stage = Stage(directory)
    stage.on_form("trailer-receipt")
    for number, line in enumerate(lines):
        stage.on_types(line)
        if number == cut_after:
            stage.leave()
            stage._talk = stage._journal = None
    stage.leave()
    return [(event["type"].split(".")[2], event["data"].get("fields")) for event in stage._events]


PALLET = {"pallet_id": "741", "quantity": 24, "uom": "CS", "trailer": "5501"}
TRAILER = {"trailer": "5501"}


@pytest.mark.parametrize(
    ("lines", "cuts", "wanted"),
    [
        (CLOSED, range(4), [("recorded", PALLET), ("recorded", TRAILER)]),
        (TAKEN_BACK, (4, 5), [("recorded", PALLET), ("recorded", TRAILER), ("cancelled", None)]),
        (
            OPENED,
            (4, 5, 6),
            [
                *(("recorded", PALLET), ("recorded", TRAILER), ("cancelled", None)),
                ("recorded", {**PALLET, "pallet_id": "742", "quantity": 12}),
            ],
        ),
    ],
    ids=["closed", "taken back", "opened"],
)
def test_wherever_the_power_is_cut_each_is_on_record_once(
    tmp_path: Path, lines: tuple[str, ...], cuts: Sequence[int], wanted: list[tuple[str, Any]]
) -> None:
    assert acted(tmp_path / "whole", lines) == wanted
    for cut_after in cuts:
        assert acted(tmp_path / str(cut_after), lines, cut_after=cut_after) == wanted, lines[cut_after]


@pytest.mark.parametrize(
    "said",
    [
        ("is the trailer done",),
        ("trailer done", "okay trailer done mike"),
        ("trailer done", "trailer done", "trailer done"),
        ("trailer done", "no"),
        ("trailer done", "cancel"),
        ("trailer done", "pallet 742"),
    ],
)
def test_nothing_but_a_yes_closes_a_trailer(tmp_path: Path, said: tuple[str, ...]) -> None:
    assert TRAILER not in [fields for _, fields in acted(tmp_path, (*RECEIVED, *said))]


def test_the_inventory_takes_a_closing_with_the_forms_as_shipped() -> None:
    form = load_forms(InventorySettings().forms)["close-trailer"]
    assert find_faults(form, TRAILER) == ()
    assert find_faults(form, {}) != ()
