"""What the utterances of a simulated device say, and the events they become where no real journal makes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Any

from dockvoice_protocol.records import FieldValue
from tests.dictated import payload, recorded
from tests.faults.oracle.ledger import fields as said

AT = ("hall", "dock-1")  # Site and name of the device.

LARGEST = 3000  # Bytes: the broker takes no larger message.

BULK = "x" * LARGEST  # Somebody with this name makes every event too large; its tombstone does not name him.


class Kind(Enum):
    """What is special about an utterance."""

    PLAIN = auto()
    UNFIT = auto()  # Breaks the form: the inventory will refuse it.
    TOO_LARGE = auto()  # No broker takes its event.


@dataclass(frozen=True, slots=True)
class Saying:
    """One utterance."""

    number: int
    kind: Kind = Kind.PLAIN

    @property
    def fields(self) -> dict[str, FieldValue]:
        """Each depends on the number, so that no mixture of two looks right."""
        return {**said(self.number), **({"quantity": 0} if self.kind is Kind.UNFIT else {})}

    @property
    def operator(self) -> str:
        """Who says it."""
        return BULK if self.kind is Kind.TOO_LARGE else "op-17"


@cache
def event(saying: Saying, sequence: int) -> dict[str, Any]:
    """The event it becomes as the device's `sequence`th: always the same, so that it need be judged only once."""
    made = recorded(sequence, at=AT, **saying.fields)
    return made | {"data": made["data"] | {"operator": saying.operator}}


@cache
def body(saying: Saying, sequence: int) -> str:
    """The same as it is published."""
    return payload(event(saying, sequence)).decode()
