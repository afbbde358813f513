"""The composition root: makes an agent's parts from the settings (form, catalogue, interpreter, dictation).

`agent/app.py` runs these parts as an agent; `evaluate` and `replay` use them without one.
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
from dockvoice_protocol.forms.loader import form_files_by_name, load_closing_form, load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import Language, language_named
from dockvoice_protocol.forms.taught import add_catalogue_words, add_published_words
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records.master import MasterData
from edge.agent.clock import Clock
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent
from edge.agent.site_publications import load_operators, load_site_catalogue, override_files, sign_on_words
from edge.agent.typed_input import ReaderBySource, scanner_format
from edge.agent.voice_output import VoiceOutput
from edge.agent.workplaces import LazyReader, NullReader, Workplace, Workplaces
from edge.agree.decide import Rules
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.agree.policy import POLICIES
from edge.config import ListeningMode, RecogniserKind, Settings, UnderstandingMode
from edge.deliver.device_events import DerivedFieldsFunction, entry_event, make_derived_fields_function
from edge.hear.endpointing import Gate, WakePhrase
from edge.hear.speech_detection import make_speech_scorer
from edge.keep.journal_thread import JournalThread
from edge.keep.readings import keep_reply_for_diagnosis
from edge.ports import Interpreter, Source
from edge.records import DerivedFields, Entry, EventIds, Segment, StoreFormOrLanguageChange
from edge.understand.llm.prompt import DialogueHistory
from edge.understand.local import moonshine
from edge.understand.local.factory import (
    find_recogniser_name_of,
    find_scoring_weights,
    locate_vosk_weights,
    make_recogniser,
    recogniser_language,
)
from edge.understand.local.letter_check import LetterCheck
from edge.understand.local.noise_suppression import make_noise_network
from edge.understand.local.second_recogniser_process import SecondRecogniserProcess
from edge.understand.local.voice_embedding import make_wearer_voice
from edge.understand.local.vosk import VoskInterpreter, WakeWord
from edge.understand.panel import Panel, PanelAnswer, today_at_site
from edge.understand.prices import Budget
from edge.understand.remote.client import Clients
from edge.understand.wearer_voice import WearerVoice

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts made from the settings; making them validates all settings before any sound is read."""

    settings: Settings
    form: Form
    catalogue: Catalogue
    interpreter: Interpreter
    panel: Panel | None = None  # The interpreter, where it asks remote models; else None.
    clients: Clients = field(default_factory=lambda: Clients({}))
    past: DialogueHistory = field(default_factory=DialogueHistory)
    """The context that is sent to models; updated with each verdict."""
    at_hand: tuple[Form, ...] = ()  # The forms that operators may switch between; empty: `form` alone.
    make: Callable[[Form, str | None], Workplace] | None = None  # Makes the workplace for another form or language.
    closing: Form | None = None  # The form that closes trailers.
    voice: WearerVoice | None = None  # The wearer's; None: not used.
    second_recogniser: SecondRecogniserProcess | None = None  # None: not used.
    renew: Callable[[tuple[MasterData, ...]], Parts] | None = None
    """Makes these parts from new master data; None where new data needs a restart."""

    @property
    def forms(self) -> Mapping[str, Form]:
        """All forms in use here, by name."""
        closing = () if self.closing is None else (self.closing,)
        return {form.name: form for form in (*self.at_hand, self.form, *closing)}

    @property
    def rules(self) -> Rules:
        """The rules for the first form."""
        return make_rules(self.settings, self.form, self.catalogue)

    def workplaces(self) -> Workplaces:
        """The workplaces of one agent: all that depends on form and language."""
        readers = ReaderBySource(
            self.rules, self.interpreter, _typed_language(self.settings), scanner_format(self.settings.scan)
        )
        return Workplaces(
            Workplace(StoreFormOrLanguageChange(self.form.name), readers, self.panel), self.make, self.at_hand
        )


