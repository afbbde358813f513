"""Review: a person makes an entry of an utterance that waits for one.

The rules of the form hold for him as for everybody: nothing required is missing, nothing is unknown to the catalogue.
What the device would have asked the operator about, whether an unusual value is meant, he has answered by accepting it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from edge.agree.decide import Rules, decide
from edge.deliver.events import recorded
from edge.errors import UnreadableInput
from edge.forms.model import Form, FormField
from edge.keep.codec import reading_of
from edge.keep.journal import Journal
from edge.keep.outbox import OutboxState
from edge.keep.queries import UtteranceHistory
from edge.records import Act, Closing, Draft, FieldReading, FieldValue, Minted, OutboxRow, Outcome, Reading

CERTAIN = 1.0  # The confidence of a person who has looked at it.

LATELY = 10_000  # The latest entries that are looked through for the same thing: more than a device records in a week.

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and why."""

    who: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Whose journal it is, as events name it."""

    site: str
    device: str
    operator: str | None  # Who spoke, as far as is known.
    clock_believed: bool


def stated(assignments: Sequence[str], form: Form) -> Mapping[str, FieldValue]:
    """The values in `name=value` pairs, as the form's fields want them. Raises UnreadableInput."""
    return dict(_stated(assignment, form) for assignment in assignments)


def accept(
    journal: Journal, which: str, given: Mapping[str, FieldValue], rules: Rules, person: Person, device: DeviceIdentity
) -> OutboxRow:
    """Commit the entry: the values that a model read, `given` laid over them. Its event is owed from then on.

    `which` is as in `Queries.history`. Raises UnreadableInput where it is not under review, or breaks the rules.
    """
    found = journal.review.utterance(which)
    since = datetime.fromisoformat(found.heard_at) - timedelta(minutes=rules.demands.double_count_minutes)
    first, later = journal.queries.reading(found.utterance_id), _later(found)
    _demand_an_entry(which, later[-1] if later else first)
    reading = _reading(found, given, first, later)
    demands = replace(rules, policy=replace(rules.policy, asks_unusual=False))
    verdict = decide(reading, Closing.PAUSE, demands)
    if verdict.outcome is not Outcome.ACCEPT:
        told = ", ".join(map(str, verdict.reasons))
        fields = ", ".join(f"{name}={value}" for name, value in verdict.fields.items()) or "nothing"
        raise UnreadableInput(f"{which}: is no entry yet ({told}; {fields} stands); give what lacks with --field")
    for one in alike(journal, found, verdict.fields, rules.form, since):
        logger.warning(
            "%s: entry %d is of the same thing; if both are one, put that right in the inventory", which, one
        )
    draft = Draft(found.utterance_id, found.form, reading, device.operator)
    entry = journal.queries.entry_of(draft, verdict)

    def render(minted: Minted) -> dict[str, Any]:
        return recorded(entry, minted, site=device.site, device=device.device, clock_believed=device.clock_believed)

    return journal.accept(entry, verdict, person.who, person.reason, render)


def demand_not_said_again(journal: Journal, which: str, form: Form) -> None:
    """Raise UnreadableInput where what waits for a person was recorded once more since then, which counts it twice."""
    found = journal.queries.history(which)
    if found.review is None and found.state is not OutboxState.DEAD:
        return
    same = alike(journal, found, found.fields, form, datetime.fromisoformat(found.heard_at))
    if again := [number for number in same if number > (found.sequence or 0)]:
        raise UnreadableInput(
            f"{which}: the same thing was recorded since then, as entry {again[0]}; this one as well would count it "
            "twice: `dockvoice queue discard` it, or add --anyway if both are meant"
        )


def alike(
    journal: Journal, found: UtteranceHistory, fields: Mapping[str, FieldValue], form: Form, since: datetime
) -> list[int]:
    """The numbers of the entries recorded after `since` that stand and are of the same thing, by the identifiers.

    A form without identifiers has its things told apart by all that is said of them.
    """
    names = [field.name for field in form.fields if field.identifier] or [field.name for field in form.fields]
    if not any(name in fields for name in names):
        return []
    return [
        one.sequence
        for one in journal.queries.entries_standing(found.form, since, LATELY)
        if one.event_id != found.event_id
        and one.state not in {OutboxState.DEAD, OutboxState.DISCARDED}
        and all(one.fields.get(name) == fields.get(name) for name in names)
    ]


def _stated(assignment: str, form: Form) -> tuple[str, FieldValue]:
    name, is_given, value = assignment.partition("=")
    fields = {field.name: field for field in form.fields}
    if not is_given or name not in fields:
        raise UnreadableInput(f"--field {assignment!r}: allowed is NAME=VALUE with one of {', '.join(fields)}")
    try:
        return name, _typed(value, fields[name])
    except ValueError:
        wanted = _WANTED[fields[name].kind].format(name=name)
        raise UnreadableInput(f"--field {assignment!r}: {name} is {wanted}") from None


_WANTED = {
    "integer": "a whole number, such as {name}=12",
    "number": "a number, such as {name}=2.5",
    "boolean": "true or false, such as {name}=true",
}


def _typed(value: str, field: FormField) -> FieldValue:
    """A value as the field wants it. Raises ValueError where it cannot be."""
    match field.kind:
        case "integer":
            return int(value)
        case "number":
            return _number(value)
        case "boolean":
            if value not in {"true", "false"}:
                raise ValueError(value)
            return value == "true"
        case "array":
            return tuple(one.strip() for one in value.split(",") if one.strip())
        case "string":
            return value


def _number(value: str) -> float:
    if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", value) is None:
        raise ValueError(value)
    return float(value)


def _later(found: UtteranceHistory) -> list[Reading]:
    """What models read of it after the first reading, the latest last."""
    return [reading_of(dict(answer.reading)) for answer in found.answers if answer.reading is not None]


def _demand_an_entry(which: str, latest: Reading | None) -> None:
    """A correction, or a "no", made an entry of its own would count the same thing twice."""
    if latest is not None and latest.act is not Act.RECORD:
        raise UnreadableInput(
            f'{which}: is said of an entry, as a correction or a "no" is, and is none itself; put that entry right in '
            "the inventory, then `dockvoice queue discard` this"
        )


def _reading(
    found: UtteranceHistory, given: Mapping[str, FieldValue], first: Reading | None, later: Sequence[Reading]
) -> Reading:
    """What the person takes for said. It goes on record under the name of whoever read it last, with all readings."""
    opinions = (*([] if first is None else [first]), *later)
    if not opinions:
        return Reading("review", found.form, (), {name: FieldReading(one, (), CERTAIN) for name, one in given.items()})
    latest = opinions[-1]
    read = {name: field.value for name, field in latest.fields.items() if field.value is not None}
    fields = {
        name: FieldReading(value, latest.fields[name].words if read.get(name) == value else (), CERTAIN)
        for name, value in {**(read if later else {}), **found.fields, **given}.items()
    }
    return Reading(f"review of {latest.interpreter}", found.form, latest.words, fields, opinions=opinions)
