"""The commands that hear, `run` and `replay`, and the agent's end of the live view.

That end starts the viewer (`watch`), feeds it JSON lines without waiting for it, and takes the keys. The viewer is a
process of its own, in a session of its own: Ctrl-C and a terminal that hangs up are for the agent. Each gives the
terminal back if the other is killed.
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
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer

from dockvoice_protocol.errors import DockvoiceError
from dockvoice_protocol.records import Command
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines, print_to_stderr
from edge.agent.app import Agent, AgentEvent
from edge.agent.app import replay as replayed
from edge.agent.dialogue_driver import DialogueStatus, step_log
from edge.agent.parts import Parts, assemble_interpretation
from edge.agent.typed_input import words_for_key
from edge.agree.dialogue.table import State as DialogueState
from edge.cli import AsJson, Broker, Config, FormName, State, Trace, Wait, load_settings_with_options
from edge.cli.audio import NO_SOUND, Meter, MeterReading
from edge.cli.lines import (
    AgentLines,
    JournalState,
    JsonLine,
    make_event_logger,
    make_event_printer,
    print_line,
    wrap_to_print_dialogue_verdicts,
)
from edge.cli.tables import counts_line
from edge.cli.terminal import can_be_drawn_on, capture_stderr, leave_screen, read_keys, silence_after_hang_up
from edge.cli.watch.state import KeyAction, Keyboard, ToggleKey, TypedSentence
from edge.config import Settings
from edge.hear.device_lock import DeviceLock, device_name_lock
from edge.hear.recording import RecordedSource
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.ports import StoppableSource
from edge.records import Frame

_REFRESH_EVERY_S = 0.1  # A bar that moves ten times a second is smooth, and costs next to nothing.
_LOOKED_EVERY_S = 0.5  # Poll interval of the journal for an interactive view.
_LOOKED_EVERY_S_UNSEEN = 2.0  # Poll interval of the journal for a log.
_LATEST = 50  # Entries that are looked at: more than any terminal shows.
_LOOKS_WITHOUT_SOUND = 5  # So many in a row, and no sound comes.
_MOST_LOGGED = 200  # Lines of the log kept for a viewer that takes none: more than any terminal shows.
_WAITED_S = 1.0  # How long a viewer whose terminal stands still is waited for at the end.

_NO_DIALOGUE = "no dialogue to answer: it takes a speaker, or agree.conversation = true; a sentence can be typed (/)"


async def _print_changes(
    lines: AgentLines,
    agent: Agent,
    executor: JournalThread,
    tell: Callable[[JsonLine], None],
    every_s: float = _LOOKED_EVERY_S_UNSEEN,
) -> None:
    """Print a JSON line for changes of the journal and the connection, which no event reports, until cancelled."""
    while True:
        with suppress(DockvoiceError):  # what a journal cannot tell now is no reason to hear less
            for one in lines.change_lines(await executor(_journal_state), agent.connection_error):
                tell(one)
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

    def queue_and_write(self, line: JsonLine | None = None) -> None:
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


class _LiveView:
    """Runs an agent with the live view: feeds the viewer, and carries out the keys."""

    def __init__(self, parts: Parts) -> None:
        self._language = parts.rules.language
        self._lines = AgentLines(parts.settings, parts.rules, parts.forms)
        self._plain, self._print = (
            silence_after_hang_up(make_event_printer(parts.form, {}, as_json=False, known=parts.forms)),
            silence_after_hang_up(print_lines),
        )
        """In the place of a viewer that is gone."""
        self._meter = Meter()
        self._keyboard = Keyboard()
        self._pressed: asyncio.Queue[KeyAction] = asyncio.Queue()
        self._last_level = NO_SOUND
        self._silent_looks = 0
        self._paused = False
        self._viewer: Viewer | None = None
        self._now: JsonLine = {}
        self.tell = wrap_to_print_dialogue_verdicts(self._show_event)  # Something happened to the agent.

    def _show_event(self, event: AgentEvent) -> None:
        if isinstance(event, DialogueStatus):
            self._paused = event.state is DialogueState.PAUSED
        if self._viewer is None or not self._viewer.is_there:
            self._plain(event)
            return
        for one in self._lines.event_lines(event):
            self._viewer.queue_and_write(one)

    async def run(self, agent: Agent, executor: JournalThread, *, settle_within_s: float) -> None:
        """Run the agent until it is stopped, and restore the terminal."""
        with (
            capture_stderr(sys.stderr.fileno()) as logged,
            read_keys(sys.stdin.fileno(), self._handle_key),
            Viewer(sys.stdout.fileno()) as viewer,  # ends first: who writes to a terminal that stands still holds it up
        ):
            self._viewer = viewer
            viewer.queue_and_write(self._lines.started_line())
            async with asyncio.TaskGroup() as group:
                looking = _print_changes(self._lines, agent, executor, viewer.queue_and_write, _LOOKED_EVERY_S)
                beside = (
                    self._keep_viewer_current(agent, viewer, logged),
                    looking,
                    self._carry_out_keys(agent, viewer),
                )
                tasks = [group.create_task(work) for work in beside]
                microphone = _Metered(agent.microphone(), self._meter)
                await agent.run_until_stopped(microphone, settle_within_s=settle_within_s)
                for task in tasks:
                    task.cancel()

    def _handle_key(self, key: str) -> None:
        what = self._keyboard.feed(key)
        if what is not None:
            self._pressed.put_nowait(what)

    async def _keep_viewer_current(self, agent: Agent, viewer: Viewer, logged: Callable[[], list[str]]) -> None:
        unshown: deque[str] = deque(maxlen=_MOST_LOGGED)
        while True:
            viewer.queue_and_write()
            unshown.extend(logged())  # read in any case: from here it goes to the file that standard error is
            if viewer.is_drained:
                while unshown:
                    viewer.queue_and_write({"log": unshown.popleft()})
                if (now := self._state_line(agent)) != self._now:
                    self._now = now
                    viewer.queue_and_write({"now": now})
            elif not viewer.is_there:
                while unshown:
                    self._print(unshown.popleft())
            await asyncio.sleep(_REFRESH_EVERY_S)
            self._keyboard.resolve_escape()

    def _state_line(self, agent: Agent) -> JsonLine:
        left_s = agent.dialogue_timeout_left_s
        return {
            "sound": _level_line(self._read_level(), speech=agent.is_utterance_open),
            "is_open": agent.is_utterance_open,
            "talking": agent.headset.gate.talking,
            "converses": agent.uses_dialogue,
            "left_s": None if left_s is None else round(left_s, 1),
            "typing": self._keyboard.line,
            "has_keys": True,
        }

    def _read_level(self) -> MeterReading:
        """The level since the last read; the last one again while the sound server has delivered none."""
        sound = self._meter.read()
        self._silent_looks = 0 if sound.samples else self._silent_looks + 1
        if sound.samples or self._silent_looks > _LOOKS_WITHOUT_SOUND:
            self._last_level = sound
        return self._last_level

    async def _carry_out_keys(self, agent: Agent, viewer: Viewer) -> None:
        while True:
            match await self._pressed.get():
                case ToggleKey.MUTE | ToggleKey.TALK as switch:
                    agent.headset.toggle_by_key(switch.value)
                case TypedSentence(text):
                    await agent.process_text(text)
                case _ if not agent.uses_dialogue:
                    viewer.queue_and_write({"log": _NO_DIALOGUE})
                case ToggleKey.PAUSE:
                    asked = Command.RESUME if self._paused else Command.PAUSE
                    await agent.process_text(words_for_key(asked, self._language))
                case asked:
                    await agent.process_text(words_for_key(asked, self._language))


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


_DRAIN_ON_STOP_S = 5.0  # How long a stopping agent waits for receipts; pending events go out at the next start.

commands = typer.Typer()


@commands.command(short_help="Listen to the microphone until stopped.", epilog=EXIT_CODES)
def run(
    config: Config = None,
    broker: Broker = None,
    state: State = None,
    form: FormName = None,
    plain: Annotated[bool, typer.Option("--plain", help="On a terminal, lines in the place of the live view.")] = False,
    as_json: AsJson = False,
    trace: Trace = False,
) -> None:
    """Listen to the microphone until stopped (SIGTERM, Ctrl-C, or a terminal that is closed).

    What is dictated is kept, and delivered when the broker answers: it works without a network. On a terminal it shows
    live what it hears, what it makes of it and how far that has come, and its keys do what the voice can; --plain
    prints lines, and of the keys only m (mute) and the space bar (begin and end to talk, with hear.mode =
    "push-to-talk") work. Into a log it writes only what became of it, unless --json asks for all; with --trace, each
    step of the dialogue besides, and no word of what was said.
    """
    log_warnings_to_stderr(*((step_log,) if trace else ()))
    parts = assemble_interpretation(load_settings_with_options(config, broker, state, form), operator_present=True)
    with _device_name_lock(parts.settings), JournalThread(parts.settings.state, parts.settings.keep) as executor:
        if not (plain or as_json) and can_be_drawn_on(sys.stdout):
            view = _LiveView(parts)
            asyncio.run(
                view.run(Agent(parts, executor, view.tell, live=True), executor, settle_within_s=_DRAIN_ON_STOP_S)
            )
            print_lines(counts_line(executor.run(lambda journal: journal.queries.counts())))
            return
        if as_json:
            asyncio.run(_run_as_json(parts, executor))
            return
        print_to_stderr(f"hears with {parts.interpreter.name}")
        discreet = not sys.stdout.isatty()  # operators' speech must not get into a log
        tell = make_event_logger() if discreet else make_event_printer(parts.form, {}, as_json=False, known=parts.forms)
        asyncio.run(_run_with_keyboard(Agent(parts, executor, silence_after_hang_up(tell), live=True)))


async def _run_with_keyboard(agent: Agent) -> None:
    """Run the agent until it is stopped; the terminal's keyboard mutes and stops it."""
    with read_keys(sys.stdin.fileno(), agent.headset.toggle_by_key):
        await agent.run_until_stopped(agent.microphone(), settle_within_s=_DRAIN_ON_STOP_S)