def assemble_interpretation(settings: Settings, form: str | None = None, *, operator_present: bool = False) -> Parts:
    """Load the form (by default the active one), the catalogue and the interpreter.

    `operator_present`: one can answer, which no recording has. Raises Misconfigured with the faulty setting.
    """
    chosen = load_named_form(settings, form or settings.forms.active)
    at_hand = list_switchable_forms(settings, chosen) if operator_present else (chosen,)
    closing = load_closing_form(settings.forms_directory) if operator_present else None
    catalogue = load_site_catalogue(settings, at_hand)
    in_files, at_hand = at_hand, add_catalogue_words(at_hand, catalogue)
    clients = Clients(settings.understand.clients)
    agrees = uses_dialogue(settings, operator_present=operator_present)
    names = sign_on_words(load_operators(settings)) if agrees else ()
    making = _Making(
        settings,
        catalogue,
        in_files,
        at_hand,
        clients,
        DialogueHistory(),
        names,
        closing,
        make_wearer_voice(settings),
        make_second_recogniser(settings),
        uses_dialogue=agrees,
    )
    made, name = making.make_parts(chosen.name)
    if settings.understand.noise_suppression is True and not name.startswith(RecogniserKind.VOSK):
        raise Misconfigured(
            f"understand.noise_suppression = true: {name} recognises speech here, and noise is suppressed ahead of "
            'vosk alone; set it to "auto", or understand.engine to "vosk"'
        )
    if settings.understand.engine == "auto" and name.startswith(RecogniserKind.POCKETSPHINX):
        logger.warning(
            "%s stands in: the weights of vosk's %s are not in %s. It hears less well; run `dockvoice models get %s`",
            name,
            settings.understand.model,
            settings.models,
            settings.understand.model,
        )
    return made


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes workplaces from the settings."""

    settings: Settings
    catalogue: Catalogue
    in_files: tuple[Form, ...]
    at_hand: tuple[Form, ...]  # The same, with the published words added.
    clients: Clients
    past: DialogueHistory
    names: tuple[str, ...]  # The operators' names, for signing on.
    closing: Form | None
    voice: WearerVoice | None
    second_recogniser: SecondRecogniserProcess | None
    uses_dialogue: bool = field(kw_only=True)

    def make_parts(self, named: str) -> tuple[Parts, str]:
        """Make the parts that begin with the form of this name; also returns the recogniser's name."""
        chosen = next(form for form in self.at_hand if form.name == named)
        reader = self.make_recogniser_for(chosen)
        begun = self.make_workplace(chosen, None, reader)

        @cache
        def own(another: Form) -> Interpreter:
            return reader if another is chosen else LazyReader(reader.name, partial(self.make_recogniser_for, another))

        def make(another: Form, language: str | None) -> Workplace:
            return self.make_workplace(another, language, own(another))

        def renew(published: tuple[MasterData, ...]) -> Parts:
            files = Catalogue.load(self.settings.catalogue_directory)
            catalogue = override_files(files, published, self.in_files)
            forms = add_catalogue_words(self.in_files, catalogue)
            return replace(self, catalogue=catalogue, at_hand=forms).make_parts(named)[0]

        of_start = (chosen, self.catalogue, begun.readers.interpreter, begun.panel)
        shared = self.clients, self.past, self.at_hand
        made = Parts(self.settings, *of_start, *shared, make, self.closing, self.voice, self.second_recogniser, renew)
        return made, reader.name

    def make_recogniser_for(self, form: Form, language: Language | None = None) -> Interpreter:
        """The device's own recogniser for a form, or one for another language with installed weights."""
        # `awaited` is called in the ear's thread, concurrently with the dialogue: its data is immutable and replaced
        # as a whole, and a stale answer affects only how long a pause lasts, no value.
        at_hand = self.at_hand if self.uses_dialogue else ()
        made = make_recogniser(
            self.settings,
            form,
            self.catalogue,
            converses=self.uses_dialogue,
            awaited=lambda: self.past().awaited(form),
            at_hand=at_hand,
            names=self.names,
            language=language,
        )
        made.voice = self.voice
        if isinstance(made, VoskInterpreter):
            made.noise_network = make_noise_network(self.settings)
        if self.second_recogniser is not None and (language is None or language.code == moonshine.LANGUAGE):
            made.letter_check = LetterCheck(self.second_recogniser, form, self.catalogue)
        return made

    def select_recogniser(self, form: Form, language: Language, own: Interpreter) -> Interpreter:
        """The recogniser for a language: `own`, another created at first use, or `NullReader` without weights."""
        if language is recogniser_language(self.settings):
            return own
        name = find_recogniser_name_of(self.settings, language)
        if name is None:
            return NullReader(form)
        return LazyReader(name, partial(self.make_recogniser_for, form, language))

    def make_workplace(self, form: Form, language: str | None, own: Interpreter) -> Workplace:
        """Make the workplace of a form in a language; None: the device's own. `own` is its recogniser for the form.

        In a language without a recogniser, typed and scanned input works, and sound is reported as not heard.
        """
        usual = make_rules(self.settings, form, self.catalogue)
        demands = usual if language is None else replace(usual, language=language_named(language))
        interpreter, panel = self._make_interpreter_and_panel(form, language, own, demands)
        besides = _typed_language(self.settings) if language is None else None
        recogniser = own if language is None or demands.language is recogniser_language(self.settings) else None
        readers = ReaderBySource(demands, interpreter, besides, scanner_format(self.settings.scan), recogniser)
        return Workplace(StoreFormOrLanguageChange(form.name, language), readers, panel)

    def _make_interpreter_and_panel(
        self, form: Form, language: str | None, own: Interpreter, demands: Rules
    ) -> tuple[Interpreter, Panel | None]:
        understand = self.settings.understand
        is_own = language is None or demands.language is language_named(_spoken_language(self.settings))
        asked = () if is_own else _remote_interpreters_of(self.settings, demands.language.code)
        if understand.mode is UnderstandingMode.ON_DEVICE or not (is_own or asked):
            return self.select_recogniser(form, demands.language, own), None
        from edge.understand.factory import InterpreterArguments, make_panel  # noqa: PLC0415 - without models the start is faster

        if not is_own:
            seats = {"mode": UnderstandingMode.CLOUD_FIRST, "first": asked[0], "fallback": asked[1:], "second": None}
            understand = understand.model_copy(update=seats)
            own = self.select_recogniser(form, demands.language, own)
        settings = self.settings.model_copy(update={"understand": understand})
        keep = partial(keep_reply_for_diagnosis, settings.state)
        arguments = InterpreterArguments(settings, form, self.catalogue, self.clients, self.past, keep)
        asking = make_panel(arguments, own, demands.site_policy.uncalibrated)
        return asking, asking


