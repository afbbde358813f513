"""The parts of an agent, made of the settings: form, catalogues, interpreter, and the dictation made of them.

`agent/app.py` lets these parts work as an agent; `evaluate` and `replay` use them without one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import closing_form, form_files, load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import Language, language_named
from dockvoice_protocol.forms.taught import taught, teach
from dockvoice_protocol.instants import in_zone
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records.master import MasterData
from edge.agent.clock import Clock
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent
from edge.agent.particulars import ParticularsOf, particulars
from edge.agent.signed_inbox import names_of, operators_at_start
from edge.agent.site_catalogue import catalogue_at_start, under
from edge.agent.typed_input import Readers, sending
from edge.agent.voice_output import VoiceOutput
from edge.agent.workplaces import AtFirstUse, Unheard, Workplace, Workplaces
from edge.agree.decide import Rules
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.agree.policy import POLICIES
from edge.config import Engine, ListeningMode, Mode, Settings
from edge.deliver.device_events import recorded
from edge.hear.endpointing import Gate, WakePhrase
from edge.hear.vad import scorer
from edge.keep.journal_thread import JournalThread
from edge.keep.readings import keep_reply
from edge.ports import Interpreter, Source
from edge.records import Entry, Minted, Particulars, Segment, Work
from edge.understand.llm.prompt import Past
from edge.understand.local import moonshine
from edge.understand.local.factory import own_language, recogniser, vosk_weights, weights_of
from edge.understand.local.vosk import WakeWord
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
    past: Past = field(default_factory=Past)
    """What models are told of what went before; whoever decides keeps it up to date."""
    at_hand: tuple[Form, ...] = ()  # The forms that operators may switch between; none: `form` alone.
    make: Callable[[Form, str | None], Workplace] | None = None  # Makes what another form, or language, needs.
    closing: Form | None = None  # The form by which trailers are closed.
    renew: Callable[[tuple[MasterData, ...]], Parts] | None = None
    """Makes these parts of other master data; None where they change at a restart alone."""

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms of which entries are made here, by name."""
        closing = () if self.closing is None else (self.closing,)
        return {form.name: form for form in (*self.at_hand, self.form, *closing)}

    @property
    def rules(self) -> Rules:
        """What it takes to be sure."""
        return rules(self.settings, self.form, self.catalogue)

    def workplaces(self) -> Workplaces:
        """All that depends on the form and on the language, for one agent."""
        readers = Readers(self.rules, self.interpreter, typed_in(self.settings), sending(self.settings.scan))
        return Workplaces(Workplace(Work(self.form.name), readers, self.panel), self.make, self.at_hand)


def assemble(settings: Settings, form: str | None = None, *, live: bool = False) -> Parts:
    """Load the form (the active one, unless another is named), the catalogues and the interpreter.

    `live`: somebody is there to answer, as nobody is for a recording. Raises Misconfigured naming what is wrong.
    """
    chosen = form_named(settings, form or settings.forms.active)
    at_hand = forms_at_hand(settings, chosen) if live else (chosen,)
    closing = closing_form(settings.forms_directory) if live else None
    catalogue = catalogue_at_start(settings, at_hand)
    in_files, at_hand = at_hand, teach(at_hand, catalogue)
    clients = Clients(settings.understand.clients)
    agrees = converses(settings, live=live)
    names = names_of(operators_at_start(settings)) if agrees else ()
    making = _Making(settings, catalogue, in_files, at_hand, clients, Past(), names, closing, converses=agrees)
    made, name = making.parts(chosen.name)
    if settings.understand.engine == "auto" and name.startswith(Engine.POCKETSPHINX):
        logger.warning(
            "%s stands in: the weights of vosk's %s are not in %s. It hears less well; run `dockvoice models get %s`",
            *(name, settings.understand.model, settings.models, settings.understand.model),
        )
    return made


