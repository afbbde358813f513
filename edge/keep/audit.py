"""The audit of a journal: does the chain of its events hold, and are the recordings and readings under it the same?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import hash_chain
from edge.hash_chain import Broken, Chain, Span, Wrong
from edge.keep.anchor import Anchor
from edge.keep.disk import refusals
from edge.keep.rows import Trailed
from edge.keep.view import JournalView


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found."""

    events: int
    """How many hold, from the first one on that is kept."""
    removed: int
    """Of how many of them the recording was removed to make room."""
    broken: Broken | None
    """The first event with which something is wrong, and where the audit ended; None when all of it is whole."""
    spans: tuple[Span, ...]
    """Who signed what."""
    forgotten: int = 0
    """How many events before them the device removed to make room."""


def verify(journal: JournalView, tell: Callable[[int], None] = lambda _: None) -> Report:
    """Follow the journal's events from the first one until something is wrong.

    `tell` hears after each event how many hold. Works beside the process that writes: what is committed meanwhile may
    be looked at or not. Raises StorageFailed where the disk does not give back what is there.
    """
    keys, anchor = journal.keys(), Anchor.read(journal.directory)
    if wrong := anchor.wrong(keys):
        return Report(0, 0, Broken(anchor.sequence, wrong), ())
    links = Chain(keys)
    links.last, links.link = anchor.sequence, anchor.link
    newest, removed = journal.last_sequence(), 0
    for trailed in journal.trail(after=anchor.sequence):
        recording = journal.directory / trailed.audio_path
        if wrong := links.wrong_with(trailed) or _reading_wrong(trailed) or _recording_wrong(trailed, recording):
            break
        links.grow(trailed)
        removed += not recording.exists()
        tell(links.last)
    if wrong is None and links.last < newest:
        wrong = Wrong.MISSING
    broken = None if wrong is None else Broken(links.last + 1, wrong)
    return Report(links.last - anchor.sequence, removed, broken, tuple(links.spans), anchor.sequence)


def _reading_wrong(trailed: Trailed) -> Wrong | None:
    tied = trailed.event.get(hash_chain.READING)  # none, from before events were signed
    return Wrong.READING_ALTERED if tied not in {None, hash_chain.sha256(trailed.reading or "")} else None


def _recording_wrong(trailed: Trailed, path: Path) -> Wrong | None:
    with refusals(path):
        if not path.exists():
            return Wrong.RECORDING_MISSING if trailed.audio_removed_at is None else None
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    return None if found == trailed.audio_sha256 else Wrong.RECORDING_ALTERED
