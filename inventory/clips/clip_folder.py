"""The folder of clips: the audio that devices sent, a file for each utterance, complete only if its row says so.

A file's name is a hash of site, device and utterance: nothing received over the network becomes a path.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from inventory.clips.clips import Clip, ClipState, SignedSound

MB = 1_000_000  # Bytes.
_SUFFIX = ".flac"


class NoSound(UnreadableInput):
    """There is no audio; the message gives the reason."""


class ClipFolder:
    """The folder of audio files. Safe for several processes if each locks a clip's row while it writes."""

    def __init__(self, folder: Path, free_mb: float = 0) -> None:
        """`free_mb`: space on the disk that clips must leave free."""
        self.folder = folder
        self._free = int(free_mb * MB)

    def bytes_to_free(self, size: int) -> int:
        """Bytes to free before `size` more can be stored. Raises OSError."""
        self._make()
        return max(0, size + self._free - shutil.disk_usage(self.folder).free)

    def append_unless_shorter(self, sound: SignedSound, offset: int, data: bytes) -> bool:
        """Write bytes after the first `offset`, durably; False if the file has fewer.

        Bytes after the offset, left by an interrupted attempt, are truncated. Raises OSError.
        """
        self._make()
        path = self._path(sound)
        is_new = not path.exists()
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            if file.seek(0, os.SEEK_END) < offset:
                return False
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            directory = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        return True

    def is_as_signed(self, sound: SignedSound) -> bool:
        """Whether the file has the hash that its device signed. Raises OSError."""
        with self._path(sound).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sound.audio_sha256

    def remove(self, sound: SignedSound) -> None:
        """Delete the file, if any. Raises OSError."""
        self._path(sound).unlink(missing_ok=True)

    def read_verified(self, clip: Clip) -> bytes:
        """The recording as FLAC bytes. Raises NoSound: not here, unreadable, or not what the device signed."""
        if clip.state is not ClipState.HERE:
            why = f", {clip.why}" if clip.why else ""
            raise NoSound(f"{clip.utterance_id}: is not here ({clip.state}{why})")
        path = self._path(clip.sound)
        try:
            sound = path.read_bytes()
        except OSError as fault:
            raise NoSound(f"{path}: {describe_os_error(fault)}; ask for it once more") from None
        if hashlib.sha256(sound).hexdigest() != clip.audio_sha256:
            raise NoSound(f"{path}: is not what the device sent; ask for it once more")
        return sound

    def remove_except(self, kept: Collection[SignedSound]) -> None:
        """Delete all files except those of `kept`. Raises OSError."""
        names = {self._path(sound).name for sound in kept}
        for path in self.folder.glob(f"*{_SUFFIX}"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _path(self, sound: SignedSound) -> Path:
        whose = f"{sound.site}\n{sound.device}\n{sound.utterance_id}"
        return self.folder / f"{hashlib.sha256(whose.encode()).hexdigest()}{_SUFFIX}"

    def _make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
