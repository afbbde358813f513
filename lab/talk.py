"""`dockvoice talk`: hold a conversation with the agent by typing instead of speaking.

The dialogue, rules, parser and journal are the agent's own; recognition and speech output are absent.
"""

from __future__ import annotations

import json
import select
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import Topics
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_closing_form, load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.terminal import EXIT_CODES, print_lines, print_to_stderr
from dockvoice_protocol.terminal.tables import EscapingConsole
from edge.agent.dialogue_driver import Render, StepResult, make_dialogue_settings
from edge.agent.parts import list_switchable_forms, load_named_form, make_rules
from edge.agent.typed_input import scanner_format
from edge.agree.dialogue.machine import StepTrace
from edge.agree.dialogue.session import DialogueSettings
from edge.cli import Config, FormName, State, Trace, load_settings_with_options
from edge.deliver.device_events import entry_event, make_shift_lookup
from edge.keep.journal import Journal
from edge.records import StoreFormOrLanguageChange
from edge.records.speech import AdjustVoice, PlayEarcon, Say, StopSpeaking
from edge.speak.wording import Phrasing
from lab.plays import run_json_plays
from lab.rehearsal import WAIT, Play
from lab.typed_conversation import SCANNED, TypedConversation, to_scanner_characters

_QUIT = "/quit"

_BLANKS = " \t\r\n"  # Around a line. A separator behind a label is none.

_STDIN = Path("-")

commands = typer.Typer()

_Plays = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Conversations to hold, one per line, as JSON; -: from standard input."),
]

_Scan = Annotated[
    bool,
    typer.Option("--scan", help="A scanner is at hand: a line that begins with ] is what it read; <GS> separates."),
]


@commands.command(short_help="The conversation with an operator, typed.", epilog=EXIT_CODES)
def talk(
    config: Config = None,
    state: State = None,
    form: FormName = None,
    trace: Trace = False,
    scan: _Scan = False,
    plays: _Plays = None,
) -> None:
    """Type what an operator would say; print what the device would say, and the events.

    The dialogue, the decisions and the journal are the agent's own. Type in the language of speak.language. The journal
    is deleted at the end, unless --state names a directory for it; nothing is sent. "/wait" is silence until the device
    does something, "/quit" ends. --trace prints each step of the dialogue before its effects.

    With --scan a line such as "]C100376130321109103420" is a scanned label, typed or from a scanner in the place of the
    keyboard; its values are confirmed as spoken ones are.

    --plays holds many conversations, each in a fresh session: `{"lines": ["pallet 742, 12 units, dock B", "/wait"],
    "language": "en", "form": "pallet-move"}` is answered with its result: `events`, the current entries (`stands`),
    utterances in review (`waits`, with why), utterances withdrawn or not understood (`given_up`), and the device's
    prompts, in all and after each line. `list` gives an expected list ("trailer 5501: 742 24 CS A100"), `operators`
    those who may sign on ("471 ana = op-17"), `hand` the forms at hand. A line that begins with a slash is an outside
    event: /wait, /scan, /list, /refuse, /accept, /discard, /cut, /lost, /back, /fail, /heal, /shift. To answer
    questions, run one step by step: `{"begin": {"form": "receive"}}`, then a `{"line": "..."}` at a time, then `{"end":
    true}`.
    """
    chosen = load_settings_with_options(config, state=state, form=form)
    filled, closes = load_named_form(chosen, chosen.forms.active), load_closing_form(chosen.forms_directory)
    at_hand = list_switchable_forms(chosen, filled)
    catalogue = Catalogue.load(chosen.catalogue_directory)
    language = chosen.speak.language.value
    typed_in = replace(make_rules(chosen, filled, catalogue), language=language_named(language))
    render = partial(entry_event, site=chosen.site, device=chosen.device)
    if plays is not None:
        sent = scanner_format(chosen.scan) if scan else None
        forms = load_forms(chosen.forms_directory)
        _print_play_results(
            plays, Play(typed_in, language, sent, at_hand), forms, render, make_dialogue_settings(chosen, closes)
        )
        return
    with ExitStack() as opened:
        directory = state or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="dockvoice-talk-")))
        journal = opened.enter_context(Journal.open(directory))
        journal.outbox.demand_owner(Topics(chosen.deliver.prefix, chosen.site, chosen.device).source)
        screen = _Screen(filled, language, {one.name: one for one in at_hand})
        traced = screen.print_trace if trace else lambda _: None
        way = make_dialogue_settings(chosen, closes)
        talking = TypedConversation(
            typed_in,
            journal,
            render,
            time.monotonic,
            way,
            traced,
            scanner_format(chosen.scan),
            at_hand,
            shift=make_shift_lookup(chosen),
        )
        print_to_stderr("typed: no recogniser hears it, and no voice says it")
        _converse(talking, screen, scans=scan)