async def _run_as_json(parts: Parts, executor: JournalThread) -> None:
    """Run the agent, printing JSON lines: all that `dockvoice watch` shows but the level."""
    lines, tell = AgentLines(parts.settings, parts.rules, parts.forms), silence_after_hang_up(print_line)

    def tell_event(event: AgentEvent) -> None:
        for one in lines.event_lines(event):
            tell(one)

    agent = Agent(parts, executor, wrap_to_print_dialogue_verdicts(tell_event), live=True)
    tell(lines.started_line())
    async with asyncio.TaskGroup() as group:
        changes = group.create_task(_print_changes(lines, agent, executor, tell))
        await _run_with_keyboard(agent)
        changes.cancel()


def _device_name_lock(settings: Settings) -> DeviceLock:
    """The lock of this device's name at its broker: two processes of one name would disconnect each other."""
    mqtt = settings.deliver.mqtt
    return device_name_lock(f"{settings.deliver.prefix}/{settings.site} at {mqtt.host}:{mqtt.port}", settings.device)


@commands.command(epilog=EXIT_CODES)
def replay(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", readable=False, help="Recordings: WAV or FLAC, any rate, any number of channels."
        ),
    ],
    config: Config = None,
    broker: Broker = None,
    state: State = None,
    form: FormName = None,
    wait: Wait = 30.0,
    as_json: AsJson = False,
) -> None:
    """Send recordings the whole way, as if they were spoken now.

    They go through the very same wiring as the microphone. A stretch of a recording that is on record already is not
    recorded a second time, so a replay that was cut off is simply started again. With --json: one line per utterance
    with verdict, fields, reasons and timings.
    """
    log_warnings_to_stderr()
    chosen = load_settings_with_options(config, broker, state, form)
    recordings = [RecordedSource(file) for file in files]  # a wrong one is reported before a recogniser is made
    parts = assemble_interpretation(chosen)
    names = {recording.name: str(recording.path) for recording in recordings}
    tell = make_event_printer(parts.form, names, as_json=as_json)
    asyncio.run(replayed(parts, recordings, tell, settle_within_s=wait))
