"""The devices' recordings: asked for where somebody wants to hear them, played from the folder into which they come."""

from __future__ import annotations

import logging

from dockvoice_protocol.hash_chain import Signer
from inventory.clips import listening
from inventory.clips.clip_folder import ClipFolder, NoSound
from inventory.clips.clip_store import ClipStore
from inventory.clips.clips import SignedSound

log = logging.getLogger("console")


class DeviceSounds:
    """Where recordings are had from: as `dockvoice inventory` has them. Each call is a transaction of its own."""

    def __init__(self, clips: ClipStore, folder: ClipFolder, signer: Signer, prefix: str) -> None:
        """`signer` signs who listens, and why: devices take nobody else's word."""
        self._clips = clips
        self._folder = folder
        self._signer = signer
        self._prefix = prefix

    def ask(self, recording: SignedSound, who: str, reason: str) -> None:
        """Keep the request. The service publishes it: no page waits for a broker."""
        listening.ask(self._clips, None, self._signer, self._prefix, recording, who, reason)

    def state(self, recording: SignedSound) -> str:
        """How far it has come."""
        clip = self._clips.clip(recording)
        return "unasked" if clip is None else str(clip.state)

    def hear(self, recording: SignedSound) -> bytes | None:
        """The FLAC file, hash checked."""
        try:
            return listening.hear(self._clips, self._folder, recording)
        except NoSound as fault:
            log.info("%s", fault)
            return None
