"""`dockvoice talk`: the conversation at the desk, typed."""

from __future__ import annotations

import json
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import typer
from rich.console import Console

from edge.agent.dialogue_steps import Stepped, manner
from edge.agent.parts import form_named, rules
from edge.agent.talk import Talk
from edge.agree.dialogue.machine import StepTrace
from edge.agree.dialogue.orders import Adjust, Hush, Say, Sound
from edge.cli.options import Config, FormName, State, Trace, settings
from edge.cli.output import EXIT_CODES
from edge.deliver.events import Topics, recorded
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken.languages import language_named
from edge.keep.journal import Journal
from edge.speak.wording import Phrasing

WAIT = "/wait"  # Lets the time pass until the next deadline: silence, as it were.

QUIT = "/quit"

commands = typer.Typer()


@commands.command(short_help="The conversation with an operator, typed.", epilog=EXIT_CODES)
def talk(config: Config = None, state: State = None, form: FormName = None, trace: Trace = False) -> None:
    """Type what an operator would say; see what the device would say, and the events.

    The dialogue, the decisions and the journal are the agent's own. Type in the language of speak.language. The journal
    is thrown away at the end, unless --state names a directory for it; nothing is sent. "/wait" is silence until the
    device does something, "/quit" ends. --trace shows each step of the dialogue before what comes of it.
    """
    chosen = settings(config, state=state, form=form)
    filled = form_named(chosen, chosen.forms.active)
    catalogue = Catalogue.load(chosen.catalogue_directory)
    language = chosen.speak.language.value
    typed_in = replace(rules(chosen, filled, catalogue), language=language_named(language))
    with ExitStack() as opened:
        directory = state or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="dockvoice-talk-")))
        journal = opened.enter_context(Journal.open(directory))
        journal.outbox.demand_owner(Topics(chosen.deliver.prefix, chosen.site, chosen.device).source)
        render = partial(recorded, site=chosen.site, device=chosen.device)
        screen = _Screen(filled, language)
        traced = screen.trace if trace else lambda _: None
        _converse(Talk(typed_in, journal, render, time.monotonic, manner(chosen), traced), screen)


def _converse(conversation: Talk, screen: _Screen) -> None:
    screen.show(conversation.start())
    for line in _lines(conversation):
        if line is None or line == WAIT:
            if conversation.due is not None:
                screen.silence()
                screen.show(conversation.expire())
        elif line == QUIT:
            break
        elif line:
            screen.show(conversation.say(line))


def _lines(conversation: Talk) -> Iterator[str | None]:
    """What is typed, line by line; None when the dialogue's deadline comes first. From a file, time does not pass."""
    typing = sys.stdin.isatty()
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        if typing:
            sys.stdout.write(f"[{conversation.state}] > ")
            sys.stdout.flush()
            left = None if conversation.due is None else max(0.0, conversation.due - time.monotonic())
            if not select.select([sys.stdin], [], [], left)[0]:
                yield None
                continue
        line = sys.stdin.readline()
        if not line:
            return
        if not typing:
            sys.stdout.write(f"> {line.strip()}\n")
        yield line.strip()


class _Screen:
    """Shows what the device does."""

    def __init__(self, form: Form, language: str) -> None:
        self._phrasing = Phrasing(form, language)
        self._console = Console(highlight=False, soft_wrap=True)

    def show(self, stepped: Stepped) -> None:
        for order in stepped.orders:
            match order:
                case Say():
                    self._line("device", self._phrasing.text(order), "bold")
                case Sound(earcon):
                    self._line("sound", earcon.value, "dim")
                case Adjust(what):
                    self._line("voice", what.value, "dim")
                case Hush():
                    self._line("device", "falls silent", "dim")
                case _:
                    pass
        if stepped.row is not None:
            event = json.loads(stepped.row.body)
            data = {name: event["data"][name] for name in ("amends", "cancels", "fields") if name in event["data"]}
            self._line("event", f"{stepped.row.sequence} {event['type']} {json.dumps(data)}", "green")

    def trace(self, step: StepTrace) -> None:
        self._line("step", str(step), "cyan")

    def silence(self) -> None:
        self._line("operator", "says nothing", "dim")

    def _line(self, who: str, what: str, style: str) -> None:
        self._console.print(f"  {who:9} {what}", style=style, markup=False)
