"""One running agent changes the form that is filled and the language that is spoken; each utterance keeps its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.records import NotUnderstoodReason, Reading
from edge.agent.app import Agent, AgentEvent
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import Parts, assemble_interpretation, dictate_sources, list_remote_languages
from edge.agent.typed_input import ReaderBySource, parse_typed, typed_utterance
from edge.agent.voice_output import VoiceOutput
from edge.agent.workplaces import LazyReader, NullReader, Workplace, Workplaces
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import Order, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.table import State
from edge.cli.lines import AgentLines
from edge.config import Endpoint, Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import Commit, Frame, StoreFormOrLanguageChange
from edge.records.speech import Prompt, Say
from edge.understand.local import factory
from edge.understand.wearer_voice import WearerVoice
from tests.fakes import LoudnessScorer, ScriptedInterpreter, ScriptedSource
from tests.sayings import database
from tests.shipped import ROOT
from tests.unit import test_wearer_voice as chords
from tests.waiting import until

FORMS = load_forms(ROOT / "schemas" / "forms")
MOVE, COUNT = FORMS["pallet-move"], FORMS["stock-count"]
CATALOGUE = Catalogue.load(ROOT / "config" / "catalogue")
ENTRY = "pallet 742, twelve units, dock B"
COUNTED = "item B714, fourteen pieces, location A01"
GERMAN = "Palette 743, zwölf Stück, Tor B"


class Quiet(Source):
    """A microphone in a quiet room, until it is closed."""

    name, live = "microphone", True

    def __init__(self) -> None:
        self.closed = False

    def frames(self) -> Any:
        number = 0
        while not self.closed:
            yield Frame(number * 320, bytes(640))
            number += 1
            time.sleep(0.005)


def parts_of(directory: Path, **more: Any) -> Parts:
    """Those of a device at which nobody hears anything, and whatever is typed is read."""
    settings = load_settings(
        Settings,
        None,
        state_directory=directory,
        forms={"active": "pallet-move", "at_hand": ["pallet-move", "stock-count"]},
        agree={"conversation": True, "undo_s": 1, **more},
        speak={"enabled": False},
        deliver={"mqtt": {"port": 1}},
    )

    def make(form: Form, language: str | None) -> Workplace:
        spoken = language_named(language or "en")
        return Workplace(
            StoreFormOrLanguageChange(form.name, language),
            ReaderBySource(Rules(form, CATALOGUE, language=spoken), NullReader(form)),
        )

    return Parts(settings, MOVE, CATALOGUE, ScriptedInterpreter(), at_hand=(MOVE, COUNT), make=make)


class Device:
    """A running agent, to which is typed, and what it tells."""

    def __init__(self, agent: Agent, told: list[AgentEvent]) -> None:
        self.agent = agent
        self.told = told

    async def type(self, text: str) -> None:
        """Type a line, and wait until it is concluded."""
        before = len(self.decided)
        await self.agent.process_text(text)
        await asyncio.to_thread(until, lambda: len(self.decided) > before, lambda: f"{text!r}: {self.told[-3:]}")

    @property
    def decided(self) -> list[UtteranceDecided]:
        return [one for one in self.told if isinstance(one, UtteranceDecided)]

    @property
    def stands(self) -> DialogueStatus:
        return [one for one in self.told if isinstance(one, DialogueStatus)][-1]

    async def speak(self, language: str | None) -> None:
        """Somebody who speaks this language begins to work: what a sign-on comes to."""
        driver = self.agent._dialogue_driver
        assert driver is not None
        async with driver._turn:
            for order in driver._dialogue.restore_form_and_language(
                StoreFormOrLanguageChange(driver._dialogue.rules.form.name, language), None
            ):
                assert isinstance(order, StoreFormOrLanguageChange)
                driver._switch_form_or_language(order)


def run(parts: Parts, play: Callable[[Device], Awaitable[None]]) -> list[AgentEvent]:
    """Let the agent run while the play is acted; then it is stopped."""
    told: list[AgentEvent] = []

    async def played(executor: JournalThread) -> None:
        agent, quiet = Agent(parts, executor, told.append, live=True), Quiet()
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.run([quiet], settle_within_s=0))
            await asyncio.to_thread(
                until, lambda: any(isinstance(one, DialogueStatus) for one in told), "the agent starts"
            )
            await play(Device(agent, told))
            agent.stop()
            quiet.closed = True

    with JournalThread(parts.settings.state, parts.settings.keep) as executor:
        asyncio.run(played(executor))
    return told


def events_in(directory: Path) -> list[tuple[str, dict[str, Any]]]:
    with Journal.open(directory) as journal:
        rows = database(journal).rows("SELECT body FROM outbox ORDER BY sequence")
        return [(data["form"], data["fields"]) for data in (json.loads(row["body"])["data"] for row in rows)]


def test_what_is_typed_is_read_by_the_form_that_is_filled_when_its_turn_comes(tmp_path: Path) -> None:
    async def play(device: Device) -> None:
        await device.type(ENTRY)
        await device.type("yes")
        # Nobody waits for an answer here: the second line is on disk before the first has changed the form.
        await device.agent.process_text("switch to stock counting")
        await device.agent.process_text(COUNTED)
        await asyncio.to_thread(until, lambda: len(device.decided) == len(("entry", "yes", "switch", "count")), "read")
        await device.type("yes")
        assert device.stands.form == "stock-count"

    run(parts_of(tmp_path), play)
    assert events_in(tmp_path) == [
        ("pallet-move", {"pallet_id": "742", "quantity": 12, "dock": "B"}),
        ("stock-count", {"item": "B714", "quantity": 14, "location": "A01"}),
    ]
    with Journal.open(tmp_path) as journal:
        forms = [row["form"] for row in database(journal).rows("SELECT form FROM utterances ORDER BY heard_at")]
    assert forms == ["pallet-move", "pallet-move", "pallet-move", "stock-count", "stock-count"]


def test_after_a_restart_the_form_is_filled_that_was_changed_to_and_what_was_open_is_asked(tmp_path: Path) -> None:
    async def first(device: Device) -> None:
        await device.type("stock counting")
        await device.type("item B714, fourteen pieces")

    async def second(device: Device) -> None:
        assert (device.stands.form, device.stands.draft and device.stands.draft.form) == ("stock-count", "stock-count")
        await device.type("location A01")
        await device.type("yes")

    run(parts_of(tmp_path), first)
    run(parts_of(tmp_path), second)
    assert events_in(tmp_path) == [("stock-count", {"item": "B714", "quantity": 14, "location": "A01"})]


def test_what_was_typed_in_another_form_before_a_crash_is_read_in_its_own(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        for form, text in (("stock-count", COUNTED), ("temperature", "trailer 5501")):
            journal.store_utterance(typed_utterance(form, text))

    async def play(device: Device) -> None:
        assert [(one.utterance.form, one.reading.form) for one in device.decided] == [("stock-count", "stock-count")]

    run(parts_of(tmp_path), play)
    with Journal.open(tmp_path) as journal:
        (waits,) = journal.review.list_under_review()
        (unread,) = journal.queries.unread_utterances()
    assert (waits.form, dict(waits.fields)) == ("stock-count", {"item": "B714", "quantity": 14, "location": "A01"})
    assert unread.form == "temperature", "no form at hand: it waits for an agent that has it"


def test_one_running_agent_goes_from_english_to_german(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    lines = AgentLines(parts.settings, parts.rules, parts.forms)

    async def play(device: Device) -> None:
        await device.speak("de")
        await device.type(GERMAN)
        assert device.stands.language == "de"
        await device.type("ja")
        await device.type("zur Bestandszählung wechseln")
        assert (device.stands.form, device.stands.language) == ("stock-count", "de")
        await device.speak(None)
        await device.type("switch to moving pallets")
        await device.type(ENTRY)
        await device.type("yes")

    told = [line for one in run(parts, play) for line in lines.event_lines(one)]
    assert events_in(tmp_path) == [
        ("pallet-move", {"pallet_id": "743", "quantity": 12, "dock": "B"}),
        ("pallet-move", {"pallet_id": "742", "quantity": 12, "dock": "B"}),
    ]
    said = [line["said"] for line in told if line.get("said")]
    assert said == [
        "7 4 3, 12 Stück, Tor Berta.",
        "Bestandszählung.",
        "Moving pallets.",
        "7 4 2, 12 units, dock bravo.",
    ]
    changes = [(line["work"], line["language"]) for line in told if "work" in line]
    assert changes == [("pallet-move", "de"), ("stock-count", "de"), ("pallet-move", "en")]
    with Journal.open(tmp_path) as journal:
        spoken = [
            row["language"] for row in database(journal).rows("SELECT language FROM utterances ORDER BY heard_at")
        ]
    assert spoken == ["de", "de", "de", None, None, None]


def test_the_voice_speaks_of_the_form_and_in_the_language_that_were_changed_to() -> None:
    voice = VoiceOutput(Settings().speak, MOVE, {}, forms={one.name: one for one in (MOVE, COUNT)})
    tell = Say(Prompt.READBACK, {"item": "B714", "quantity": 14})
    voice.set_form_and_language(COUNT, "de")
    assert voice._phrasing.text(tell) == "Berta 7 1 4, 14 Stück, 1 4."
    assert voice._phrases._language == "de"
    moved = Say(Prompt.LAST_ENTRY, {"pallet_id": "742", "quantity": 12, "dock": "B"}, form="pallet-move")
    assert voice._phrasing.text(moved) == "Zuletzt: Palette 7 4 2, 12 Stück, Tor Berta."
    voice.set_form_and_language(MOVE, None)
    assert voice._phrases._language == "en"


def test_the_ear_listens_with_the_recogniser_of_the_form_that_is_filled_when_somebody_begins_to_speak(
    tmp_path: Path, rules: Rules
) -> None:
    silent = Reading("scripted", "", (), {}, NotUnderstoodReason.NO_WORDS)
    ears = {form.name: ScriptedInterpreter(silent) for form in (MOVE, COUNT)}

    def make(form: Form, language: str | None) -> Workplace:
        return Workplace(
            StoreFormOrLanguageChange(form.name, language), ReaderBySource(Rules(form, CATALOGUE), ears[form.name])
        )

    works, heard = Workplaces(make(MOVE, None), make, [COUNT]), []

    def tell(told: DictationEvent) -> None:
        if isinstance(told, UtteranceDecided):
            heard.append(told.utterance.form)
            works.make_current(StoreFormOrLanguageChange("stock-count"))

    with JournalThread(tmp_path) as executor:
        listening = Ear(present=lambda: works.current, endpoint=Endpoint(), scorer=LoudnessScorer(), executor=executor)
        dictation = Dictation(
            listening, workplaces=works, executor=executor, operator=None, render=lambda *_: {}, publish=tell
        )
        asyncio.run(dictate_sources(dictation, [ScriptedSource(("." * 20 + "#" * 30 + "." * 40) * 2)]))
    assert heard == ["pallet-move", "stock-count"]
    assert [len(one.read) for one in ears.values()] == [1, 1]


def test_what_is_said_in_a_language_that_nobody_hears_is_told_to_be_unheard() -> None:
    reading = asyncio.run(NullReader(MOVE).listen().finish(typed_utterance("pallet-move", "x")))
    assert (reading.not_understood, reading.words, dict(reading.fields)) == (
        NotUnderstoodReason.UNHEARD_LANGUAGE,
        (),
        {},
    )


def test_sound_in_a_language_that_nobody_hears_agrees_to_nothing() -> None:
    rules = Rules(MOVE, CATALOGUE)
    dialogue = Dialogue(rules)

    def hear(reading: Reading) -> list[Order]:
        return dialogue.handle(UtteranceHeard("u", reading))

    hear(parse_typed(ENTRY, rules))
    orders = hear(Reading("none", "pallet-move", (), {}, NotUnderstoodReason.UNHEARD_LANGUAGE))
    assert [one.prompt for one in orders if isinstance(one, Say)] == [Prompt.UNHEARD_LANGUAGE]
    assert not any(isinstance(one, Commit) for one in dialogue.handle(TimerExpired()))
    assert dialogue.state is State.CONFIRMING


def test_a_recogniser_is_made_when_it_is_first_listened_with_and_once(rules: Rules) -> None:
    made: list[ScriptedInterpreter] = []

    def make() -> ScriptedInterpreter:
        made.append(ScriptedInterpreter())
        return made[-1]

    one = LazyReader("scripted", make)
    assert made == []
    one.listen()
    one.listen()
    asyncio.run(
        Workplaces(
            Workplace(StoreFormOrLanguageChange(rules.form.name), ReaderBySource(rules, one, recogniser=one))
        ).prepare_recognisers()
    )
    assert len(made) == 1


@pytest.mark.usefixtures("pocketsphinx")
def test_a_model_that_is_set_up_for_a_language_hears_it_and_nobody_else_does(tmp_path: Path) -> None:
    interpreters = {
        "english": {"kind": "chat-audio", "client": "openai", "model": "gpt-audio"},
        "german": {"kind": "chat-audio", "client": "openai", "model": "gpt-audio", "language": "de"},
    }
    understand = {
        "engine": "pocketsphinx",
        "models_directory": tmp_path,
        "mode": "cloud-first",
        "first": "english",
        "clients": {"openai": {"kind": "openai", "key": "none"}},
        "interpreters": interpreters,
    }
    forms = {"active": "pallet-move", "at_hand": ["pallet-move", "stock-count"]}
    settings = load_settings(Settings, None, understand=understand, forms=forms, speak={"enabled": True})
    parts = assemble_interpretation(settings, operator_present=True)
    works = parts.workplaces()
    german, french = works.get("stock-count", "de"), works.get("stock-count", "fr")
    assert german.panel is not None
    assert german.panel.name == "cloud-first(openai/gpt-audio)"
    assert (german.rules.form.name, german.rules.language.code) == ("stock-count", "de")
    assert (french.panel, type(french.readers.interpreter)) == (None, NullReader)
    assert isinstance(works.get("stock-count").readers.recogniser, LazyReader)
    assert works.get("pallet-move", "en").panel is not None, "it is the device's own language by its name"
    assert list_remote_languages(settings) == ("de",)
    assert len(list(works.panels(list_remote_languages(settings)))) == len(parts.at_hand) * len((None, "de"))
    with pytest.raises(LookupError, match="not at hand"):
        works.get("temperature")


def test_two_forms_of_one_name_are_not_at_hand_together(tmp_path: Path) -> None:
    schema = json.loads((ROOT / "schemas/forms/load.schema.json").read_text())
    schema["x-voice"] |= {"name": "reload", "called": ["loading"]}
    for name, one in (("load", json.loads((ROOT / "schemas/forms/load.schema.json").read_text())), ("reload", schema)):
        (tmp_path / f"{name}.schema.json").write_text(json.dumps(one))
    forms = {"directory": tmp_path, "active": "load", "at_hand": ["load", "reload"]}
    with pytest.raises(Misconfigured, match=r"'load' and 'reload' are both called 'loading' \(en\)"):
        assemble_interpretation(
            load_settings(Settings, None, forms=forms, understand={"engine": "pocketsphinx"}), operator_present=True
        )


@pytest.mark.usefixtures("pocketsphinx")
def test_a_language_is_heard_on_the_device_where_weights_for_it_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(Settings, None, understand={"engine": "pocketsphinx", "models_directory": tmp_path})
    parts = assemble_interpretation(settings)
    assert parts.make is not None
    assert isinstance(parts.make(MOVE, "de").readers.interpreter, NullReader)
    monkeypatch.setattr(factory, "locate", lambda model, _: tmp_path / "small-de" if model.name == "small-de" else None)
    heard = parts.make(MOVE, "de-AT").readers
    assert (heard.interpreter.name, heard.rules.language.code) == ("vosk/small-de", "de")
    assert isinstance(parts.make(MOVE, "pl").readers.interpreter, NullReader)
    assert parts.make(MOVE, "en").readers.interpreter is parts.interpreter


def test_the_wearers_voice_is_forgotten_when_he_signs_off(tmp_path: Path) -> None:
    voice = WearerVoice(chords.bands)
    knows = []

    async def play(device: Device) -> None:
        for text in ("sign on anna", "sign off", "sign on anna", "sign on bruno"):
            await device.type(text)
            knows.append((device.stands.operator, voice.is_known))
            voice.learn(chords.sound(chords.ANNA), accepted=True)
            knows.append((device.stands.operator, voice.is_known))

    operators = {"anna": "op-1", "bruno": "op-2"}
    run(replace(parts_of(tmp_path, operators=operators), voice=voice), play)
    assert knows == [
        *(("op-1", False), ("op-1", True), (None, False), (None, False)),
        *(("op-1", False), ("op-1", True), ("op-2", False), ("op-2", True)),
    ]
