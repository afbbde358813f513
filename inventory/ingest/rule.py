"""Decides how an event is handled from its stored state. Pure: `applying` and `batch` read and write.

An event is handled once, those of a device in the order of their numbers. Handling means applying or refusing; both are
stored and advance the device, so a repeated event gets the same answer, and an invalid one blocks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from dockvoice_protocol.events import WITHHELD
from inventory.records import Duplicate, Early, Event, InvalidEvent, Refused

_OUT_OF_TURN = frozenset({"sequence_reused", "conflicting_event", "another_instance"})
"""Reasons of refusals that use up no number: the event is outside of the device's numbering, and a copy goes to the
table of rejected messages.
"""


@dataclass(slots=True)
class DeviceState:
    """The last handled event of a device."""

    handled: int  # Its number, applied or refused.
    instance: str | None  # The journal instance that made it; None: not known.

    def advances(self, event: Event | InvalidEvent) -> bool:
        """Whether `event` is the device's next one."""
        return event.sequence == self.handled + 1 and not is_older_or_forked_instance(event.instance, self.instance)

    def advance(self, event: Event | InvalidEvent) -> None:
        """Record that `event` was handled."""
        self.handled = event.sequence
        self.instance = event.instance or self.instance


@dataclass(frozen=True, slots=True)
class AppliedBefore:
    """The earlier application of the event's id by the same device."""

    type: str
    body: str


class AcceptedWrite(Enum):
    """What an accepted event writes: an entry, or withheld content."""

    RECORD = "record"
    FILL_IN = "fill in"  # The event was recorded with its content withheld: the content is added.


def decide_change(
    event: Event | InvalidEvent, device: DeviceState, before: AppliedBefore | Refused | None
) -> AcceptedWrite | Duplicate | Refused | Early:
    """Whether and how to apply `event`. `before` is the stored outcome of its id, None if it is new."""
    if isinstance(before, AppliedBefore):
        return _decide_repeated(event, before)
    if before is not None:
        return before
    if event.sequence <= device.handled:
        return Refused(("sequence_reused",))
    if is_older_or_forked_instance(event.instance, device.instance):
        return Refused(("another_instance",))
    if event.sequence > device.handled + 1:
        return Early(expected=device.handled + 1)
    return Refused(event.reasons) if isinstance(event, InvalidEvent) else AcceptedWrite.RECORD


def _decide_repeated(event: Event | InvalidEvent, before: AppliedBefore) -> AcceptedWrite | Duplicate | Refused:
    if before.body.encode() == event.body:
        return Duplicate()
    if isinstance(event, InvalidEvent):
        return Refused(event.reasons)
    # The content replaces the withheld record, in whichever order they arrive.
    if event.type == WITHHELD or json.loads(before.body) == json.loads(event.body):
        return Duplicate()
    return AcceptedWrite.FILL_IN if before.type == WITHHELD else Refused(("conflicting_event",))


def replaced_state(event: Event, state: str | None) -> str | Refused:
    """The new state of the entry that `event` replaces, from its present one; None: its device has no such entry."""
    if state is None:
        return Refused(("unknown_event",))
    if state != "current":
        return Refused((f"already_{state}",))
    return "cancelled" if event.fields is None else "amended"


def uses_no_number(reasons: Collection[str]) -> bool:
    """Whether refusals for these reasons use up no number."""
    return not _OUT_OF_TURN.isdisjoint(reasons)


def is_older_or_forked_instance(instance: str | None, last_instance: str | None) -> bool:
    """Whether `instance` cannot follow `last_instance`: it is older, or another one of the same age.

    A journal gets a new instance, numbered after the last, each time that it is opened for writing. So the first event
    of a journal that was restored from a copy, or that is used at the same time as one, shows that. None is the
    instance of an event that breaks a rule, and is not compared.
    """
    if instance is None or last_instance is None or instance == last_instance:
        return False
    return int(instance.partition("-")[0]) <= int(last_instance.partition("-")[0])
