"""Notices: a posting as a line of a file or as a message, for systems without documents.

Each has a reference of its own. A receipt and a correction have that of their posting; a reversal has it with
`-reversal` appended, since the event that reverses may be the reference of the replacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import as_text
from inventory.connect.ports import NoticeType, Posting, ReversalReason

NUMERIC = ("quantity", "damaged")
POSTING_FIELDS = (
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
"""The fields of a posting by role, as `Posting` names them."""


def reversal_reference(posting: Posting) -> str:
    """The reference of a posting's reversal; there is at most one."""
    return f"{posting.reference}-reversal"


@dataclass(frozen=True, slots=True)
class Notice:
    """One line or message: a receipt, a correction or a reversal."""

    reference: str
    deed: NoticeType
    of: str | None  # The reference of the notice that is corrected or reversed.
    at: datetime  # The time of the entry, or of its cancelling or replacement.
    operator: str | None
    posting: Posting
    why: str | None = None  # Of a reversal: `amended` or `cancelled`.


def receipt_notice(posting: Posting) -> Notice:
    """Build the notice of a posting: a receipt, or a correction where it amends another posting."""
    deed = NoticeType.RECEIPT if posting.amends is None else NoticeType.CORRECTION
    return Notice(posting.reference, deed, posting.amends, posting.recorded_at, posting.operator, posting)


def reversal_notice(posting: Posting, why: ReversalReason) -> Notice:
    """Build the notice that reverses a posting."""
    given = posting.reference, why.at, why.operator, posting, "amended" if why.amended else "cancelled"
    return Notice(reversal_reference(posting), NoticeType.REVERSAL, *given)


def fields_by_role(posting: Posting) -> dict[str, Any]:
    """The posting's fields by role; numbers as text, so that no reader rounds them."""
    found = {name: getattr(posting, name) for name in POSTING_FIELDS}
    # With all digits and no exponent: 2.50 stays 2.50.
    return {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in found.items()}


def notice_members(notice: Notice) -> dict[str, Any]:
    """The members that files and messages share: what the notice is about, and the posting's fields by role."""
    posting = notice.posting
    return {
        "reference": notice.reference,
        "of": notice.of,
        "why": notice.why,
        "site": posting.site,
        "device": posting.device,
        "number": posting.sequence,
        "operator": notice.operator,
        "recorded_at": rfc3339(posting.recorded_at),
        "form": posting.form,
        **fields_by_role(posting),
    }


def format_posting(posting: Posting) -> str:
    """The posting's fields as one line of text, for systems without fields for them."""
    said = [f"{name} {value}" for name, value in fields_by_role(posting).items() if value is not None]
    others = [name for name in posting.fields if name not in POSTING_FIELDS]
    said += [f"{name} {_to_text(posting.fields[name])}" for name in others]
    who = posting.operator or "nobody signed on"
    return f"Dockvoice {posting.reference}: {', '.join(said)}; {who}, {rfc3339(posting.recorded_at)}"


def _to_text(value: Any) -> str:
    return as_text(tuple(value) if isinstance(value, list) else value)  # JSON arrays are lists
