"""The mapping of units, places and orders to another system's names, from the settings alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

from inventory.connect.ports import Declined, DeclineReason, Posting, SettingMissing


def require_item_and_quantities(posting: Posting) -> tuple[str, Decimal, Decimal]:
    """The item, its good and its damaged quantity, 0 where none was said.

    Raises Declined where the item or the good quantity is missing, one quantity is negative, or both are zero.
    """
    if posting.item is None:
        raise Declined(DeclineReason.ITEM_MISSING, "nothing says what is on the pallet: neither the entry nor a list")
    if posting.quantity is None:
        raise Declined(DeclineReason.QUANTITY_WRONG, "no quantity was said")
    damaged = posting.damaged or Decimal(0)
    if posting.quantity < 0 or damaged < 0 or posting.quantity + damaged == 0:
        raise Declined(
            DeclineReason.QUANTITY_WRONG, f"{posting.quantity} and {damaged} damaged: nothing that could be received"
        )
    return posting.item, posting.quantity, damaged


def unit_of(posting: Posting, units: Mapping[str, str]) -> str:
    """The other system's name of the unit, looked up for this item first. Raises Declined, SettingMissing."""
    if posting.unit is None:
        raise Declined(DeclineReason.UNIT_UNKNOWN, "no unit was said, and which one is meant is nobody's guess")
    for name in (f"{posting.item} {posting.unit}", posting.unit):
        if name in units:
            return units[name]
    raise SettingMissing(DeclineReason.UNIT_UNKNOWN, f"{posting.unit}: units does not say what it is called there")


def place_of(posting: Posting, places: Mapping[str, str]) -> str | None:
    """The other system's name of the place; None: the order's own. Raises SettingMissing.

    Without configured places a door is only an entrance, and not mapped; with some, a missing one raises it.
    """
    if posting.place is None or not places:
        return None
    if posting.place not in places:
        raise SettingMissing(
            DeclineReason.PLACE_UNKNOWN, f"{posting.place}: places does not say what it is called there"
        )
    return places[posting.place]


def require_damaged_place(name: str | None, system: str) -> str:
    """The settings' place for damaged goods in the other system. Raises SettingMissing without one."""
    if name is None:
        message = f"some came damaged, and damaged does not say where they go in {system}"
        raise SettingMissing(DeclineReason.OTHER, message)
    return name


def _check_order_name(given: str) -> str:
    if given.count(_SAID) != 1 or given.count("{") != 1 or given.count("}") != 1:
        raise ValueError("{} must be in it once, for what was said: P{}")
    return given


_SAID = "{}"
OrderName = Annotated[str, AfterValidator(_check_order_name)]
"""An order's name in the other system, if operators say only its digits: `P{}`, `PUR-ORD-2026-{}`."""


def format_order_names(posting: Posting, patterns: Sequence[str]) -> list[str]:
    """Put the order said into each pattern: its possible names in the other system. Raises Declined without one."""
    if posting.order is None:
        raise Declined(DeclineReason.ORDER_UNKNOWN, "no order was said, and there is nothing to receive it for")
    return [name.replace(_SAID, posting.order) for name in patterns]
