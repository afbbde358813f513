"""Truth from the journal: recorded utterances with the final values of the entries that they opened.

An uncorrected entry counts as right, though its mistake may be unnoticed; an entry that was amended after a change of
mind counts as misheard. So the data may justify more questions, never fewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dockvoice_protocol.records import Act
from edge.agent.events import UtteranceDecided
from edge.agent.typed_input import SILENT_SOURCES
from edge.agree.decide import Circumstances, Rules, decide
from edge.hear.acoustics import measure_acoustics
from edge.keep.journal import JournalReader
from edge.keep.queries import UtteranceHistory
from edge.keep.readings import PastUtterance
from edge.ports import Interpreter
from lab.retuning import ON_RECORD, KeptClip
from lab.scoring import Clip


def final_entries_by_utterance(entries: Iterable[UtteranceHistory]) -> dict[str, UtteranceHistory]:
    """Map each opening utterance's id to its entry's final version, oldest first, without cancelled ones."""
    began: dict[str | None, str] = {}
    found: dict[str, UtteranceHistory] = {}
    for one in entries:
        of = one.utterance_id if one.act is Act.RECORD else began.pop(one.replaces, None)
        if of is None:
            continue  # The entry that it changes is older than the record.
        if one.act is Act.CANCEL:
            del found[of]
        else:
            began[one.event_id], found[of] = of, one
    return found


def settled_recordings(
    journal: JournalReader, since: datetime, form: str
) -> Iterator[tuple[PastUtterance, UtteranceHistory | None]]:
    """The utterances since `since` about which a person has decided, with the corrected entry that each began.

    None instead of an entry: it was cancelled, or the utterance was discarded under review, so that nothing is to be
    recorded of it. An entry that nobody touched is left out: its mistake may be unnoticed.
    """
    entries = [one for one in journal.queries.histories() if one.form == form]
    final = final_entries_by_utterance(entries)
    for heard in journal.readings.utterances_since(since, form):
        said = heard.utterance
        if said.source in SILENT_SOURCES or said.language is not None:
            continue
        entry, history = final.get(said.utterance_id), journal.queries.history(said.utterance_id)
        discarded = history.event_id is None and any(one.decision == "discard" for one in history.decisions)
        if entry is not None and entry.utterance_id != said.utterance_id:
            yield heard, entry
        elif discarded or (history.act is Act.RECORD and entry is None):
            yield heard, None


def recognise_recorded_utterances(
    journal: JournalReader, since: datetime, reads: Interpreter, rules: Rules, entries: Mapping[str, UtteranceHistory]
) -> Iterator[KeptClip]:
    """Recognise again the utterances since `since` that opened an entry, with its values as truth."""
    for heard in journal.readings.utterances_since(since, rules.form.name):
        said = heard.utterance
        entry = entries.get(said.utterance_id)
        if entry is None or said.source in SILENT_SOURCES or said.language is not None:
            continue
        reading, acoustics = asyncio.run(reads.listen().finish(said)), measure_acoustics(said.segment)
        verdict = decide(reading, said.segment.closing, rules, Circumstances(acoustics))
        clip = Clip(
            audio=Path(said.utterance_id),
            form=said.form,
            fields=dict(entry.fields),
            condition=ON_RECORD,
            speaker=entry.operator,
            text=said.utterance_id,
        )
        quiet = replace(said, segment=replace(said.segment, pcm=b""))
        yield KeptClip(clip, ON_RECORD, None, ((UtteranceDecided(quiet, reading, verdict, None, 0.0), acoustics),))
