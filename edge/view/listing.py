"""The lists of a picture: the entry at hand field by field, the queue entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edge.forms.model import Form
from edge.keep.queries import Counts, KeptEntry
from edge.records import Act, Because, Reading, Reason
from edge.view.picture import FieldRow, Queue, QueueRow, Told, Tone
from edge.view.wording import because, progress


@dataclass(frozen=True, slots=True)
class Kept:
    """What the journal holds, looked at now and then."""

    counts: Counts
    sent: int
    """Of what is owed, how much the broker took."""
    in_review: int
    latest: Sequence[KeptEntry]


def field_rows(form: Form, reading: Reading | None = None, doubts: Iterable[Because] = ()) -> tuple[FieldRow, ...]:
    """The fields of the form, with what was read for each; an optional one only where it was said."""
    known = {} if reading is None else _said(reading)
    doubted = {one.field: because(one, form) for one in doubts if one.reason is not Reason.COMPLETE}
    return tuple(
        replace(known.get(field.name, FieldRow(field.name)), doubt=doubted.get(field.name))
        for field in form.fields
        if field.required or field.name in known
    )


def _said(reading: Reading) -> dict[str, FieldRow]:
    return {
        name: FieldRow(name, None if one.value is None else str(one.value), " ".join(one.words))
        for name, one in reading.fields.items()
    }


def queue(kept: Kept, form: Form) -> Queue:
    """The queue, newest entry first."""
    numbers = {entry.event_id: entry.sequence for entry in kept.latest}
    rows = (QueueRow(one.sequence, _meant(one, numbers, form), progress(one)) for one in kept.latest)
    return Queue(_counts(kept), tuple(rows))


def _counts(kept: Kept) -> tuple[Told, ...]:
    counts = kept.counts
    arrived = counts.applied + counts.duplicate
    sent = f" ({kept.sent} sent)" if kept.sent else ""
    return (
        Told(f"{counts.unsettled} owed{sent}", Tone.OPEN if counts.unsettled else Tone.QUIET),
        Told(f"{kept.in_review} in review", Tone.OPEN if kept.in_review else Tone.QUIET),
        Told(f"{counts.refused} refused", Tone.BAD if counts.refused else Tone.QUIET),
        Told(f"{arrived} in the inventory", Tone.GOOD if arrived else Tone.QUIET),
    )


def _meant(entry: KeptEntry, numbers: Mapping[str, int], form: Form) -> str:
    told = form.readback(entry.fields) if entry.form == form.name else entry.form
    replaced = numbers.get(entry.replaces or "")
    named = "an earlier one" if replaced is None else f"number {replaced}"
    match entry.act:
        case Act.CANCEL:
            return f"cancels {named}"
        case Act.AMEND:
            return f"{told} (amends {named})"
        case _:
            return told
