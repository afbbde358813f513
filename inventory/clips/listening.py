"""Requests to listen to an utterance, each recorded here and in the device's journal.

The audio is transferred once. Later requests are sent to the device all the same: the operator can ask who listened.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dockvoice_protocol.errors import Unavailable, UnreadableInput
from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.signed import ClipRequest, sign_clip_request
from dockvoice_protocol.terminal.plain_text import escape_line
from inventory.clips.clips import LOST, Clip, ClipFolder, ClipState, ClipStore, NoSound, SignedSound
from inventory.store.outbox import HELD_BACK_FOR, Message, MessageKind

log = logging.getLogger("inventory")

_LONGEST = 200  # Most characters of a name and of a reason: the device reads both out.


def request_clip(
    clips: ClipStore,
    publish: Callable[[list[int]], object] | None,
    signer: Signer,
    prefix: str,
    sound: SignedSound,
    who: str,
    reason: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Clip:
    """Send the device a request to listen, to which it sends the audio if it is not here; return the clip.

    `publish` publishes this row of the outbox at once. Without it, or if it raises Unavailable, the service does.
    Raises UnreadableInput for a name or a reason that cannot be read out, Unavailable for the database.
    """
    for name, said in (("who", who), ("reason", reason)):
        if not said.strip() or len(said) > _LONGEST or escape_line(said) != said:
            raise UnreadableInput(
                f"{name}: found {len(said)} characters, allowed is one line of 1 to {_LONGEST}: the operator is told"
            )
    topics = Topics(prefix, sound.site, sound.device)

    def signed(*, wanted: bool) -> tuple[ClipRequest, Message]:
        content = (str(uuid.uuid4()), sound.utterance_id, sound.audio_sha256, wanted, who, reason, rfc3339(now()))
        request = ClipRequest(topics.source, *content)
        its = (sound.site, sound.device, request.request, topics.clip_requests)
        return request, Message(MessageKind.CLIP_REQUEST, *its, sign_clip_request(request, signer), signer.public)

    clip, entered = clips.record_request(sound, signed, timedelta() if publish is None else HELD_BACK_FOR)
    if publish is not None:
        try:
            publish(entered)
        except Unavailable as fault:
            log.warning("%s: a request for its sound goes out later: %s", sound.utterance_id, fault)
    return clip


def load_sound(clips: ClipStore, folder: ClipFolder, sound: SignedSound) -> bytes:
    """The recording as FLAC bytes, hash checked. Raises NoSound; `request_clip` then requests a lost file again."""
    clip = clips.load_clip(sound)
    if clip is None:
        raise NoSound(f"{sound.utterance_id}: nobody has asked for it")
    try:
        return folder.read_verified(clip)
    except NoSound:
        if clip.state is ClipState.HERE:
            clips.mark_removed(sound, LOST)
        raise
