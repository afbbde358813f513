"""The parts of an agent, made of the settings: form, catalogues, interpreter, and the dictation made of them.

`agent/app.py` lets these parts work as an agent; `evaluate` and `replay` use them without one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edge.agent.clock import Clock
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent
from edge.agent.particulars import particulars
from edge.agent.typed_input import sending
from edge.agent.voice_output import VoiceOutput
from edge.agree.decide import Rules
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.agree.policy import POLICIES
from edge.config import Engine, ListeningMode, Mode, Settings
from edge.deliver.events import recorded
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.loader import closing_form, forms_in
from edge.forms.model import Form
from edge.forms.spoken.language import language_named
from edge.hear.gate import Gate, WakePhrase
from edge.hear.vad import scorer
from edge.keep.journal_thread import JournalThread
from edge.keep.readings import Replies
from edge.ports import Interpreter, Source
from edge.records import Entry, Minted, Segment
from edge.understand.llm.prompt import Past
from edge.understand.local import moonshine
from edge.understand.local.factory import recogniser, vosk_weights
from edge.understand.local.wake_phrase import WakeWord
from edge.understand.local.witness_process import WitnessProcess
from edge.understand.panel import Panel, PanelAnswer, local_day
from edge.understand.prices import Budget
from edge.understand.remote.client import Clients

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What settings turn into before any sound comes: everything that can be wrong with them shows here."""

    settings: Settings
    form: Form
    catalogue: Catalogue
    interpreter: Interpreter
    panel: Panel | None = None  # The interpreter again, where models beyond this device are asked.
    clients: Clients = field(default_factory=lambda: Clients({}))
    closing: Form | None = None  # The form by which trailers are closed.
    past: Past = field(default_factory=Past)
    """What models are told of what went before; whoever decides keeps it up to date."""

    @property
    def rules(self) -> Rules:
        """What it takes to be sure."""
        return rules(self.settings, self.form, self.catalogue)


def assemble(settings: Settings, form: str | None = None, *, live: bool = False) -> Parts:
    """Load the form (the active one, unless another is named), the catalogues and the interpreter.

    `live`: somebody is there to answer, as nobody is for a recording. Raises Misconfigured naming what is wrong.
    """
    closing = closing_form(forms_in(settings.forms_directory))
    chosen = form_named(settings, form or settings.forms.active)
    catalogue = Catalogue.load(settings.catalogue_directory)
    past = Past()
    agrees = converses(settings, live=live)
    # Asked in the ear's thread while the conversation may go on: what is read is never changed, only replaced, and an
    # answer that is a moment old changes how long a pause is waited for, no value.
    reader = recogniser(settings, chosen, catalogue, converses=agrees, awaited=lambda: past().awaited(chosen))
    if settings.understand.engine == "auto" and reader.name.startswith(Engine.POCKETSPHINX):
        logger.warning(
            "%s stands in: the weights of vosk's %s are not in %s. It hears less well; run `dockvoice models get %s`",
            *(reader.name, settings.understand.model, settings.models, settings.understand.model),
        )
    clients = Clients(settings.understand.clients)
    if settings.understand.mode is Mode.ON_DEVICE:
        return Parts(settings, chosen, catalogue, reader, None, clients, closing, past)
    from edge.understand.factory import Surroundings, panel  # noqa: PLC0415 - who asks no model starts sooner

    sure_from = rules(settings, chosen, catalogue).demands.uncalibrated
    replies = Replies(settings.state)
    surroundings = Surroundings(settings, chosen, catalogue, clients, past, replies.keep)
    asked = panel(surroundings, reader, sure_from)
    return Parts(settings, chosen, catalogue, asked, asked, clients, closing, past)


def converses(settings: Settings, *, live: bool) -> bool:
    """Whether entries are agreed with the operator, if he turns out to hear the device."""
    wanted = settings.agree.conversation
    return live and settings.speak.enabled is not False if wanted == "auto" else wanted


def witness_of(settings: Settings) -> WitnessProcess | None:
    """Who hears a held entry again. Raises Misconfigured where that is wanted and cannot be."""
    wanted, language = settings.understand.witness, spoken(settings)
    if wanted is True and not moonshine.is_here():
        raise Misconfigured(
            "understand.witness = true: moonshine is not installed; pip install 'dockvoice[second-reader]'"
        )
    if wanted is True and not language.startswith(moonshine.LANGUAGE):
        raise Misconfigured(f"understand.witness = true: the witness hears English only, and {language!r} is spoken")
    can = moonshine.is_here() and language.startswith(moonshine.LANGUAGE) and (os.cpu_count() or 1) > 1
    return WitnessProcess() if wanted is True or (wanted == "auto" and can) else None


