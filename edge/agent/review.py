"""Review: a person accepts an utterance under review as an entry, or enters a held entry again.

The form's rules apply as always: required fields must be present, values must be in the catalogue. Only the question
whether an unusual value is meant is skipped: accepting it answers that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import CLOCK
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agent.typed_input import typed_utterance
from edge.agree.decide import Rules, decide
from edge.deliver.device_events import DerivedFieldsFunction, entry_event, withheld_event
from edge.keep.codec import parse_reading
from edge.keep.journal import Journal
from edge.keep.outbox import HELD, OutboxState
from edge.keep.queries import UtteranceHistory
from edge.records import (
    ClosedBy,
    DerivedFields,
    Draft,
    Entry,
    EventIds,
    OutboxRow,
    Outcome,
    Utterance,
    Verdict,
    make_copy_id,
)

_REENTERED, DISCARDED = "entered again", "discarded"
"""Reasons in the tombstone of an event that a person's decision withholds."""

REVIEW_PREFIX = "review"  # Prefix of the interpreter's name in a person's reading; the model's name may follow.

_CERTAIN = 1.0  # Confidence of a person's reading.

_MOST_SEARCHED = 10_000  # Limit of entries searched for the same thing: more than a device records in a week.

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """The person that decides, and the reason."""

    who: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What events say of the device: site, device, operator, clock."""

    site: str
    device: str
    operator: str | None  # None where unknown.
    clock_believed: bool
    particulars: DerivedFieldsFunction = lambda _: (
        DerivedFields()
    )  # Computes an entry's attributes beside the form's fields.

    def make_event(self, entry: Entry, minted: EventIds, *, clock_believed: bool) -> dict[str, Any]:
        """Make the event of this device's entry."""
        named = {"site": self.site, "device": self.device}
        return entry_event(entry, minted, **named, clock_believed=clock_believed, particulars=self.particulars(entry))


def parse_assignments(assignments: Sequence[str], form: Form) -> Mapping[str, FieldValue]:
    """Parse `name=value` pairs into the types of the form's fields. Raises UnreadableInput."""
    return dict(_parse_assignment(assignment, form) for assignment in assignments)


def commit_reviewed(
    journal: Journal,
    which: str,
    values: Mapping[str, FieldValue],
    rules: Rules,
    person: Reviewer,
    device: DeviceIdentity,
    *,
    origin: Journal | None = None,
    anyway: bool = False,
) -> OutboxRow:
    """Commit the entry with its read values, overridden by `values`; returns the pending event.

    `which` is as in `Queries.history`; `origin` is the journal where it is under review, if not this one: the device's
    under its former name. A held entry is entered again, unless the same thing was recorded since; `anyway` skips that
    check. Raises UnreadableInput where it is not under review, or breaks the rules.
    """
    waits_in = origin or journal
    history = waits_in.review.find_open(which)
    if history.review is None or waits_in is not journal:
        return _enter_again(journal, waits_in, which, history, values, rules, person, device, anyway=anyway)
    since = datetime.fromisoformat(history.heard_at) - timedelta(minutes=rules.site_policy.double_count_minutes)
    first = journal.queries.reading(history.utterance_id)
    later = [parse_reading(dict(answer.reading)) for answer in history.answers if answer.reading is not None]
    _refuse_correction(which, later[-1] if later else first)
    reading = _make_person_reading(history, values, first, later)
    verdict = _decide_acceptance(which, reading, rules)
    for one in _list_same_entries(journal, history, verdict.fields, rules.form, since):
        logger.warning(
            "%s: entry %d is of the same thing; if both are one, put that right in the inventory", which, one
        )
    draft = Draft(history.utterance_id, history.form, reading, device.operator)
    entry = journal.queries.make_entry(draft, verdict)

    def render(minted: EventIds) -> dict[str, Any]:
        return device.make_event(entry, minted, clock_believed=device.clock_believed)

    return journal.accept(entry, verdict, person.who, person.reason, render)


def _decide_acceptance(which: str, reading: Reading, rules: Rules) -> Verdict:
    demands = replace(rules, policy=replace(rules.policy, asks_unusual=False))
    verdict = decide(replace(reading, act=Act.RECORD), ClosedBy.PAUSE, demands)
    if verdict.outcome is not Outcome.ACCEPT:
        reasons = ", ".join(map(str, verdict.reasons))
        fields = ", ".join(f"{name}={value}" for name, value in verdict.fields.items()) or "nothing"
        raise UnreadableInput(f"{which}: is no entry yet ({reasons}; {fields} stands); give what lacks with --field")
    return verdict