def _remote_interpreters_of(settings: Settings, language: str) -> tuple[str, ...]:
    """The names of the remote interpreters configured for a language, in the order of the settings."""
    understand = settings.understand
    listed = understand.interpreters.items()
    return tuple(name for name, one in listed if one.client is not None and one.language.split("-")[0] == language)


def list_remote_languages(settings: Settings) -> tuple[str, ...]:
    """The languages with remote interpreters, except the one that operators speak; none on-device."""
    if settings.understand.mode is UnderstandingMode.ON_DEVICE:
        return ()
    others = (one for one in LANGUAGES if one != language_named(_spoken_language(settings)).code)
    return tuple(one for one in others if _remote_interpreters_of(settings, one))


def _typed_language(settings: Settings) -> Language:
    """The device's own language, which typed text may use besides the spoken one."""
    return language_named(settings.speak.language.value)


def list_switchable_forms(settings: Settings, active: Form) -> tuple[Form, ...]:
    """The forms that operators may switch between, including the active one.

    Raises Misconfigured for a missing form, and where two have the same name in a language.
    """
    first = () if active.name in settings.forms.at_hand else (active.name,)
    listed = dict.fromkeys((*first, *settings.forms.at_hand))
    forms = tuple(active if name == active.name else load_named_form(settings, name) for name in listed)
    for code in LANGUAGES:
        called: dict[str, str] = {}
        for form in forms:
            for name in form.spoken_names(code):
                if (other := called.setdefault(name, form.name)) != form.name:
                    raise Misconfigured(
                        f"forms.at_hand: {other!r} and {form.name!r} are both called {name!r} ({code}); "
                        "give one of them another name under `called`, or take it from the list"
                    )
    return forms


