"""Agent's end of the live view: it starts the viewer, feeds it JSON lines without waiting for it, and takes the keys.

The viewer is a process of its own, in a session of its own: Ctrl-C and a terminal that hangs up are for the agent. Each
gives the terminal back if the other is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from dockvoice_protocol.errors import DockvoiceError
from dockvoice_protocol.records import Command
from dockvoice_protocol.terminal.output import line as print_text
from edge.agent.app import Agent, AgentTold
from edge.agent.dialogue_driver import Stands
from edge.agent.parts import Parts
from edge.agent.typed_input import words_for_key
from edge.agree.dialogue.table import State
from edge.cli.audio import NO_SOUND, Meter, MeterReading
from edge.cli.lines import AgentLines, JournalState, JsonLine, make_event_printer, print_dialogue_results
from edge.cli.terminal import capture_stderr, ignore_hang_up, leave_screen, read_keys
from edge.cli.watch.state import Keyboard, Pressed, Switch, TypedSentence
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.ports import StoppableSource
from edge.records import Frame

_TOLD_EVERY_S = 0.1  # A bar that moves ten times a second is smooth, and costs next to nothing.
_LOOKED_EVERY_S = 0.5  # Poll interval of the journal for an interactive view.
_LOOKED_EVERY_S_UNSEEN = 2.0  # Poll interval of the journal for a log.
_LATEST = 50  # Entries that are looked at: more than any terminal shows.
_LOOKS_WITHOUT_SOUND = 5  # So many in a row, and no sound comes.
_MOST_LOGGED = 200  # Lines of the log kept for a viewer that takes none: more than any terminal shows.
_WAITED_S = 1.0  # How long a viewer whose terminal stands still is waited for at the end.

_NO_DIALOGUE = "no dialogue to answer: it takes a speaker, or agree.conversation = true; a sentence can be typed (/)"


async def print_changes(
    lines: AgentLines,
    agent: Agent,
    executor: JournalThread,
    tell: Callable[[JsonLine], None],
    every_s: float = _LOOKED_EVERY_S_UNSEEN,
) -> None:
    """Print a JSON line for changes of the journal and the connection, which no event reports, until cancelled."""
    while True:
        with suppress(DockvoiceError):  # what a journal cannot tell now is no reason to hear less
            for line in lines.change_lines(await executor(_journal_state), agent.trouble):
                tell(line)
        await asyncio.sleep(every_s)


def _journal_state(journal: Journal) -> JournalState:
    found = journal.queries
    return JournalState(
        found.counts(), journal.outbox.count_sent(), journal.review.count_under_review(), found.entries(_LATEST)
    )


class Viewer:
    """The viewer's process, with a queue of JSON lines that are written to its pipe without blocking."""

    def __init__(self, terminal: int) -> None:
        """Start the viewer on the terminal with this descriptor; its errors go to this process's standard error."""
        self._terminal = terminal
        self._waiting = b""
        reading, self._feed = os.pipe()
        os.set_blocking(self._feed, False)
        command = [sys.executable, "-P", "-m", "edge", "watch", "--attached"]  # not what is called so where we stand
        # How large it is the terminal itself tells, and tells anew when that changes.
        environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            command, stdin=reading, stdout=terminal, env=environment, start_new_session=True
        )
        os.close(reading)
        self.is_there = True  # Whether it still reads.
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._feed)
        try:
            code = self._process.wait(_WAITED_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:
            leave_screen(self._terminal)

    @property
    def is_drained(self) -> bool:
        """Whether the viewer runs and the queue is empty."""
        return self.is_there and not self._waiting

    def send(self, line: JsonLine | None = None) -> None:
        """Queue a line, and write as much of the queue to the viewer's pipe as fits without blocking."""
        if line is not None and self.is_there:
            self._waiting += json.dumps(line).encode() + b"\n"
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._feed, self._waiting) :]
        except BlockingIOError:
            return  # the rest when it takes something again
        except BrokenPipeError:  # it was killed, or its terminal hung up
            self._waiting, self.is_there = b"", False
            leave_screen(self._terminal)