def _enter_again(
    journal: Journal,
    origin: Journal,
    which: str,
    history: UtteranceHistory,
    values: Mapping[str, FieldValue],
    rules: Rules,
    person: Reviewer,
    device: DeviceIdentity,
    *,
    anyway: bool,
) -> OutboxRow:
    """Commit a held entry again under a new number, and end the old one. Idempotent after a crash."""
    act, replaces = _find_act_and_target(origin, which, history, is_here=origin is journal)
    is_there = journal.queries.get_utterance(make_copy_id(history.utterance_id, str(history.event_id))) is not None
    if not (anyway or is_there or act is Act.CANCEL):
        _refuse_entry_recorded_after(
            journal, which, history, rules.form, 0 if origin is not journal else history.sequence or 0
        )
    first = origin.queries.reading(history.utterance_id)
    reading = _make_person_reading(history, values, first, ())
    verdict = Verdict(Outcome.ACCEPT, (), {}) if act is Act.CANCEL else _decide_acceptance(which, reading, rules)
    utterance = _copy_utterance(origin, history)
    recording, copy = journal.copies.store(utterance)
    entry = Entry(
        utterance_id=utterance.utterance_id,
        form=history.form,
        fields=verdict.fields,
        operator=history.operator or device.operator,
        recorded_at=datetime.fromisoformat(history.recorded_at or history.heard_at),
        reading=reading,
        audio_sha256=recording.sha256,
        audio_seconds=recording.seconds,
        act=act,
        replaces=replaces,
        support=tuple(map(journal.queries.recording, history.support)) if origin is journal else (),
        counted=tuple((history.event or {}).get("data", {}).get("counted_first", {}).items()),
    )
    believed = CLOCK not in (history.event or {})

    def render(minted: EventIds) -> dict[str, Any]:
        return device.make_event(entry, minted, clock_believed=believed)

    def note(row: OutboxRow) -> None:
        origin.review.store_reentry(
            history, row.event_id, person.who, person.reason, partial(withheld_event, reason=_REENTERED)
        )

    row = journal.reenter(copy, entry, verdict, render, note if origin is journal else lambda _: None)
    if history.review is not None:
        origin.review.discard(
            which, person.who, f"{_REENTERED} as {row.event_id}", partial(withheld_event, reason=_REENTERED)
        )
    elif origin is not journal:
        origin.review.end_after_reentry(
            history, row.event_id, person.who, person.reason, partial(withheld_event, reason=_REENTERED)
        )
    return row


def _copy_utterance(origin: Journal, history: UtteranceHistory) -> Utterance:
    """The utterance under a new id; where its recording was removed, a typed one with the entry's values."""
    if history.audio_removed_at is None:
        return origin.copies.copy_of_entry(history)
    values = ", ".join(f"{name} {value}" for name, value in history.fields.items())
    typed = typed_utterance(history.form, f"entered again: {values}")
    return replace(typed, utterance_id=make_copy_id(history.utterance_id, str(history.event_id)))


def _find_act_and_target(
    origin: Journal, which: str, history: UtteranceHistory, *, is_here: bool
) -> tuple[Act, str | None]:
    """The act of a re-entered entry, and the current event that it replaces. Raises UnreadableInput."""
    if history.act is None or history.replaces is None:
        return Act.RECORD, None
    current = _find_current_event(origin, which, history.replaces)
    if current is None and history.act is Act.CANCEL:
        raise UnreadableInput(f"{which}: the inventory has nothing of what it cancels; `dockvoice queue discard` it")
    if current is not None and not current.is_reentered and not is_here:
        raise UnreadableInput(
            f"{which}: changes an entry that the inventory has under the former name; put that right in the inventory, "
            "then `dockvoice queue discard` this"
        )
    return (Act.RECORD, None) if current is None else (history.act, current.event_id)


@dataclass(frozen=True, slots=True)
class _CurrentEvent:
    """The event now in the place of another one."""

    event_id: str
    is_reentered: bool


def _find_current_event(origin: Journal, which: str, replaces: str) -> _CurrentEvent | None:
    """The event now in the place of `replaces`; None: the inventory has none. Raises UnreadableInput if held."""
    named: str | None = replaces
    while named is not None:
        target = origin.queries.history(named)
        if target.state in HELD:
            raise UnreadableInput(f"{which}: changes entry {target.sequence}, which waits too; decide about that first")
        if target.state is not OutboxState.DISCARDED:
            return _CurrentEvent(named, is_reentered=False)
        if target.reentered is not None:
            return _CurrentEvent(target.reentered, is_reentered=True)
        named = target.replaces  # discarded, so its own target is still current
    return None


