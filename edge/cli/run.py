"""The commands that hear: `run` and `replay`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.terminal.output import EXIT_CODES, aside, line, log_warnings
from edge.agent.app import Agent, AgentTold
from edge.agent.app import replay as replayed
from edge.agent.dialogue_driver import STEPS
from edge.agent.parts import Parts, assemble
from edge.cli.lines import AgentLines, make_event_logger, make_event_printer, print_dialogue_results, print_line
from edge.cli.options import AsJson, Broker, Config, FormName, State, Trace, Wait, settings
from edge.cli.tables import counts_line
from edge.cli.terminal import can_be_drawn_on, ignore_hang_up, read_keys
from edge.cli.watch.live import LiveView, print_changes
from edge.config import Settings
from edge.hear.device_lock import DeviceLock, identity_lock
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread

_DRAIN_ON_STOP_S = 5.0
"""How long a stopping agent waits for receipts; pending events go out at the next start."""

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
    log_warnings(*((STEPS,) if trace else ()))
    parts = assemble(settings(config, broker, state, form), live=True)
    with _device_name_lock(parts.settings), JournalThread(parts.settings.state, parts.settings.keep) as executor:
        if not (plain or as_json) and can_be_drawn_on(sys.stdout):
            view = LiveView(parts)
            asyncio.run(
                view.run(Agent(parts, executor, view.tell, live=True), executor, settle_within_s=_DRAIN_ON_STOP_S)
            )
            line(counts_line(executor.now(lambda journal: journal.queries.counts())))
            return
        if as_json:
            asyncio.run(_run_as_json(parts, executor))
            return
        aside(f"hears with {parts.interpreter.name}")
        discreet = not sys.stdout.isatty()  # operators' speech must not get into a log
        tell = make_event_logger() if discreet else make_event_printer(parts.form, {}, as_json=False, known=parts.forms)
        asyncio.run(_run_with_keyboard(Agent(parts, executor, ignore_hang_up(tell), live=True)))


async def _run_with_keyboard(agent: Agent) -> None:
    """Run the agent until it is stopped; the terminal's keyboard mutes and stops it."""
    with read_keys(sys.stdin.fileno(), agent.headset.toggle_by_key):
        await agent.run_until_stopped(agent.microphone(), settle_within_s=_DRAIN_ON_STOP_S)


async def _run_as_json(parts: Parts, executor: JournalThread) -> None:
    """Run the agent, printing JSON lines: all that `dockvoice watch` shows but the level."""
    lines, tell = AgentLines(parts.settings, parts.rules, parts.forms), ignore_hang_up(print_line)

    def tell_event(told: AgentTold) -> None:
        for one in lines.event_lines(told):
            tell(one)

    agent = Agent(parts, executor, print_dialogue_results(tell_event), live=True)
    tell(lines.started_line())
    async with asyncio.TaskGroup() as group:
        changes = group.create_task(print_changes(lines, agent, executor, tell))
        await _run_with_keyboard(agent)
        changes.cancel()


def _device_name_lock(settings: Settings) -> DeviceLock:
    """The lock of this device's name at its broker: two processes of one name would disconnect each other."""
    mqtt = settings.deliver.mqtt
    return identity_lock(f"{settings.deliver.prefix}/{settings.site} at {mqtt.host}:{mqtt.port}", settings.device)


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
    log_warnings()
    chosen = settings(config, broker, state, form)
    recordings = [RecordedSource(file) for file in files]  # a wrong one is told before a recogniser is made
    parts = assemble(chosen)
    names = {recording.name: str(recording.path) for recording in recordings}
    tell = make_event_printer(parts.form, names, as_json=as_json)
    asyncio.run(replayed(parts, recordings, tell, settle_within_s=wait))
