"""Where a sound server (PulseAudio, or PipeWire in its place) takes a recording from. Pure: reads what `pactl` lists.

PortAudio cannot tell: when a source vanishes, the server moves the stream to another one without a word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Routing:
    """How the server routes the recording of one process."""

    source: str | None
    """The name of the source; None where the server knows of no recording by this process."""
    stream: int | None = None
    """The server's number of the recording (its source output)."""
    suspended: bool = False
    muted: bool = False
    is_monitor: bool = False
    """The source is what is played somewhere, and nobody's microphone."""
    sources: frozenset[str] = frozenset()
    """All sources there are."""


def routing(listing: bytes, process: int) -> Routing:
    """What `pactl -f json list` says of the recording of `process`. Raises ValueError for anything else."""
    told = json.loads(listing)
    if not isinstance(told, dict) or "sources" not in told:
        raise ValueError("no listing of a sound server")
    sources = {source["index"]: source for source in told["sources"]}
    names = frozenset(source["name"] for source in sources.values())
    for stream in told["source_outputs"]:
        if stream["properties"].get("application.process.id") == str(process):
            return _of(stream, sources.get(stream["source"]), names)
    return Routing(None, sources=names)


def _of(stream: Mapping[str, Any], source: Mapping[str, Any] | None, names: frozenset[str]) -> Routing:
    if source is None:  # it is being moved
        return Routing(None, stream["index"], sources=names)
    return Routing(
        source=source["name"],
        stream=stream["index"],
        suspended=source["state"] == "SUSPENDED",
        muted=source["mute"] or stream["mute"],
        is_monitor=source["properties"].get("device.class") == "monitor",
        sources=names,
    )