class LiveView:
    """Runs an agent with the live view: feeds the viewer, and carries out the keys."""

    def __init__(self, parts: Parts) -> None:
        self._language = parts.rules.language
        self._lines = AgentLines(parts.settings, parts.rules, parts.forms)
        self._plain, self._print = (
            ignore_hang_up(make_event_printer(parts.form, {}, as_json=False, known=parts.forms)),
            ignore_hang_up(print_text),
        )
        """In the place of a viewer that is gone."""
        self._meter = Meter()
        self._keyboard = Keyboard()
        self._pressed: asyncio.Queue[Pressed] = asyncio.Queue()
        self._heard = NO_SOUND
        self._silent_looks = 0
        self._paused = False
        self._viewer: Viewer | None = None
        self._now: JsonLine = {}
        self.tell = print_dialogue_results(self._on_event)  # Something happened to the agent.

    def _on_event(self, told: AgentTold) -> None:
        if isinstance(told, Stands):
            self._paused = told.state is State.PAUSED
        if self._viewer is None or not self._viewer.is_there:
            self._plain(told)
            return
        for line in self._lines.event_lines(told):
            self._viewer.send(line)

    async def run(self, agent: Agent, executor: JournalThread, *, settle_within_s: float) -> None:
        """Run the agent until it is stopped, and restore the terminal."""
        with (
            capture_stderr(sys.stderr.fileno()) as logged,
            read_keys(sys.stdin.fileno(), self._handle_key),
            Viewer(sys.stdout.fileno()) as viewer,  # ends first: who writes to a terminal that stands still holds it up
        ):
            self._viewer = viewer
            viewer.send(self._lines.started_line())
            async with asyncio.TaskGroup() as group:
                looking = print_changes(self._lines, agent, executor, viewer.send, _LOOKED_EVERY_S)
                beside = (self._refresh(agent, viewer, logged), looking, self._carry_out_keys(agent, viewer))
                tasks = [group.create_task(work) for work in beside]
                microphone = _Metered(agent.microphone(), self._meter)
                await agent.run_until_stopped(microphone, settle_within_s=settle_within_s)
                for task in tasks:
                    task.cancel()

    def _handle_key(self, key: str) -> None:
        what = self._keyboard.feed(key)
        if what is not None:
            self._pressed.put_nowait(what)

    async def _refresh(self, agent: Agent, viewer: Viewer, logged: Callable[[], list[str]]) -> None:
        unshown: deque[str] = deque(maxlen=_MOST_LOGGED)
        while True:
            viewer.send()
            unshown.extend(logged())  # read in any case: from here it goes to the file that standard error is
            if viewer.is_drained:
                while unshown:
                    viewer.send({"log": unshown.popleft()})
                if (now := self._state_line(agent)) != self._now:
                    self._now = now
                    viewer.send({"now": now})
            elif not viewer.is_there:
                while unshown:
                    self._print(unshown.popleft())
            await asyncio.sleep(_TOLD_EVERY_S)
            self._keyboard.resolve_escape()

    def _state_line(self, agent: Agent) -> JsonLine:
        left_s = agent.left_s
        return {
            "sound": _level_line(self._read_level(), speech=agent.is_open),
            "is_open": agent.is_open,
            "talking": agent.headset.gate.talking,
            "converses": agent.converses,
            "left_s": None if left_s is None else round(left_s, 1),
            "typing": self._keyboard.line,
            "has_keys": True,
        }

    def _read_level(self) -> MeterReading:
        """The level since the last read; the last one again while the sound server has delivered none."""
        sound = self._meter.read()
        self._silent_looks = 0 if sound.samples else self._silent_looks + 1
        if sound.samples or self._silent_looks > _LOOKS_WITHOUT_SOUND:
            self._heard = sound
        return self._heard

    async def _carry_out_keys(self, agent: Agent, viewer: Viewer) -> None:
        while True:
            match await self._pressed.get():
                case Switch.MUTE | Switch.TALK as switch:
                    agent.headset.toggle_by_key(switch.value)
                case TypedSentence(text):
                    await agent.type(text)
                case _ if not agent.converses:
                    viewer.send({"log": _NO_DIALOGUE})
                case Switch.PAUSE:
                    asked = Command.RESUME if self._paused else Command.PAUSE
                    await agent.type(words_for_key(asked, self._language))
                case asked:
                    await agent.type(words_for_key(asked, self._language))


def _level_line(sound: MeterReading, *, speech: bool) -> JsonLine:
    """A level rounded to the decibel: unchanged lines need not be drawn again."""
    rms_db, peak_db = round(sound.rms_db), round(sound.peak_db)
    clipped, samples = min(sound.clipped, 1), min(sound.samples, 1)
    return {"samples": samples, "rms_db": rms_db, "peak_db": peak_db, "clipped": clipped, "speech": speech}


class _Metered(StoppableSource):
    """A microphone that measures the level of its frames."""

    def __init__(self, microphone: StoppableSource, meter: Meter) -> None:
        self.name, self.live = microphone.name, microphone.live
        self._microphone = microphone
        self._meter = meter

    def frames(self) -> Iterator[Frame]:
        """Yield the microphone's frames, and update the meter."""
        for frame in self._microphone.frames():
            self._meter.update(frame, speech=False)
            yield frame

    def close(self) -> None:
        """Close the microphone."""
        self._microphone.close()
