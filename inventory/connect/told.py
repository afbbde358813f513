"""What a posting says, for systems that are told in words of ours: a line of a file, or a message.

Each is known by a reference of its own. A receipt and a correction have that of their posting; what takes one back has
the same with `-reversal` behind it, for the event that takes it back may be the reference of what stands in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dockvoice_protocol.instants import in_utc
from dockvoice_protocol.records import written
from inventory.connect.ports import Deed, Posting, TakenBack

NUMBERS = ("quantity", "damaged")
PARTS = (
    "pallet",
    "item",
    "quantity",
    "unit",
    "lot",
    "expiry",
    "damaged",
    "exception",
    "place",
    "trailer",
    "order",
)
"""What a posting says by its meaning, as `Posting` has it."""


def reversal_of(posting: Posting) -> str:
    """The reference under which a posting is taken back: each is at most once."""
    return f"{posting.reference}-reversal"


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to tell: that something was received, or is taken back."""

    reference: str
    deed: Deed
    of: str | None  # The reference of what is corrected, or taken back.
    at: datetime  # When it was said.
    operator: str | None
    posting: Posting
    why: str | None = None  # Of a reversal: `amended` or `cancelled`.


def received(posting: Posting) -> Telling:
    """That it was received."""
    deed = Deed.RECEIPT if posting.amends is None else Deed.CORRECTION
    return Telling(posting.reference, deed, posting.amends, posting.recorded_at, posting.operator, posting)


def taken_back(posting: Posting, why: TakenBack) -> Telling:
    """That it is taken back."""
    told = "amended" if why.amended else "cancelled"
    return Telling(reversal_of(posting), Deed.REVERSAL, posting.reference, why.at, why.operator, posting, told)


def moment(at: datetime) -> str:
    """As files and messages have it."""
    return in_utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def figure(value: Decimal) -> str:
    """With all its digits, and no exponent: 2.50 stays 2.50."""
    return format(value, "f")


def parts(posting: Posting) -> dict[str, Any]:
    """What it says by its meaning; figures as text, so that no reader rounds them."""
    found = {name: getattr(posting, name) for name in PARTS}
    return {name: figure(value) if isinstance(value, Decimal) else value for name, value in found.items()}


def in_words(posting: Posting) -> str:
    """What it says, for people, where another system has no field for it."""
    said = [f"{name} {value}" for name, value in parts(posting).items() if value is not None]
    others = [name for name in posting.fields if name not in PARTS]
    said += [f"{name} {_written(posting.fields[name])}" for name in others]
    who = posting.operator or "nobody signed on"
    return f"Dockvoice {posting.reference}: {', '.join(said)}; {who}, {moment(posting.recorded_at)}"


def _written(value: Any) -> str:
    return written(tuple(value) if isinstance(value, list) else value)  # a list, as JSON has it
