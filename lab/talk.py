"""`dockvoice talk`: the conversation at the desk, typed.

The dialogue, the decision, the forms' reader and the journal are those of the agent; only ears and voice are missing.
"""

from __future__ import annotations

import json
import logging
import select
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import typer

from edge.agent.dialogue_steps import DialogueSteps, Render, Stepped, answered, manner
from edge.agent.dictation import INTERRUPTED, is_for_a_person
from edge.agent.parts import form_named, rules
from edge.agent.typed_input import typed, typed_utterance
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.dialogue import table
from edge.agree.dialogue.events import Deadline, Happening, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue, StepTrace
from edge.agree.dialogue.orders import Adjust, Hush, Say, Sound, StartTimer, StopTimer
from edge.agree.dialogue.questions import Question, held
from edge.agree.dialogue.session import Manner
from edge.cli.options import Config, FormName, State, Trace, settings
from edge.cli.output import EXIT_CODES
from edge.console import SafeConsole
from edge.deliver.events import Topics, recorded
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken.language import language_named
from edge.keep.journal import Journal
from edge.records import Acoustics, Closing, Reading, Receipt, Utterance
from edge.speak.wording import Phrasing

logger = logging.getLogger(__name__)

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


class Talk:
    """One conversation at the desk, over a journal of its own."""

    def __init__(
        self,
        rules: Rules,
        journal: Journal,
        render: Render,
        clock: Callable[[], float],
        manner: Manner | None = None,
        trace: Callable[[StepTrace], None] = lambda _: None,
    ) -> None:
        """`clock` gives the seconds that deadlines are counted in; `trace` is told of each step of the dialogue."""
        self.rules = rules
        self._journal = journal
        self._clock = clock
        self._conversation = DialogueSteps(Dialogue(rules, manner, trace), render)
        self.due: float | None = None
        """When the dialogue wants to hear of its deadline; None while it waits for nothing."""

    @property
    def state(self) -> table.State:
        """Where the dialogue stands."""
        return self._conversation.state

    @property
    def question(self) -> Question | None:
        """What is asked now."""
        return self._conversation.question

    def start(self) -> Stepped:
        """Take up what is open in the journal; what was typed in vain goes to a person."""
        for utterance in list(self._journal.queries.unread()):
            if utterance.typed is not None and utterance.form == self.rules.form.name:
                self._take_up(utterance, utterance.typed)
        return self._timed(self._conversation.start(self._journal))

    def say(self, text: str) -> Stepped:
        """The operator says it: on disk before it is read. Raises UnreadableInput where it is too long for that."""
        utterance = typed_utterance(self.rules.form.name, text)
        self._journal.begin(utterance)
        return self._hear(utterance, typed(utterance.typed or "", self.rules))

    def hear(self, reading: Reading, closing: Closing = Closing.PAUSE, acoustics: Acoustics | None = None) -> Stepped:
        """The operator said what makes this reading; `acoustics` is how it sounded, where it did."""
        utterance = typed_utterance(self.rules.form.name, closing=closing)
        self._journal.begin(utterance)
        return self._hear(utterance, reading, acoustics)

    def _hear(self, utterance: Utterance, reading: Reading, acoustics: Acoustics | None = None) -> Stepped:
        since = utterance.heard_at - timedelta(minutes=self.rules.demands.double_count_minutes)
        known = Circumstances(acoustics, self._journal.queries.standing(self.rules.form.name, since))
        closing = utterance.segment.closing
        verdict = decide(reading, closing, self.rules, known)
        return self.tell(UtteranceHeard(utterance.utterance_id, reading, verdict, closing, known))

    def _take_up(self, utterance: Utterance, text: str) -> None:
        """Conclude what was typed before the program was killed."""
        reading = typed(text, self.rules)
        verdict = decide(reading, utterance.segment.closing, self.rules)
        if is_for_a_person(utterance, reading, verdict, agreed=True):
            logger.warning(
                "%s: typed before the interruption, and not concluded; it is under review", utterance.utterance_id
            )
            self._journal.put_under_review(utterance.utterance_id, reading, held(verdict), INTERRUPTED)
        else:
            self._journal.conclude(utterance.utterance_id, reading, verdict)

    def expire(self) -> Stepped:
        """The deadline is reached."""
        self.due = None
        return self.tell(Deadline())

    def answer(self, receipt: Receipt) -> Stepped:
        """The inventory answers an event."""
        self._journal.outbox.settle(receipt.event_id, receipt)
        return self.tell(answered(self._journal, receipt))

    def tell(self, happening: Happening) -> Stepped:
        """Something happens."""
        return self._timed(self._conversation.record(self._journal, self._conversation.plan(happening)))

    def _timed(self, stepped: Stepped) -> Stepped:
        for order in stepped.orders:
            match order:
                case StartTimer(seconds):
                    self.due = self._clock() + seconds
                case StopTimer():
                    self.due = None
                case _:
                    pass
        return stepped


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
        self._console = SafeConsole(highlight=False, soft_wrap=True)

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
