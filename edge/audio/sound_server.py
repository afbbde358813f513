"""The sound server (PulseAudio, or PipeWire): where it records from and plays to, through `pactl`.

When a source or a sink vanishes, the server moves the stream without PortAudio's knowledge. The server is polled about
once a second for each direction, at 5 ms of a processor. Without `pactl` or a server nothing is polled, which is no
fault.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

_logger = logging.getLogger(__name__)

_EVERY_S = 0.8  # Poll interval of the recording's route: a moved stream is found within 2 s.

_LATE_S = (
    5.0  # A server that has not answered the listening thread by then is not asked again through the same process.
)

_ANSWER_S = 2.0  # Timeout of a query that is waited for; it takes milliseconds.
_FRESH_S = 1.0  # An answer about what is played that is not older is as good as another.

NULL_SINK = "auto_null"
"""The sink of PulseAudio (module-always-sink) and PipeWire (fallback sink) while there is no real one."""

_CARDS = Path("/proc/asound/pcm")  # The inputs and outputs of the sound cards that Linux knows, a line each.

_LIST = ("-f", "json", "list")

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Routing:
    """How the server routes the recording of one process."""

    source: str | None  # The name of the source; None where the server knows of no recording by this process.
    stream: int | None = None  # The server's number of the recording (its source output).
    suspended: bool = False
    muted: bool = False
    is_monitor: bool = False  # The source is a sink's monitor, no microphone.
    sources: frozenset[str] = frozenset()  # All sources there are.


class ServerState(Enum):
    """The answer of `poll` when the sound server answers no more."""

    GONE = auto()


class _Listing:
    """A running `pactl` query. It writes to a file, since a full pipe would block it."""

    def __init__(self, program: str) -> None:
        """Raises OSError where no process can be started."""
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been read
        try:
            self._process = subprocess.Popen(  # noqa: S603 - words of ours, no shell
                [program, *_LIST],
                stdin=subprocess.DEVNULL,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
                env=_pactl_environment(),
            )
        except OSError:
            self._answer.close()
            raise

    def is_over(self, within_s: float) -> bool:
        """Whether the query has ended, or ends before the timeout."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        return self._process.returncode is not None

    def read(self) -> bytes | None:
        """The output of the ended query; None where it failed. Call once."""
        with self._answer:
            self._answer.seek(0)
            return self._answer.read() if self._process.returncode == 0 else None

    def end(self) -> None:
        """Kill the `pactl` process."""
        self._process.kill()
        self._process.wait()
        self._answer.close()


class _Pactl:
    """The command `pactl`; disabled where it is missing, or its answer is unreadable."""

    def __init__(self) -> None:
        self._program = shutil.which("pactl")

    def run(self, *words: str, complain: int = logging.DEBUG) -> bytes | None:
        """Run `pactl` and return its output; None where it fails, which is logged at level `complain`."""
        if self._program is None:
            return None
        try:
            done = subprocess.run(  # noqa: S603 - words of ours, no shell
                [self._program, *words], check=True, capture_output=True, timeout=_ANSWER_S, env=_pactl_environment()
            )
        except (OSError, subprocess.SubprocessError) as fault:
            _logger.log(complain, "the sound server did not obey %s: %s", " ".join(words), fault)
            return None
        return done.stdout

    def start_query(self) -> _Listing | None:
        """Start a query without waiting; None where that fails."""
        if self._program is None:
            return None
        with suppress(OSError):  # no processes left to be had: asked again a second later
            return _Listing(self._program)
        return None

    def parse(self, listing: bytes, read: Callable[[bytes, int], _Found]) -> _Found | None:
        """Parse an answer about this process; an unreadable one is logged, and disables further queries."""
        try:
            return read(listing, os.getpid())
        except (ValueError, KeyError, TypeError) as fault:
            _logger.warning("pactl: its listing cannot be read (%r); routing is not checked", fault)
            self.disable()
            return None

    def disable(self) -> None:
        """Disable all further queries."""
        self._program = None


