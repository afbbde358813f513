"""Stores and answers devices' messages about recordings, and frees disk space.

It runs in the consumer's loop, after all entries. A full disk delays a clip and no entry: the device offers it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dockvoice_protocol.errors import describe_os_error
from dockvoice_protocol.events import (
    ClipAnswer,
    ClipChunk,
    ClipOffered,
    ClipReceipt,
    ClipRequestStored,
    ClipUnavailable,
    Topics,
    format_clip_receipt,
    parse_clip_message,
)
from inventory.clips.clips import MB, ClipFolder, ClipState, ClipStore, SignedSound
from inventory.settings import ClipSettings

log = logging.getLogger("inventory")

_TIDY_S = timedelta(minutes=10)  # Interval of removing expired clips, besides after each clip.


class ClipReceiver:
    """Handles messages about recordings, in the consumer's thread."""

    def __init__(
        self,
        clips: ClipStore,
        folder: ClipFolder,
        settings: ClipSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clips = clips
        self._folder = folder
        self._settings = settings
        self._now = now
        self._tidied: datetime | None = None
        self._warned = False

    def handle_message(self, payload: bytes, sender: Topics) -> bytes | None:
        """Store a device's message; the receipt, None for ClipRequestStored. Raises MalformedMessage, Unavailable."""
        said = parse_clip_message(payload, sender)
        match said:
            case ClipRequestStored(_, request):
                self._clips.mark_request_noted(sender.site, sender.device, request)
                return None
            case ClipUnavailable(utterance_id, why):
                log.info("%s of %s: no sound comes: %s", utterance_id, sender.source, why)
                return format_clip_receipt(self._clips.mark_gone(sender.site, sender.device, said), self._now())
            case _:
                answer = self._store_clip(sender, said)
                self._expire_or_remove_rejected(sender, answer)
                return format_clip_receipt(answer, self._now())

    def expire_due_clips(self) -> None:
        """Remove expired clips, every _TIDY_S; at the first call, files without a row too. Raises Unavailable."""
        if self._tidied is None:
            self._remove_orphans()
        if self._tidied is None or self._now() - self._tidied >= _TIDY_S:
            self._remove_expired()

    def _store_clip(self, sender: Topics, said: ClipOffered | ClipChunk) -> ClipReceipt:
        try:
            size = said.bytes if isinstance(said, ClipOffered) else len(said.data)
            if (lacks := self._folder.bytes_to_free(size)) and not self._make_room(lacks, size):
                return self._answer_later(said.utterance_id, f"less than {self._settings.free_mb:g} MB are free")
            if isinstance(said, ClipOffered):
                answer = self._clips.handle_offer(sender.site, sender.device, said)
            else:
                answer = self._clips.store_chunk(sender.site, sender.device, said, self._folder)
        except OSError as fault:
            return self._answer_later(said.utterance_id, describe_os_error(fault))
        self._warned = False
        return answer

    def _make_room(self, lacks: int, size: int) -> bool:
        """Remove the oldest clips until enough bytes are free."""
        here = sum(one.kept for one in self._clips.load_clips(ClipState.HERE))
        if here < lacks:
            return False
        self._remove_expired(budget=here - lacks)
        return not self._folder.bytes_to_free(size)

    def _answer_later(self, utterance_id: str, why: str) -> ClipReceipt:
        if not self._warned:
            log.warning("%s: no clip can be kept: %s; devices offer theirs again", self._folder.folder, why)
        self._warned = True
        return ClipReceipt(utterance_id, ClipAnswer.LATER)

    def _expire_or_remove_rejected(self, sender: Topics, answer: ClipReceipt) -> None:
        if answer.answer is ClipAnswer.HERE:
            log.info("%s of %s: its sound is here", answer.utterance_id, sender.source)
            self._remove_expired()
        elif answer.answer is ClipAnswer.REJECTED:
            log.error("%s of %s: rejected: what came is not what it signed", answer.utterance_id, sender.source)
            self._remove_files([SignedSound(sender.site, sender.device, answer.utterance_id, "")])

    def _remove_expired(self, budget: int | None = None) -> None:
        self._tidied = self._now()
        most = int(self._settings.budget_mb * MB) if budget is None else budget
        self._remove_files(self._clips.mark_expired(timedelta(days=self._settings.days), most))

    def _remove_orphans(self) -> None:
        """Remove files that a crash left without a row."""
        here = self._clips.load_clips(ClipState.HERE)
        try:
            self._folder.remove_except([one.sound for one in (*here, *self._clips.load_clips(ClipState.ARRIVING))])
        except OSError as fault:
            log.warning("%s: %s", self._folder.folder, describe_os_error(fault))

    def _remove_files(self, sounds: list[SignedSound]) -> None:
        for sound in sounds:
            try:
                self._folder.remove(sound)
            except OSError as fault:
                log.warning("%s: %s; it goes at the next start", self._folder.folder, describe_os_error(fault))