@dataclass(frozen=True, slots=True)
class _Making:
    """What workplaces are made of."""

    settings: Settings
    catalogue: Catalogue
    in_files: tuple[Form, ...]
    at_hand: tuple[Form, ...]  # The same, with the words that were published beside theirs.
    clients: Clients
    past: Past
    names: tuple[str, ...]  # Those that operators sign on with.
    closing: Form | None
    converses: bool = field(kw_only=True)

    def parts(self, named: str) -> tuple[Parts, str]:
        """Those that begin with the form of this name, and what the device's own recogniser is called."""
        chosen = next(form for form in self.at_hand if form.name == named)
        reader = self.recogniser(chosen)
        begun = self.workplace(chosen, None, reader)

        @cache
        def own(another: Form) -> Interpreter:
            return reader if another is chosen else AtFirstUse(reader.name, partial(self.recogniser, another))

        def make(another: Form, language: str | None) -> Workplace:
            return self.workplace(another, language, own(another))

        def renew(published: tuple[MasterData, ...]) -> Parts:
            files = Catalogue.load(self.settings.catalogue_directory)
            catalogue = under(files, published, self.in_files)
            return replace(self, catalogue=catalogue, at_hand=teach(self.in_files, catalogue)).parts(named)[0]

        of_start = (chosen, self.catalogue, begun.readers.interpreter, begun.panel)
        made = Parts(self.settings, *of_start, self.clients, self.past, self.at_hand, make, self.closing, renew)
        return made, reader.name

    def recogniser(self, form: Form, language: Language | None = None) -> Interpreter:
        """The device's own, for a form; or one for another language, of which weights are here."""
        # Asked in the ear's thread while the conversation may go on: what is read is never changed, only replaced, and
        # an answer that is a moment old changes how long a pause is waited for, no value.
        at_hand = self.at_hand if self.converses else ()
        return recogniser(
            self.settings,
            form,
            self.catalogue,
            converses=self.converses,
            awaited=lambda: self.past().awaited(form),
            at_hand=at_hand,
            names=self.names,
            language=language,
        )

    def ear(self, form: Form, language: Language, own: Interpreter) -> Interpreter:
        """Who hears a language on this device: `own`, another recogniser that is made at first use, or nobody."""
        if language is own_language(self.settings):
            return own
        weights = weights_of(self.settings, language)
        if weights is None:
            return Unheard(form)
        return AtFirstUse(f"{Engine.VOSK}/{weights.name}", partial(self.recogniser, form, language))

    def workplace(self, form: Form, language: str | None, own: Interpreter) -> Workplace:
        """That of a form in a language; None: the device's own. `own` is the device's recogniser for the form.

        A language that nobody here hears is typed and scanned, and its sound is told to be unheard.
        """
        usual = rules(self.settings, form, self.catalogue)
        demands = usual if language is None else replace(usual, language=language_named(language))
        interpreter, panel = self._reader(form, language, own, demands)
        besides = typed_in(self.settings) if language is None else None
        recogniser = own if language is None or demands.language is own_language(self.settings) else None
        readers = Readers(demands, interpreter, besides, sending(self.settings.scan), recogniser)
        return Workplace(Work(form.name, language), readers, panel)

    def _reader(
        self, form: Form, language: str | None, own: Interpreter, demands: Rules
    ) -> tuple[Interpreter, Panel | None]:
        understand = self.settings.understand
        is_own = language is None or demands.language is language_named(spoken(self.settings))
        asked = () if is_own else remote_interpreters_of(self.settings, demands.language.code)
        if understand.mode is Mode.ON_DEVICE or not (is_own or asked):
            return self.ear(form, demands.language, own), None
        from edge.understand.factory import Surroundings, panel  # noqa: PLC0415 - who asks no model starts sooner

        if not is_own:
            seats = {"mode": Mode.CLOUD_FIRST, "first": asked[0], "fallback": asked[1:], "second": None}
            understand = understand.model_copy(update=seats)
            own = self.ear(form, demands.language, own)
        settings = self.settings.model_copy(update={"understand": understand})
        keep = partial(keep_reply, settings.state)
        surroundings = Surroundings(settings, form, self.catalogue, self.clients, self.past, keep)
        asking = panel(surroundings, own, demands.demands.uncalibrated)
        return asking, asking


def remote_interpreters_of(settings: Settings, language: str) -> tuple[str, ...]:
    """The interpreters beyond this device that are set up for a language, by name, in the order of the settings."""
    understand = settings.understand
    listed = understand.interpreters.items()
    return tuple(name for name, one in listed if one.client is not None and one.language.split("-")[0] == language)


def languages_of(settings: Settings) -> tuple[str, ...]:
    """The languages besides the device's own in which models are asked."""
    if settings.understand.mode is Mode.ON_DEVICE:
        return ()
    others = (one for one in LANGUAGES if one != language_named(spoken(settings)).code)
    return tuple(one for one in others if remote_interpreters_of(settings, one))


def typed_in(settings: Settings) -> Language:
    """The language of the device's own words, in which may be typed besides that which is spoken."""
    return language_named(settings.speak.language.value)


def forms_at_hand(settings: Settings, active: Form) -> tuple[Form, ...]:
    """The forms that operators may switch between, that which they begin with among them.

    Raises Misconfigured for one that does not exist, and where two are called alike.
    """
    first = () if active.name in settings.forms.at_hand else (active.name,)
    listed = dict.fromkeys((*first, *settings.forms.at_hand))
    forms = tuple(active if name == active.name else form_named(settings, name) for name in listed)
    for code in LANGUAGES:
        called: dict[str, str] = {}
        for form in forms:
            for name in form.names(code):
                if (other := called.setdefault(name, form.name)) != form.name:
                    raise Misconfigured(
                        f"forms.at_hand: {other!r} and {form.name!r} are both called {name!r} ({code}); "
                        "give one of them another name under `called`, or take it from the list"
                    )
    return forms


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
    """The language that operators speak: that of the model asked first, else of the device's own recogniser."""
    understand = settings.understand
    asked = understand.interpreters.get(understand.first or understand.second or "")
    return own_language(settings).code if understand.mode is Mode.ON_DEVICE or asked is None else asked.language


