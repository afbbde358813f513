"""Tables for people: the journal's entries and utterances. They fit 80 columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dockvoice_protocol.instants import in_zone
from dockvoice_protocol.records import FieldValue, written
from edge.cli.present.wording import changing
from edge.keep.queries import Counts, KeptEntry, KeptUtterance
from edge.keep.review import Flagged


def entries(kept: Sequence[KeptEntry]) -> Table:
    """Entries of the journal, newest first, and how far each has come."""
    columns = ("number", "recorded at", "entry", "state", "sent")
    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    numbers = {entry.event_id: entry.sequence for entry in kept}
    for entry in kept:
        table.add_row(
            str(entry.sequence),
            in_zone(entry.recorded_at, None).strftime("%Y-%m-%d %H:%M:%S"),
            _meant(entry, numbers),
            " ".join((entry.state, *entry.reasons)),
            f"{entry.attempts}x",
        )
    return table


def _meant(entry: KeptEntry, numbers: Mapping[str, int]) -> str:
    """An entry's values, and which one it amends or cancels; by its event id where its number is not among these."""
    named = None if entry.replaces is None else numbers.get(entry.replaces, entry.replaces)
    return changing(f"{entry.form}: {_fields(entry.fields)}", entry.act, named)


def entry_json(entry: KeptEntry) -> dict[str, Any]:
    """An entry of the journal as a JSON line."""
    return {
        "sequence": entry.sequence,
        "event_id": entry.event_id,
        "act": entry.act,
        "replaces": entry.replaces,
        "form": entry.form,
        "fields": dict(entry.fields),
        "recorded_at": entry.recorded_at.isoformat(),
        "state": entry.state,
        "attempts": entry.attempts,
        "reasons": list(entry.reasons),
    }


def review_json(utterance: KeptUtterance) -> dict[str, Any]:
    """An utterance under review as a JSON line."""
    return {
        "utterance_id": utterance.utterance_id,
        "form": utterance.form,
        "state": "review",
        "fields": dict(utterance.fields),
    }


def review_line(utterance: KeptUtterance) -> str:
    """An utterance under review for people, with what a model made of it where one read it."""
    read = f": {_fields(utterance.fields)}" if utterance.fields else ""
    return f"utterance {utterance.utterance_id} ({utterance.form}) is under review{read}"


def flagged_json(flagged: Flagged) -> dict[str, Any]:
    """An entry that a later answer contradicts, as a JSON line."""
    return {**entry_json(flagged.entry), "flag": flagged.flag}


def flagged_line(flagged: Flagged) -> str:
    """The same for people."""
    return f"entry {flagged.entry.sequence} ({_fields(flagged.entry.fields)}) is {flagged.flag}; it stands"


def deferred_json(utterance: KeptUtterance) -> dict[str, Any]:
    """An utterance that waits for a model, as a JSON line."""
    return {"utterance_id": utterance.utterance_id, "form": utterance.form, "state": "deferred"}


def dossier(told: Mapping[str, Any]) -> Table:
    """All that is kept about an utterance, for people, a line for each thing that there is to tell."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in told.items():
        if name == "answers":
            for answer in value:
                table.add_row("answer", _answer(answer))
        elif value not in (None, (), {}):
            table.add_row(name.replace("_", " "), value if isinstance(value, str) else json.dumps(value))
    return table


def _answer(answer: Mapping[str, Any]) -> str:
    """What a model answered, in a line; all of it is in the JSON."""
    told = f"{answer['interpreter']}, {answer['came']}"
    if answer["reading"] is None:
        return told
    heard = " ".join(word["text"] for word in answer["reading"]["words"])
    fields = {name: field["value"] for name, field in answer["reading"]["fields"].items() if field["value"] is not None}
    return f"{told}: {heard or 'no words'}" + (f" ({_fields(fields)})" if fields else "")


def counted(counts: Counts) -> str:
    """What the journal holds, in one line."""
    return (
        f"heard {counts.heard}: recorded {counts.accepted}, asked {counts.asked}, repeat {counts.repeat}, "
        f"ignored {counts.ignored}, deferred {counts.deferred}. "
        f"Of the recorded: applied {counts.applied}, duplicate {counts.duplicate}, "
        f"refused {counts.refused}, not confirmed yet {counts.unsettled}."
        + (f" {counts.held} wait for a person: `dockvoice queue list --held`." if counts.held else "")
    )


def _fields(fields: Mapping[str, FieldValue]) -> str:
    return ", ".join(f"{name} {written(value)}" for name, value in fields.items())
