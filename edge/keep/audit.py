"""The audit chain: each event is tied to the one before it and to its recording, so that nothing can be changed unseen.

A link is SHA-256 over three hashes in hex, one per line: the previous link, the event, and the recording. All three
have a fixed length, so no two different triples give the same text.

The event is hashed as canonical JSON: keys sorted, no spaces, UTF-8, as in RFC 8785 (JSON Canonicalization Scheme). Two
things differ from it, both harmless while one program writes and checks the chain: keys are sorted by code point
instead of by UTF-16 unit, and numbers are written as Python does (`1.0`, not `1`; `1e-07`, not `1e-7`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""What stands in the place of the previous link before the first event."""

CHAIN = "chain"
"""The member of an event that carries its own link, and is left out when the event is hashed."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One event as the journal keeps it, with all that its link depends on."""

    sequence: int
    previous: str
    link: str
    event: Mapping[str, Any]
    audio_sha256: str


def canonical(event: Mapping[str, Any]) -> bytes:
    """The event without its `chain`, in the one spelling that is hashed. Raises ValueError for NaN, lone surrogates."""
    unlinked = {name: value for name, value in event.items() if name != CHAIN}
    return json.dumps(unlinked, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8"
    )


def link(previous: str, event: Mapping[str, Any], audio_sha256: str) -> str:
    """The link, 64 hex digits, of an event that follows `previous` and rests on the recording with this hash."""
    event_sha256 = hashlib.sha256(canonical(event)).hexdigest()
    return hashlib.sha256(f"{previous}\n{event_sha256}\n{audio_sha256}\n".encode("ascii")).hexdigest()


def verify(rows: Iterable[Audited]) -> Audited | None:
    """The first row, in sequence order from 1, where the chain is broken; None when all of it holds."""
    previous, sequence = GENESIS, 1
    for row in rows:
        expected = link(previous, row.event, row.audio_sha256)
        if (row.sequence, row.previous) != (sequence, previous) or {row.link, row.event.get(CHAIN)} != {expected}:
            return row
        previous, sequence = row.link, sequence + 1
    return None
