"""Access to recordings: from the devices through the service, or none."""

from __future__ import annotations

import logging
from typing import Protocol

from dockvoice_protocol.hash_chain import Signer
from inventory.clips import listening
from inventory.clips.clips import ClipFolder, ClipStore, NoSound, SignedSound

log = logging.getLogger("console")


class Sounds(Protocol):
    """A source of recordings."""

    def request(self, recording: SignedSound, user: str, reason: str) -> None:
        """Record the listener with the device, and request a recording that is not here.

        Raises DockvoiceError if it cannot be requested.
        """

    def state(self, recording: SignedSound) -> str:
        """A code of words/*/sounds.toml: here; asked, arriving; gone, rejected, removed; unasked, absent."""

    def load_or_none(self, recording: SignedSound) -> bytes | None:
        """The recording as FLAC bytes; None if it is not here."""


class NoSounds:
    """A source without recordings, which stay on the devices."""

    def request(self, recording: SignedSound, user: str, reason: str) -> None:
        """Ask no device: this source has no recordings."""

    def state(self, recording: SignedSound) -> str:
        """Always `absent`."""
        return "absent"

    def load_or_none(self, recording: SignedSound) -> bytes | None:
        """Always None."""


class DeviceSounds:
    """Recordings requested from devices and read from the clips folder. Each call is a transaction of its own."""

    def __init__(self, clips: ClipStore, folder: ClipFolder, signer: Signer, prefix: str) -> None:
        """`signer` signs requests: devices accept no others."""
        self._clips = clips
        self._folder = folder
        self._signer = signer
        self._prefix = prefix

    def request(self, recording: SignedSound, user: str, reason: str) -> None:
        """Store the request; the service publishes it, so that no page waits for a broker."""
        listening.request_clip(self._clips, None, self._signer, self._prefix, recording, user, reason)

    def state(self, recording: SignedSound) -> str:
        """The state of the recording's transfer, `unasked` without one."""
        clip = self._clips.load_clip(recording)
        return "unasked" if clip is None else str(clip.state)

    def load_or_none(self, recording: SignedSound) -> bytes | None:
        """The recording as FLAC bytes, hash checked; None if it is not here."""
        try:
            return listening.load_sound(self._clips, self._folder, recording)
        except NoSound as fault:
            log.info("%s", fault)
            return None
