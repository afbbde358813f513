"""Clip delivery: publishes recordings for the inventory in chunks, and stores the requests for them in the journal.

Clips have the lowest priority: `edge/deliver/clip_relay.py` selects the next chunk, Delivery decides when it is sent.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dockvoice_protocol.events import (
    CLIP_CHUNK_BYTES,
    ClipAnswer,
    ClipChunk,
    ClipMessage,
    ClipOffered,
    ClipRequestStored,
    ClipUnavailable,
    ClipUnsentReason,
    MalformedMessage,
    Topics,
    count_chunks,
    format_clip_message,
    parse_clip_receipt,
)
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.mqtt import MessageReceived
from dockvoice_protocol.outbox import FAILURE
from dockvoice_protocol.signed import ClipRequest, Forged, verify_clip_request
from edge.config import ClipPolicy, Settings
from edge.deliver.clip_relay import ClipRelay, OfferClip, SendChunk
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import RecordingBytes, StoredClip
from edge.keep.storage import DiskFull

_LOOK_S = 1.0  # Poll interval of the journal, and so the longest wait for a clip's first chunk.

_WINDOW = 50  # Clips loaded from the journal at a time; they are sent one after the other.

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ClipOut:
    """A message to publish now."""

    tag: str
    body: bytes
    step: OfferClip | SendChunk | ClipRequestStored
    chunks: int | None  # The clip's number of chunks, in an offer; else None.


class ClipDelivery:
    """Sends the clips of one device. Not thread-safe: use it in the event loop only."""

    def __init__(
        self, settings: Settings, key: PublicKey | None, executor: JournalThread, beat: Callable[[], None]
    ) -> None:
        """`key` verifies requests; None refuses all. `beat` is called while a request waits for disk space."""
        self._key = key
        self._topics = Topics(settings.deliver.prefix, settings.site, settings.device)
        self._policy = settings.deliver.clips
        self._keeps_sound = settings.keep.audio_after_receipt
        self._executor = executor
        self._beat = beat
        self._relay = ClipRelay(settings.deliver.receipt_timeout_s)
        self._noted: deque[ClipRequestStored] = deque()
        self._before: set[str] = set()  # Tags of other messages without a PUBACK; they block all clips.
        self._gone: dict[str, str] = {}  # Published reasons for clips that cannot be sent, by utterance.
        self._ended: dict[str, str] = {}  # Results of clips that the journal does not have yet, by utterance.
        self._next_look = -math.inf
        self._refused = False

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to subscribe to; none where no clip is ever sent."""
        requests = () if self._key is None else (self._topics.clip_requests,)
        return (*requests, self._topics.clip_receipts) if requests or self._offers_unclear_clips else ()

    @property
    def _offers_unclear_clips(self) -> bool:
        return self._policy is ClipPolicy.UNCLEAR and self._keeps_sound

    def accepts(self, topic: str) -> bool:
        """Whether this is the topic of clip requests."""
        return topic == self._topics.clip_requests

    def reset_in_flight(self) -> None:
        """Mark all unacknowledged messages as lost, after the connection came up or was lost."""
        self._before.clear()
        self._relay.reset_in_flight()

    def pause_until_acknowledged(self, tag: str) -> None:
        """Send no clips until the broker has acknowledged the message with this tag."""
        self._before.add(tag)

    async def verify_and_store(self, message: MessageReceived) -> None:
        """Verify and store a clip request, or log why it is refused. The caller acknowledges it afterwards."""
        if (request := self._verify_request(message)) is None:
            return
        named = ("request", "utterance_id", "audio_sha256", "sound", "who", "reason")
        asked = StoredClip(
            **{name: getattr(request, name) for name in named}, asked_at=request.time, body=message.payload.decode()
        )
        keep = partial(self._executor, lambda journal: journal.clips.store(asked))
        if await self._executor.retry_while_disk_full(
            keep, "a request for a clip waits for room", lambda _: self._beat()
        ):
            logger.info("%s: %s listens to it", request.utterance_id, request.who)
            self._next_look = -math.inf
        else:
            logger.warning("%s: a request for the clip came again: it counts once", request.utterance_id)
        self._noted.append(ClipRequestStored(request.utterance_id, request.request))

    def _verify_request(self, message: MessageReceived) -> ClipRequest | None:
        if self._key is None:  # the broker still has the subscription from when the settings had a key
            return None
        if message.retained:
            logger.warning("a request for a clip that the broker kept is not taken: publish them without retain")
            return None
        try:
            return verify_clip_request(message.payload, self._topics.source, self._key)
        except Forged as fault:
            logger.warning("somebody wants to listen who may not, or it was altered; nothing is sent: %s", fault)
        except MalformedMessage as fault:
            logger.warning("a message on the topic of requests for clips is none for this device: %s", fault)
        return None

    def handle_receipt(self, payload: bytes, now: float) -> None:
        """Pass the inventory's receipt to the relay; log an invalid one, and a rejected clip."""
        try:
            receipt = parse_clip_receipt(payload)
        except MalformedMessage as fault:
            logger.warning("a message on the topic of receipts for clips is none: %s", fault)
            return
        if (ended := self._relay.handle_answer_and_return_finished(receipt, now)) is not None:
            self._ended[ended] = self._gone.pop(ended, receipt.answer.value)
            if receipt.answer is ClipAnswer.REJECTED:
                logger.error("%s: the inventory takes what it got of the clip for another recording", ended)

    def handle_puback_if_clip(self, tag: str, reason_code: int) -> bool:
        """Apply the broker's PUBACK if the tag is a clip message's; return whether it is."""
        self._before.discard(tag)
        if not self._relay.is_tag_in_flight(tag):
            return False
        self._relay.handle_puback(tag, reason_code)
        if reason_code >= FAILURE and not self._refused:
            self._refused = True
            logger.warning("the broker refuses clips (%d): let this device publish %s", reason_code, self._topics.clips)
        return True

    async def next_message(self, now: float) -> _ClipOut | None:
        """The message to publish now; None where no clip is due, or other messages are unacknowledged."""
        await self._store_results_and_load_due_clips(now)
        if self._relay.is_in_flight or self._before:
            return None
        if self._noted:
            noted = self._noted[0]
            return _ClipOut(noted.request, format_clip_message(noted, self._topics.source), noted, None)
        step = self._relay.next_message(now)
        if step is None:
            return None
        said = await self._executor(partial(self._make_message, step=step))
        chunks = said.chunks if isinstance(said, ClipOffered) else None
        if isinstance(said, ClipUnavailable):
            step = OfferClip(step.utterance_id)
            self._gone[step.utterance_id] = said.why.value
        else:
            self._gone.pop(step.utterance_id, None)
        tag = f"clip {step}"
        return _ClipOut(tag, format_clip_message(said, self._topics.source), step, chunks)

    def mark_unsent(self, out: _ClipOut, now: float) -> None:
        """Schedule an offer that could not be published again."""
        if isinstance(out.step, OfferClip):
            self._relay.mark_offer_unsent(out.step.utterance_id, now)

    def mark_published(self, out: _ClipOut) -> None:
        """Mark the message as published."""
        match out.step:
            case ClipRequestStored():
                self._noted.popleft()
                self._relay.mark_other_sent(out.tag)
            case OfferClip(utterance_id):
                self._relay.mark_offer_published(utterance_id, out.tag, out.chunks)
            case SendChunk(utterance_id, number):
                self._relay.mark_chunk_sent(utterance_id, out.tag, number)

    def _make_message(self, journal: Journal, step: OfferClip | SendChunk) -> ClipMessage:
        utterance_id = step.utterance_id
        if self._policy is ClipPolicy.NEVER or not self._keeps_sound:
            return ClipUnavailable(
                utterance_id, ClipUnsentReason.NEVER if self._keeps_sound else ClipUnsentReason.NO_AUDIO
            )
        if isinstance(step, OfferClip):
            found = journal.clips.read(utterance_id)
        else:
            found = journal.clips.read(utterance_id, (step.number - 1) * CLIP_CHUNK_BYTES, CLIP_CHUNK_BYTES)
        if not isinstance(found, RecordingBytes):
            return ClipUnavailable(utterance_id, ClipUnsentReason(found))
        chunks = count_chunks(found.size)
        if isinstance(step, OfferClip):
            return ClipOffered(utterance_id, found.audio_sha256, found.size, chunks)
        return ClipChunk(utterance_id, found.audio_sha256, chunks, step.number, found.data)

    async def _store_results_and_load_due_clips(self, now: float) -> None:
        """Store the results of ended clips, and load the due ones every _LOOK_S seconds; on a full disk later."""
        ended, looks = dict(self._ended), bool(self.topics) and now >= self._next_look
        if not ended and not looks:
            return

        def store_and_load(journal: Journal) -> list[str] | None:
            for utterance_id, became in ended.items():
                journal.clips.store_result(utterance_id, became)
            if looks and self._offers_unclear_clips:
                journal.clips.make_unclear_pending()
            return journal.clips.load_due(_WINDOW) if looks else None

        try:
            due = await self._executor(store_and_load)
        except DiskFull as fault:
            self._next_look = now + _LOOK_S
            logger.warning("what became of clips cannot be noted, and is as soon as there is room: %s", fault)
            return
        self._ended = {one: became for one, became in self._ended.items() if one not in ended}
        if due is not None:
            self._next_look = now + _LOOK_S
            self._relay.replace_pending(one for one in due if one not in self._ended)