def _print_play_results(
    plays: Path, usual: Play, forms: Mapping[str, Form], render: Render, dialogue_settings: DialogueSettings
) -> None:
    """Run each play of a file or of standard input, and print its result as a JSON line before reading the next one."""
    wrong = False
    with ExitStack() as opened:
        try:
            lines = sys.stdin.buffer if plays == _STDIN else opened.enter_context(plays.open("rb"))
        except OSError as fault:
            raise UnreadableInput(f"{plays}: {fault.strerror}; name a file of plays, or - for standard input") from None
        for result in run_json_plays(lines, usual, forms, render, dialogue_settings):
            if "error" in result:
                wrong = True
                result["error"] = result["error"] if plays == _STDIN else f"{plays}: {result['error']}"
            print_lines(json.dumps(result, ensure_ascii=False))
            sys.stdout.flush()
    if wrong:
        raise typer.Exit(1)


def _converse(conversation: TypedConversation, screen: _Screen, *, scans: bool) -> None:
    screen.print_step(conversation.start())
    for typed in _read_typed_lines(conversation):
        if typed is None or typed == WAIT:
            if conversation.due is not None:
                screen.print_timeout()
                screen.print_step(conversation.expire_deadline())
        elif typed == _QUIT:
            break
        elif scans and typed.startswith(SCANNED):
            screen.print_step(conversation.scan(to_scanner_characters(typed)))
        elif typed:
            screen.print_step(conversation.say(typed))


def _read_typed_lines(conversation: TypedConversation) -> Iterator[str | None]:
    """The typed lines; None where the dialogue's timeout comes first (never for input from a file)."""
    typing = sys.stdin.isatty()
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        if typing:
            standing = "".join(f", {name} {value}" for name, value in conversation.standing_values.items())
            sys.stdout.write(f"[{conversation.state}{standing}] > ")
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
        yield line.strip(_BLANKS)


class _Screen:
    """Prints the device's prompts and events to the terminal."""

    def __init__(self, form: Form, language: str, known: Mapping[str, Form]) -> None:
        self._language = language
        self._known = known
        self._phrasing = Phrasing(form, language, known)
        self._console = EscapingConsole(highlight=False, soft_wrap=True)

    def print_step(self, stepped: StepResult) -> None:
        for order in stepped.orders:
            match order:
                case StoreFormOrLanguageChange(form) if form is not None:
                    self._phrasing = Phrasing(self._known[form], self._language, self._known)
                    self._print_line("form", form, "dim")
                case Say():
                    self._print_line("device", self._phrasing.text(order), "bold")
                case PlayEarcon(earcon):
                    self._print_line("sound", earcon.value, "dim")
                case AdjustVoice(what):
                    self._print_line("voice", what.value, "dim")
                case StopSpeaking():
                    self._print_line("device", "falls silent", "dim")
                case _:
                    pass
        if stepped.row is not None:
            event = json.loads(stepped.row.body)
            data = {name: event["data"][name] for name in ("amends", "cancels", "fields") if name in event["data"]}
            self._print_line("event", f"{stepped.row.sequence} {event['type']} {json.dumps(data)}", "green")

    def print_trace(self, step: StepTrace) -> None:
        self._print_line("step", str(step), "cyan")

    def print_timeout(self) -> None:
        self._print_line("operator", "says nothing", "dim")

    def _print_line(self, who: str, what: str, style: str) -> None:
        self._console.print(f"  {who:9} {what}", style=style, markup=False)