def in_force(settings: Settings, form: str) -> Rules:
    """What an agent of these settings demands of a form, with all that was published. Raises Misconfigured."""
    in_file = form_named(settings, form)
    catalogue = catalogue_at_start(settings, (in_file,))
    return rules(settings, taught(in_file, catalogue.words, catalogue), catalogue)


def form_named(settings: Settings, name: str) -> Form:
    """The form of that name; raises Misconfigured telling which there are. No other is read."""
    files = form_files(settings.forms_directory)
    if name not in files:
        raise Misconfigured(f"form {name!r}: not among the forms in {settings.forms_directory} ({', '.join(files)})")
    return load_form(files[name])


def dictation(
    parts: Parts,
    executor: JournalThread,
    tell: Callable[[DictationEvent], None],
    heartbeat: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
    gate: Gate | None = None,
    speaking: VoiceOutput | None = None,
    conversing: DialogueDriver | None = None,
    expected: Callable[[], Expectations] = lambda: NOTHING_EXPECTED,
    works: Workplaces | None = None,
) -> Dictation:
    """Sound to entry, without delivery. `clock` is this machine's, where somebody watches it already.

    `gate` is what the sound of a microphone goes through; `speaking` is the device's own voice, not to be heard;
    `conversing` agrees with the operator what becomes of what a microphone hears; `expected` is what is announced.
    `works` are those of the agent; None: nothing changes the form.
    """
    settings, works = parts.settings, works or parts.workplaces()
    detector = scorer(settings.hear.vad)
    listening = Ear(
        present=lambda: works.present,
        endpoint=settings.hear.endpoint,
        scorer=detector if speaking is None else speaking.deaf_to_itself(detector),
        executor=executor,
        heartbeat=heartbeat,
        gate=gate,
        meant=None if gate is None else wake(settings, lambda: conversing is not None and conversing.awaits),
        speaking=(lambda: None) if conversing is None else conversing.heard_speaking,
    )
    return Dictation(
        listening,
        works=works,
        executor=executor,
        operator=settings.operator,
        render=renderer(parts, clock or Clock(), works),
        tell=tell,
        converse=None if conversing is None else conversing.happen,
        expected=expected,
    )


def renderer(parts: Parts, clock: Clock, works: Workplaces | None = None) -> Callable[[Entry, Minted], dict[str, Any]]:
    """What makes the event of an entry, and says in it whether the wall clock was right.

    `works` are those of the agent, whose catalogue may change; None: nothing changes it.
    """
    settings = parts.settings
    known = parts.forms

    @lru_cache(maxsize=len(known) + 1)
    def beside(form: str, catalogue: Catalogue) -> ParticularsOf:
        return particulars(settings, known[form], catalogue) if form in known else lambda _: Particulars()

    def render(entry: Entry, minted: Minted) -> dict[str, Any]:
        believed = clock.believed()
        named = {"site": settings.site, "device": settings.device}
        catalogue = parts.catalogue if works is None else works.present.rules.catalogue
        beyond = beside(entry.form, catalogue)(entry)
        return recorded(entry, minted, **named, clock_believed=believed, particulars=beyond)

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


async def budget(settings: Settings, executor: JournalThread) -> Budget:
    """What models may cost today, and what they have cost."""
    today = local_day()
    midnight = in_zone(datetime.combine(today, datetime.min.time()), None)
    spent = await executor(lambda journal: journal.readings.spent_usd(midnight))
    return Budget(settings.understand.daily_budget_usd, today, spent)


@asynccontextmanager
async def reading(
    parts: Parts,
    note: Callable[[PanelAnswer], None] | None = None,
    budget: Budget | None = None,
    works: Workplaces | None = None,
) -> AsyncIterator[None]:
    """Let the interpreter read: a panel's members work only inside. What is under way at the end is called off.

    `note` is told of each answer of a model that is to be kept or counted; `budget` is what models may cost; `works`
    are those of the agent, whose panels are all let to work.
    """
    alone = () if parts.panel is None else (parts.panel,)
    panels = alone if works is None else tuple(works.panels(languages_of(parts.settings)))
    try:
        async with AsyncExitStack() as at_work:
            for panel in panels:
                await at_work.enter_async_context(panel.at_work(note, budget))
            yield
    finally:
        await parts.clients.aclose()


async def hear_all(taking: Dictation, sources: Iterable[Source]) -> None:
    """Hear `sources` to their end and conclude every utterance in them."""
    async with asyncio.TaskGroup() as group:
        group.create_task(taking.hear(sources))
        group.create_task(taking.conclude())
