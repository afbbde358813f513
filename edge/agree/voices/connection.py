"""What a voice in the cloud needs of a connection, and how what comes back becomes sound of ours.

The connection carries the key, tries again within the time there is, and says whose fault a refusal is: it is the
client that the models use too. `app.py` brings the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import soxr

from edge.errors import Unavailable
from edge.records import SAMPLE_BYTES, SAMPLE_RATE

CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC")
"""How files of sound begin, and bare sound never does but by the rarest chance."""

PIECE = SAMPLE_RATE // 10 * SAMPLE_BYTES
"""Bytes handed on at a time: 100 ms, so that a barge-in never waits for more."""


class Reply(Protocol):
    """What a service answered."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in small letters."""
        ...

    @property
    def body(self) -> bytes:
        """All of it."""
        ...


class Connection(Protocol):
    """An authenticated connection to a service."""

    name: str

    async def post(
        self,
        path: str,
        *,
        within_s: float,
        about: str = "",
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask, and return a good answer. Raises Unavailable, or a kind of it, when there is none in time."""
        ...


def spoken(reply: Reply, service: str, rate: int) -> Iterator[bytes]:
    """The sound in a reply, which is bare PCM of `rate` samples a second, in pieces of 16 kHz.

    Raises Unavailable where the reply holds no such sound: played as it is, anything else would be a loud noise.
    """
    kind = reply.headers.get("content-type", "").split(";")[0].strip()
    # Azure calls bare sound audio/x-wav: only what is in it tells.
    if kind.startswith("text/") or kind.endswith(("json", "xml", "html", "mpeg")) or reply.body.startswith(CONTAINERS):
        raise Unavailable(f"{service}: answered with {kind} instead of bare sound; check the voice's model and url")
    if not reply.body or len(reply.body) % SAMPLE_BYTES:
        raise Unavailable(f"{service}: answered with {len(reply.body)} bytes, no whole samples; try again")
    samples = np.frombuffer(reply.body, dtype="<i2")
    pcm = soxr.resample(samples, rate, SAMPLE_RATE).astype("<i2").tobytes() if rate != SAMPLE_RATE else reply.body
    for at in range(0, len(pcm), PIECE):
        yield pcm[at : at + PIECE]