def rules(settings: Settings, form: Form, catalogue: Catalogue) -> Rules:
    """What the settings demand before a reading becomes an entry."""
    policy, language = POLICIES[settings.agree.policy], language_named(spoken(settings))
    return Rules(form, catalogue, settings.agree.minimum_confidence, policy, language)


def spoken(settings: Settings) -> str:
    """The language that operators speak: that of the model asked first; the device's own recogniser knows English."""
    understand = settings.understand
    asked = understand.interpreters.get(understand.first or understand.second or "")
    return "en" if understand.mode is Mode.ON_DEVICE or asked is None else asked.language


def form_named(settings: Settings, name: str) -> Form:
    """The form of that name; raises Misconfigured telling which there are."""
    forms = forms_in(settings.forms_directory)
    if name not in forms:
        known = ", ".join(sorted(forms)) or "none"
        raise Misconfigured(f"form {name!r}: not among the forms in {settings.forms_directory} ({known})")
    return forms[name]


def dictation(
    parts: Parts,
    desk: JournalThread,
    tell: Callable[[DictationEvent], None],
    beat: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
    gate: Gate | None = None,
    speaking: VoiceOutput | None = None,
    conversing: DialogueDriver | None = None,
    expected: Callable[[], Expectations] = lambda: NOTHING_EXPECTED,
) -> Dictation:
    """Sound to entry, without delivery. `clock` is this machine's, where somebody watches it already.

    `gate` is what the sound of a microphone goes through; `speaking` is the device's own voice, not to be heard;
    `conversing` agrees with the operator what becomes of what a microphone hears; `expected` is what is announced.
    """
    settings = parts.settings
    detector = scorer(settings.hear.vad)
    listening = Ear(
        form=parts.form.name,
        endpoint=settings.hear.endpoint,
        scorer=detector if speaking is None else speaking.deaf_to_itself(detector),
        interpreter=parts.interpreter,
        desk=desk,
        beat=beat,
        gate=gate,
        meant=None if gate is None else wake(settings, lambda: conversing is not None and conversing.awaits),
        speaking=(lambda: None) if conversing is None else conversing.heard_speaking,
    )
    return Dictation(
        listening,
        rules=parts.rules,
        interpreter=parts.interpreter,
        desk=desk,
        operator=settings.operator,
        render=renderer(parts, clock or Clock()),
        tell=tell,
        converse=None if conversing is None else conversing.happen,
        typed_in=language_named(settings.speak.language.value),
        expected=expected,
        sending=sending(settings.scan),
    )


def renderer(parts: Parts, clock: Clock) -> Callable[[Entry, Minted], dict[str, Any]]:
    """What makes the event of an entry, and says in it whether the wall clock was right."""
    settings, beside = parts.settings, particulars(parts.settings, parts.form, parts.catalogue)

    def render(entry: Entry, minted: Minted) -> dict[str, Any]:
        believed = clock.believed()
        named = {"site": settings.site, "device": settings.device}
        return recorded(entry, minted, **named, clock_believed=believed, particulars=beside(entry))

    return render


def wake(settings: Settings, awaits: Callable[[], bool] = lambda: False) -> Callable[[Segment], Segment | None] | None:
    """What tells the utterances that are meant for the device from others, where the settings want a wake phrase.

    While something is awaited of the operator, all is meant for it. Raises Misconfigured where vosk is not there to
    listen for it, or does not know its words.
    """
    hear = settings.hear
    if hear.mode is not ListeningMode.WAKE_PHRASE or hear.wake_phrase is None:
        return None
    word, phrase = WakeWord(vosk_weights(settings), hear.wake_phrase), WakePhrase(hear.wake_window_s)
    return lambda segment: phrase.meant(segment, word.spotted(segment.pcm), awaited=awaits())


async def budget(settings: Settings, desk: JournalThread) -> Budget:
    """What models may cost today, and what they have cost."""
    today = local_day()
    midnight = datetime.combine(today, datetime.min.time()).astimezone()
    spent = await desk(lambda journal: journal.readings.spent_usd(midnight))
    return Budget(settings.understand.daily_budget_usd, today, spent)


@asynccontextmanager
async def reading(
    parts: Parts, note: Callable[[PanelAnswer], None] | None = None, budget: Budget | None = None
) -> AsyncIterator[None]:
    """Let the interpreter read: a panel's members work only inside. What is under way at the end is called off.

    `note` is told of each answer of a model that is to be kept or counted; `budget` is what models may cost.
    """
    try:
        if parts.panel is None:
            yield
        else:
            async with parts.panel.at_work(note, budget):
                yield
    finally:
        await parts.clients.aclose()


async def take(taking: Dictation, sources: Iterable[Source]) -> None:
    """Hear `sources` to their end and conclude all that was heard in them."""
    async with asyncio.TaskGroup() as group:
        group.create_task(taking.hear(sources))
        group.create_task(taking.conclude())