def uses_dialogue(settings: Settings, *, operator_present: bool) -> bool:
    """Whether a dialogue is wanted: as set, or in auto where an operator is present and the voice is not disabled."""
    wanted = settings.agree.conversation
    return operator_present and settings.speak.enabled is not False if wanted == "auto" else wanted


def make_second_recogniser(settings: Settings) -> SecondRecogniserProcess | None:
    """The second recogniser for held entries and for letters that rhyme, or None.

    Raises Misconfigured where it is required but unusable.
    """
    wanted, language = settings.understand.witness, _spoken_language(settings)
    if wanted is True and not moonshine.is_installed():
        raise Misconfigured(
            "understand.witness = true: moonshine is not installed; pip install 'dockvoice[second-reader]'"
        )
    if wanted is True and not language.startswith(moonshine.LANGUAGE):
        raise Misconfigured(f"understand.witness = true: the witness hears English only, and {language!r} is spoken")
    can = moonshine.is_installed() and language.startswith(moonshine.LANGUAGE) and (os.cpu_count() or 1) > 1
    scoring = find_scoring_weights(settings)
    return SecondRecogniserProcess(scoring) if wanted is True or (wanted == "auto" and can) else None


def make_rules(settings: Settings, form: Form, catalogue: Catalogue) -> Rules:
    """The rules in the settings that a reading must meet to become an entry."""
    policy, language = POLICIES[settings.agree.policy], language_named(_spoken_language(settings))
    return Rules(form, catalogue, settings.agree.minimum_confidence, policy, language)


def _spoken_language(settings: Settings) -> str:
    """The language that operators speak: the first model's, else the device's own recogniser's."""
    understand = settings.understand
    asked = understand.interpreters.get(understand.first or understand.second or "")
    return (
        recogniser_language(settings).code
        if understand.mode is UnderstandingMode.ON_DEVICE or asked is None
        else asked.language
    )


def load_current_rules(settings: Settings, form: str) -> Rules:
    """The rules of a form with all published master data, as the agent has them. Raises Misconfigured."""
    in_file = load_named_form(settings, form)
    catalogue = load_site_catalogue(settings, (in_file,))
    return make_rules(settings, add_published_words(in_file, catalogue.words, catalogue), catalogue)


def load_named_form(settings: Settings, name: str) -> Form:
    """Load the form of that name, and no other. Raises Misconfigured with the list of the forms."""
    files = form_files_by_name(settings.forms_directory)
    if name not in files:
        raise Misconfigured(
            f"form {name!r}: not among the forms in {settings.forms_directory} ({', '.join(files)}); "
            "name one of them as forms.active, in forms.at_hand or with --form"
        )
    return load_form(files[name])


def make_dictation(
    parts: Parts,
    executor: JournalThread,
    publish: Callable[[DictationEvent], None],
    heartbeat: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
    gate: Gate | None = None,
    speaking: VoiceOutput | None = None,
    dialogue_driver: DialogueDriver | None = None,
    expected: Callable[[], Expectations] = lambda: NOTHING_EXPECTED,
    workplaces: Workplaces | None = None,
) -> Dictation:
    """Make the dictation, from sound to entry, without delivery. `clock` is the agent's; None makes a new one.

    `gate` filters a microphone's sound; `speaking` is the device's own voice, which the ear must ignore;
    `dialogue_driver` agrees live utterances; `expected` returns the lists of expected receipts. `workplaces` are the
    agent's; None: the form never changes.
    """
    settings, workplaces = parts.settings, workplaces or parts.workplaces()
    detector = make_speech_scorer(settings.hear.vad)
    listening = Ear(
        present=lambda: workplaces.current,
        endpoint=settings.hear.endpoint,
        scorer=detector if speaking is None else speaking.ignore_own_voice(detector),
        executor=executor,
        heartbeat=heartbeat,
        gate=gate,
        meant=None
        if gate is None
        else make_wake_filter(settings, lambda: dialogue_driver is not None and dialogue_driver.awaits_answer),
        speaking=(lambda: None) if dialogue_driver is None else dialogue_driver.post_speech_began,
    )
    return Dictation(
        listening,
        workplaces=workplaces,
        executor=executor,
        operator=settings.operator,
        render=make_entry_renderer(parts, clock or Clock(), workplaces),
        publish=publish,
        converse=None if dialogue_driver is None else dialogue_driver.decide,
        expected=expected,
        voice=parts.voice,
        second_recogniser=parts.second_recogniser,
    )


