"""Truth from the journal: recorded utterances with the final values of the entries that they opened.

An uncorrected entry counts as right, though its mistake may be unnoticed; an entry that was amended after a change of
mind counts as misheard. So the data may justify more questions, never fewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dockvoice_protocol.records import Act, FieldValue
from edge.agent.events import UtteranceDecided
from edge.agent.typed_input import SILENT_SOURCES
from edge.agree.decide import Circumstances, Rules, decide
from edge.hear.acoustics import measure_acoustics
from edge.keep.codec import parse_reading
from edge.keep.journal import JournalReader
from edge.keep.queries import UtteranceHistory
from edge.keep.readings import PastUtterance
from edge.ports import Interpreter
from edge.records import Outcome
from edge.understand.reading_builder import read_recognised_words
from lab.retuning import ON_RECORD, KeptClip
from lab.scoring import Clip

_TAKEN_FOR_DICTATION = frozenset({Outcome.ASK, Outcome.REPEAT, Outcome.CANCEL})
"""Outcomes of an utterance without an entry that the device took for dictation: it asked, or the operator took back."""


@dataclass(frozen=True, slots=True)
class SettledRecording:
    """An utterance of the record that a set can use, with its truth as far as the record has it."""

    past: PastUtterance
    condition: str  # Why it is of use: corrected, asked in vain, nothing said, or in parts.
    fields: Mapping[str, FieldValue] | None  # What the operator agreed to at last; None: nothing.
    read: Mapping[str, FieldValue]  # What the device had read of this utterance alone.
    operator: str | None = None
    agreed: bool = True  # Whether a person has decided about it; else somebody must listen before it counts.


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


def settled_recordings(journal: JournalReader, since: datetime, rules: Rules) -> Iterator[SettledRecording]:
    """The utterances since `since` that a set can learn from, oldest first.

    `corrected`: an operator or a reviewer changed a value. `asked in vain`: the entry came to what had been read at
    once. `nothing said`: it was cancelled or discarded. These are settled. Somebody must listen to the others: `nothing
    said` where the device asked and no entry came of it, and `in parts` where a value of the entry was not read in this
    utterance. An entry that nobody touched is left out: its mistake may be unnoticed.
    """
    entries = list(journal.queries.histories())
    answers = {answer for one in entries for answer in one.support}
    final = final_entries_by_utterance(one for one in entries if one.form == rules.form.name)
    for past in journal.readings.utterances_since(since, rules.form.name):
        utterance = past.utterance
        if utterance.source in SILENT_SOURCES or utterance.language is not None:
            continue
        entry, history = final.get(utterance.utterance_id), journal.queries.history(utterance.utterance_id)
        read = _read_alone(past, rules)
        if entry is not None and entry.utterance_id != utterance.utterance_id:
            yield SettledRecording(past, "corrected", entry.fields, read, entry.operator)
        elif entry is not None and entry.support:
            yield _settled_by_answers(past, entry, read)
        elif entry is None and (history.act is Act.RECORD or _is_discarded(history)):
            yield SettledRecording(past, "nothing said", None, read, history.operator)
        elif _led_to_nothing(history) and utterance.utterance_id not in answers:
            yield SettledRecording(past, "nothing said", None, read, agreed=False)


def _settled_by_answers(
    past: PastUtterance, entry: UtteranceHistory, read: Mapping[str, FieldValue]
) -> SettledRecording:
    """An entry that came of its utterance and of answers or corrections."""
    if not entry.fields.keys() <= read.keys():
        return SettledRecording(past, "in parts", entry.fields, read, entry.operator, agreed=False)
    in_vain = all(read[name] == value for name, value in entry.fields.items())
    return SettledRecording(past, "asked in vain" if in_vain else "corrected", entry.fields, read, entry.operator)


def _is_discarded(history: UtteranceHistory) -> bool:
    return history.event_id is None and any(one.decision == "discard" for one in history.decisions)


def _led_to_nothing(history: UtteranceHistory) -> bool:
    return history.event_id is None and history.review is None and history.outcome in _TAKEN_FOR_DICTATION


def _read_alone(past: PastUtterance, rules: Rules) -> dict[str, FieldValue]:
    """The values in the recognised words of this utterance: the reading on record has those of later answers too."""
    if past.reading is None:
        return {}
    words, known = parse_reading(past.reading).words, (rules.form, rules.catalogue, rules.language)
    fields = read_recognised_words("", words, *known, longest_noise_s=0.0).fields
    return {name: one.value for name, one in fields.items() if one.value is not None}


def recognise_recorded_utterances(
    journal: JournalReader, since: datetime, reads: Interpreter, rules: Rules, entries: Mapping[str, UtteranceHistory]
) -> Iterator[KeptClip]:
    """Recognise again the utterances since `since` that opened an entry, with its values as truth."""
    for past in journal.readings.utterances_since(since, rules.form.name):
        utterance = past.utterance
        entry = entries.get(utterance.utterance_id)
        if entry is None or utterance.source in SILENT_SOURCES or utterance.language is not None:
            continue
        reading, acoustics = asyncio.run(reads.listen().finish(utterance)), measure_acoustics(utterance.segment)
        verdict = decide(reading, utterance.segment.closing, rules, Circumstances(acoustics))
        clip = Clip(
            audio=Path(utterance.utterance_id),
            form=utterance.form,
            fields=dict(entry.fields),
            condition=ON_RECORD,
            speaker=entry.operator,
            text=utterance.utterance_id,
        )
        quiet = replace(utterance, segment=replace(utterance.segment, pcm=b""))
        yield KeptClip(clip, ON_RECORD, None, ((UtteranceDecided(quiet, reading, verdict, None, 0.0), acoustics),))