class SoundServer:
    """Polls the sound server for the recording's source, without blocking.

    Used by one thread; `kill_query` ends a running query.
    """

    def __init__(self) -> None:
        self._pactl = _Pactl()
        self._question: _Listing | None = None
        self._asked = float("-inf")
        self._knows = False

    def poll(self, now: float) -> Routing | ServerState | None:
        """Return a finished query's answer once, else None; start a query when one is due. `now`: monotonic seconds."""
        if self._question is None:
            if now - self._asked >= _EVERY_S:
                self._asked, self._question = now, self._pactl.start_query()
            return None
        if self._question.is_over(0):
            return self._read_answer(self._question)
        if now - self._asked > _LATE_S:
            self.kill_query()
        return None

    def query_and_wait(self) -> Routing | ServerState | None:
        """Query the route and wait, at most _ANSWER_S; unanswered: ServerState.GONE if one came earlier, else None."""
        self.kill_query()
        self._question = self._pactl.start_query()
        if self._question is None:
            return None
        if self._question.is_over(_ANSWER_S):
            return self._read_answer(self._question)
        self.kill_query()
        return None

    def move(self, stream: int, source: str) -> None:
        """Move a recording to another source."""
        self._pactl.run("move-source-output", str(stream), source, complain=logging.INFO)

    def resume(self, source: str) -> None:
        """Wake a suspended source."""
        self._pactl.run("suspend-source", source, "0", complain=logging.INFO)

    def kill_query(self) -> None:
        """Kill a running query; others may be started afterwards."""
        if self._question is not None:
            self._question.end()
        self._question = None

    def _read_answer(self, question: _Listing) -> Routing | ServerState | None:
        self._question = None
        if (listing := question.read()) is not None:
            found = self._pactl.parse(listing, parse_routing)
            self._knows = self._knows or found is not None
            return found
        if self._knows:
            return ServerState.GONE
        self._pactl.disable()  # no server when the device was opened: the sound comes from elsewhere, and always will
        return None


class _Sinks(NamedTuple):
    """The sinks of the server, by name."""

    own: str | None  # The one that this process plays into; None where it plays nothing.
    names: frozenset[str]  # All of them.


class PlaybackSink:
    """The sink that this process plays into."""

    def __init__(self) -> None:
        self._pactl = _Pactl()
        self._sink: str | None = None
        self._found: _Sinks | None = None
        self._asked_at = float("-inf")

    def is_gone(self) -> bool:
        """Whether the sink that this process played into has vanished; one that it was moved to counts."""
        found = self._query_sinks()
        if found is None:
            return False
        if self._sink is None or self._sink in found.names:
            self._sink = found.own or self._sink
            return False
        return True

    def is_null_sink(self) -> bool:
        """Whether the server has no speaker, and discards the sound."""
        found = self._found if time.monotonic() - self._asked_at < _FRESH_S else self._query_sinks()
        return found is not None and found.own == NULL_SINK

    def _query_sinks(self) -> _Sinks | None:
        """Query the sinks and wait for the answer; None without a server."""
        listing = self._pactl.run(*_LIST)
        self._found = None if listing is None else self._pactl.parse(listing, _parse_sinks)
        self._asked_at = time.monotonic()
        return self._found


def snapshot_playback_devices(cards: Path = _CARDS) -> frozenset[str]:
    """Lines on the outputs of ALSA and of the sound server, none opened; only to be compared with an earlier call."""
    return _list_devices("sinks", "playback", cards)


def snapshot_capture_devices() -> frozenset[str]:
    """Lines on the inputs of ALSA and of the sound server, only to be compared with an earlier call."""
    return _list_devices("sources", "capture", _CARDS)


def _list_devices(server_list: str, direction: str, cards: Path) -> frozenset[str]:
    listed = (_Pactl().run("list", "short", server_list) or b"").decode("utf-8", "replace")
    # A number and a name: what follows changes whenever one falls asleep.
    found = frozenset(" ".join(line.split("\t")[:2]) for line in listed.splitlines())
    with suppress(OSError):  # no ALSA on this machine
        return found | {line for line in cards.read_text("utf-8", "replace").splitlines() if direction in line}
    return found


def parse_routing(listing: bytes, process: int) -> Routing:
    """Parse the recording of `process` from `pactl -f json list`. Raises ValueError, KeyError or TypeError."""
    objects = json.loads(listing)
    if not isinstance(objects, dict) or "sources" not in objects:
        raise ValueError("no listing of a sound server")
    sources = {source["index"]: source for source in objects["sources"]}
    names = frozenset(source["name"] for source in sources.values())
    stream = _stream_of_process(process, objects["source_outputs"])
    if stream is None:
        return Routing(None, sources=names)
    source = sources.get(stream["source"])
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


def _parse_sinks(listing: bytes, process: int) -> _Sinks:
    """Parse the sinks from `pactl -f json list`. Raises as `parse_routing`."""
    objects = json.loads(listing)
    sinks = {sink["index"]: sink["name"] for sink in objects["sinks"]}
    stream = _stream_of_process(process, objects["sink_inputs"])
    return _Sinks(None if stream is None else sinks.get(stream["sink"]), frozenset(sinks.values()))


def _stream_of_process(process: int, streams: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    ours = (one for one in streams if one["properties"].get("application.process.id") == str(process))
    return next(ours, None)


def _pactl_environment() -> dict[str, str]:
    # In some languages pactl writes numbers that JSON does not know.
    return {**os.environ, "LC_ALL": "C"}
