"""A recording as a source: WAV, FLAC or anything else libsndfile reads, of any rate and channel count."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dockvoice_protocol.errors import UnreadableInput
from edge.audio.pcm import Block, FrameCutter
from edge.records import Frame

_RATES = range(4_000, 384_001)  # Sample rates of sound recorders; any other is a broken header.

_BLOCK_SAMPLES = 16_384  # Samples read at a time: about a second, so that memory does not depend on the length.

_PROMISED = re.compile(r"^ *(?:data|SSND) : (\d+) \(should be \d+\)", re.MULTILINE)
"""libsndfile's log message where a WAV or AIFF header does not match the file's sound; it raises nothing."""

_PLAIN = (b"RIFF", b"fLaC", b"FORM", b"OggS")  # Magic bytes of formats that are read without libmpg123.

_STANDARD_ERROR = 2

_UNKNOWN_LENGTH = 0x7FFF_0000  # Lengths from here on mean unknown: sox and ffmpeg write them into a pipe.


class RecordedSource:
    """Reads a sound file as frames. Raises UnreadableInput where it is missing, broken, empty or no sound."""

    live = False

    def __init__(self, path: Path, *, block_samples: int = _BLOCK_SAMPLES) -> None:
        self.path = path
        self._block_samples = block_samples
        self.name = f"sha256:{_file_sha256(path)}"
        with _open_sound_file(path) as sound:
            _refuse_implausible_header(path, sound)

    def frames(self) -> Iterator[Frame]:
        """Yield the recording in frames of 20 ms, from its beginning at each call."""
        with _open_sound_file(self.path) as sound:
            framing = FrameCutter(sound.samplerate)
            for block in self._blocks(sound):
                yield from framing.push(block)
            yield from framing.end()

    def _blocks(self, sound: Any) -> Iterator[Block]:
        taken = 0
        while len(block := _read_block(self.path, sound, self._block_samples)):
            taken += len(block)
            yield block
        if taken < sound.frames:
            raise UnreadableInput(_damaged_file_message(self.path, f"{taken} of {sound.frames} samples"))


def _file_sha256(path: Path) -> str:
    if path.is_dir():
        raise UnreadableInput(f"{path}: is a directory; name a WAV or FLAC file")
    if path.exists() and not path.is_file():  # a device may never end
        raise UnreadableInput(f"{path}: is no file but a device, a pipe or a socket; name a WAV or FLAC file")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UnreadableInput(f"{path}: no such file; name a WAV or FLAC file") from None
    except OSError as fault:
        raise UnreadableInput(f"{path}: cannot be read ({fault.strerror}); make it readable or name another") from None


def _open_sound_file(path: Path) -> Any:
    try:
        with _stderr_suppressed(path):
            return soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name in .raw, which says nothing about rate or width
        raise UnreadableInput(f"{path}: is not sound that can be read; WAV and FLAC can be") from None


@contextmanager
def _stderr_suppressed(path: Path) -> Iterator[None]:
    """Suppress libmpg123's own messages about a broken MP3 on stderr."""
    with path.open("rb") as file:
        if file.read(len(_PLAIN[0])) in _PLAIN:
            yield
            return
    error, nowhere = os.dup(_STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STANDARD_ERROR)
        yield
    finally:
        os.dup2(error, _STANDARD_ERROR)
        os.close(error)
        os.close(nowhere)


def _refuse_implausible_header(path: Path, sound: Any) -> None:
    if sound.samplerate not in _RATES:
        rates = f"{_RATES.start} to {_RATES.stop - 1}"
        raise UnreadableInput(f"{path}: claims {sound.samplerate} samples per second, {rates} can be; record it again")
    promised = _PROMISED.search(sound.extra_info)
    if promised and int(promised[1]) < _UNKNOWN_LENGTH:
        raise UnreadableInput(_damaged_file_message(path, "other sound than its header promises"))
    if not sound.frames:
        raise UnreadableInput(f"{path}: holds no sound, or its recorder never finished it; record it again")


def _read_block(path: Path, sound: Any, samples: int) -> Block:
    try:
        block: Block = sound.read(samples, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as fault:
        raise UnreadableInput(_damaged_file_message(path, f"broken sound ({fault.error_string})")) from None
    if not np.isfinite(block).all():
        raise UnreadableInput(f"{path}: holds samples that are no numbers; export it again, as 16-bit WAV or FLAC")
    return block


def _damaged_file_message(path: Path, found: str) -> str:
    return f"{path}: holds {found}: it is damaged or cut off; copy or record it again"