def make_entry_renderer(
    parts: Parts, clock: Clock, workplaces: Workplaces | None = None
) -> Callable[[Entry, EventIds], dict[str, Any]]:
    """Return the function that makes an entry's event, which says whether the wall clock is trusted.

    `workplaces` are the agent's workplaces, whose catalogue may change; None: it never changes.
    """
    settings = parts.settings
    known = parts.forms

    @lru_cache(maxsize=len(known) + 1)
    def beside(form: str, catalogue: Catalogue) -> DerivedFieldsFunction:
        return (
            make_derived_fields_function(settings, known[form], catalogue)
            if form in known
            else lambda _: DerivedFields()
        )

    def render_entry(entry: Entry, minted: EventIds) -> dict[str, Any]:
        believed = clock.is_believed()
        named = {"site": settings.site, "device": settings.device}
        catalogue = parts.catalogue if workplaces is None else workplaces.current.rules.catalogue
        beyond = beside(entry.form, catalogue)(entry)
        return entry_event(entry, minted, **named, clock_believed=believed, particulars=beyond)

    return render_entry


def make_wake_filter(
    settings: Settings, awaits: Callable[[], bool] = lambda: False
) -> Callable[[Segment], Segment | None] | None:
    """Return the filter that cuts the wake phrase off and drops utterances without it; None where none is set.

    While an answer is awaited (`awaits`), all utterances pass. Raises Misconfigured where vosk is not installed, or
    does not know the phrase's words.
    """
    hear = settings.hear
    if hear.mode is not ListeningMode.WAKE_PHRASE or hear.wake_phrase is None:
        return None
    word, phrase = WakeWord(locate_vosk_weights(settings), hear.wake_phrase), WakePhrase(hear.wake_window_s)
    return lambda segment: phrase.extract_addressed_speech(
        segment, word.find_phrase_end(segment.pcm), is_answer=awaits()
    )


async def load_budget(settings: Settings, executor: JournalThread) -> Budget:
    """The daily budget for models, with today's cost so far."""
    today = today_at_site()
    midnight = to_zone(datetime.combine(today, datetime.min.time()), None)
    spent = await executor(lambda journal: journal.readings.spent_usd(midnight))
    return Budget(settings.understand.daily_budget_usd, today, spent)


@asynccontextmanager
async def run_panels(
    parts: Parts,
    note: Callable[[PanelAnswer], None] | None = None,
    budget: Budget | None = None,
    workplaces: Workplaces | None = None,
) -> AsyncIterator[None]:
    """Run the panels while the context is open; on exit, cancel open requests and close the clients.

    `note` is called with each answer to be stored or counted; `budget` limits the cost; `workplaces` are the agent's
    workplaces, whose panels all run.
    """
    alone = () if parts.panel is None else (parts.panel,)
    panels = alone if workplaces is None else tuple(workplaces.panels(list_remote_languages(parts.settings)))
    try:
        async with AsyncExitStack() as at_work:
            for panel in panels:
                await at_work.enter_async_context(panel.running_requests(note, budget))
            yield
    finally:
        await parts.clients.aclose()


async def dictate_sources(dictation: Dictation, sources: Iterable[Source]) -> None:
    """Listen to all sources, and conclude their utterances."""
    async with asyncio.TaskGroup() as group:
        group.create_task(dictation.hear(sources))
        group.create_task(dictation.process_queue())