def refuse_double_entry(journal: Journal, which: str, form: Form) -> None:
    """Raise UnreadableInput where an equal entry was recorded since, which accepting this would double."""
    history = journal.queries.history(which)
    if history.review is None and history.state is not OutboxState.DEAD:
        return
    _refuse_entry_recorded_after(journal, which, history, form, history.sequence or 0)


def _refuse_entry_recorded_after(
    journal: Journal, which: str, history: UtteranceHistory, form: Form, after: int
) -> None:
    """Raise UnreadableInput where an equal entry has a number above `after`."""
    same = _list_same_entries(journal, history, history.fields, form, datetime.fromisoformat(history.heard_at))
    if again := [number for number in same if number > after]:
        raise UnreadableInput(
            f"{which}: the same thing was recorded since then, as entry {again[0]}; this one as well would count it "
            "twice: `dockvoice queue discard` it, or add --anyway if both are meant"
        )


def _list_same_entries(
    journal: Journal, history: UtteranceHistory, fields: Mapping[str, FieldValue], form: Form, since: datetime
) -> list[int]:
    """The numbers of current entries after `since` with the same identifiers.

    In a form without identifiers, all fields are compared.
    """
    names = [field.name for field in form.fields if field.identifier] or [field.name for field in form.fields]
    if not any(name in fields for name in names):
        return []
    return [
        one.sequence
        for one in journal.queries.standing_kept_entries(history.form, since, _MOST_SEARCHED)
        if one.event_id != history.event_id
        and one.state not in {OutboxState.DEAD, OutboxState.DISCARDED}
        and all(one.fields.get(name) == fields.get(name) for name in names)
    ]


def _parse_assignment(assignment: str, form: Form) -> tuple[str, FieldValue]:
    name, is_given, value = assignment.partition("=")
    fields = {field.name: field for field in form.fields}
    if not is_given or name not in fields:
        raise UnreadableInput(f"--field {assignment!r}: allowed is NAME=VALUE with one of {', '.join(fields)}")
    try:
        return name, _to_field_type(value, fields[name])
    except ValueError:
        wanted = _WANTED[fields[name].kind].format(name=name)
        raise UnreadableInput(f"--field {assignment!r}: {name} is {wanted}") from None


_WANTED = {
    "integer": "a whole number, such as {name}=12",
    "number": "a number, such as {name}=2.5",
    "boolean": "true or false, such as {name}=true",
}


def _to_field_type(value: str, field: FormField) -> FieldValue:
    """Convert to the field's type. Raises ValueError."""
    match field.kind:
        case "integer":
            return int(value)
        case "number":
            if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", value) is None:
                raise ValueError(value)
            return float(value)
        case "boolean":
            if value not in {"true", "false"}:
                raise ValueError(value)
            return value == "true"
        case "array":
            return tuple(one.strip() for one in value.split(",") if one.strip())
        case "string":
            return value


def _refuse_correction(which: str, latest: Reading | None) -> None:
    """Raise UnreadableInput for a correction or a "no", which as an entry of its own would be a double count."""
    if latest is not None and latest.act is not Act.RECORD:
        raise UnreadableInput(
            f'{which}: is said of an entry, as a correction or a "no" is, and is none itself; put that entry right in '
            "the inventory, then `dockvoice queue discard` this"
        )


def _make_person_reading(
    history: UtteranceHistory, values: Mapping[str, FieldValue], first: Reading | None, later: Sequence[Reading]
) -> Reading:
    """The person's reading: named after the latest interpreter, with all earlier readings as `opinions`."""
    opinions = (*([] if first is None else [first]), *later)
    if not opinions:
        return Reading(
            REVIEW_PREFIX, history.form, (), {name: FieldReading(one, (), _CERTAIN) for name, one in values.items()}
        )
    latest = opinions[-1]
    read = {name: field.value for name, field in latest.fields.items() if field.value is not None}
    fields = {
        name: FieldReading(value, latest.fields[name].words if read.get(name) == value else (), _CERTAIN)
        for name, value in {**(read if later else {}), **history.fields, **values}.items()
    }
    return Reading(f"{REVIEW_PREFIX} of {latest.interpreter}", history.form, latest.words, fields, opinions=opinions)
