from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.records import Reading, Receipt, ReceiptOutcome, Word
from edge.agent import dialogue_driver
from edge.agent.dialogue_driver import DialogueDriver, DialogueStatus, DialogueSteps, VoiceOrder, to_inventory_answer
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import dictate_sources
from edge.agent.review_decisions import DecisionRequest, DecisionResult, carry_out_decision, do_and_mark_unannounced
from edge.agree.cut_numbers import BREATH_S
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.dialogue.interface import (
    DialogueInput,
    HeadsetFaultChanged,
    InventoryAnswered,
    InventoryLinkChanged,
    TimerExpired,
    UtteranceHeard,
)
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.session import REACTION_S, DialogueSettings
from edge.config import Endpoint, Settings
from edge.deliver.device_events import entry_event
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from edge.records import Acoustics, ClosedBy, OutboxRow, Outcome
from edge.records.sound import Frame, Utterance
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say, StopSpeaking
from edge.understand.llm.prompt import PromptState
from edge.understand.reading_builder import read_recognised_words
from tests.fakes import LoudnessScorer, ScriptedInterpreter, ScriptedSource, alone
from tests.rows import acted
from tests.sayings import utterance
from tests.waiting import until

render = partial(entry_event, site="north", device="dock-3")
WHOLE = "pallet seven four two twelve units dock b"
OTHER = "pallet nine one one five units dock a"
UTTERANCE = "." * 20 + "#" * 30 + "." * 40

PLAIN = Acoustics(snr_db=30.0, level_db=-20.0, clipped=0.0, speech_seconds=1.0, second_voice=0.0)
"""How an operator sounds."""


def read(text: str, rules: Rules) -> Reading:
    words = [Word(said, at * 0.4, at * 0.4 + 0.38, 0.94) for at, said in enumerate(text.split())]
    return read_recognised_words("test", words, rules.form, rules.catalogue)


class Bench:
    """A conversation over a real journal, and all that it wanted heard."""

    def __init__(self, executor: JournalThread, rules: Rules, undo_s: float = 0.2) -> None:
        self.executor = executor
        self.rules = rules
        self.quiet = True
        self.was_found_silent = False
        self.attentive = self.cut = self.noisy = False
        self.stood: list[DialogueStatus] = []
        self.heard: list[VoiceOrder] = []
        self.owed: list[OutboxRow] = []
        self.conversing = DialogueDriver(
            Dialogue(rules, DialogueSettings(undo_s=undo_s, patience_s=0.2)),
            executor,
            render,
            order=self.heard.append,
            is_silent=self.is_silent,
            on_entry=self.owed.append,
            publish=self.stood.append,
            attentive=lambda: self.attentive,
            cut_off=self.cut_off,
        )

    def is_silent(self) -> bool:
        self.was_found_silent |= self.quiet
        return self.quiet

    def cut_off(self) -> bool:
        cut, self.cut = self.cut or self.noisy, False
        return cut

    async def say(
        self, text: str, began: float | None = None, ended: float | None = None, *, aloud: bool = False
    ) -> OutboxRow | None:
        said = utterance(0)
        await self.executor(lambda journal: journal.store_utterance(said))
        reading = read(text, self.rules)
        known = Circumstances(PLAIN if aloud else None)
        heard = UtteranceHeard(said.utterance_id, reading, known=known, began=began, ended=ended)
        return await self.conversing.run_step(heard)

    @property
    def said(self) -> list[Prompt]:
        return [order.prompt for order in self.heard if isinstance(order, Say)]

    async def until(self, condition: Callable[[], bool]) -> None:
        await asyncio.to_thread(until, condition, lambda: f"heard {self.heard}, owed {len(self.owed)}")


def converse(play: Callable[[Bench], Awaitable[None]], tmp_path: Path, rules: Rules, undo_s: float = 0.2) -> None:
    async def played(executor: JournalThread) -> None:
        bench = Bench(executor, rules, undo_s)
        await bench.conversing.start()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bench.conversing.run())
            await play(bench)
            running.cancel()

    with JournalThread(tmp_path) as executor:
        asyncio.run(played(executor))


@acted(converse)
async def test_what_is_held_is_committed_when_the_window_is_over(bench: Bench) -> None:
    assert await bench.say(WHOLE) is None
    assert bench.said == [Prompt.READBACK]
    await bench.until(lambda: bool(bench.owed))
    assert PlayEarcon(Earcon.STORED) in bench.heard


@acted(converse, undo_s=60)
async def test_nobody_says_yes_to_what_he_has_not_heard(bench: Bench) -> None:
    before = time.perf_counter()
    await bench.say("pallet seven four two five thousand and one units dock b")
    assert await bench.say("yes", began=before) is None
    assert bench.said == [Prompt.CONFIRM_UNUSUAL]
    asked = time.perf_counter()
    await bench.say("yes", began=asked)
    assert bench.said == [Prompt.CONFIRM_UNUSUAL, Prompt.READBACK]
    assert await bench.say("yes", began=asked) is None
    assert await bench.say("yes", began=time.perf_counter()) is not None


@acted(converse, undo_s=60)
async def test_nobody_answers_aloud_as_soon_as_the_device_is_told_to_speak(bench: Bench) -> None:
    before = time.perf_counter()
    await bench.say(WHOLE)
    assert await bench.say("yes", began=before + REACTION_S, aloud=True) is None
    assert await bench.say("yes", began=time.perf_counter() + REACTION_S, aloud=True) is not None


@acted(converse)
async def test_the_window_begins_when_the_readback_ends(bench: Bench) -> None:
    bench.quiet = False
    await bench.say(WHOLE)
    await asyncio.sleep(0.6)
    assert bench.owed == []
    bench.quiet = True
    await bench.until(lambda: bool(bench.owed))


@acted(converse, undo_s=60)
async def test_what_is_posted_happens_in_its_turn(bench: Bench) -> None:
    await bench.say(WHOLE)
    row = await bench.say("yes")
    assert row is not None
    bench.conversing.post(InventoryLinkChanged(up=False))
    refused = InventoryAnswered(Receipt(row.event_id, ReceiptOutcome.REFUSED, ("not_on_site",)), {"pallet_id": "742"})
    bench.conversing.post(refused)
    await bench.until(lambda: bench.said[-2:] == [Prompt.TROUBLE, Prompt.REFUSED])


class FullAtFirst(JournalThread):
    """A disk that takes nothing until there is room; looking is possible all the time."""

    full = False
    refused = 0

    async def __call__(self, work: Callable[[Journal], Any]) -> Any:
        if self.full and isinstance(work, partial) and work.func.__name__ == "store":
            self.refused += 1
            self.full = self.refused < 2
            raise DiskFull("no space left")
        return await super().__call__(work)


def test_on_a_full_disk_the_conversation_waits_and_nothing_is_said_before_it_is_kept(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.keep.journal_thread.RETRY_S", 0.01)

    async def play(executor: FullAtFirst) -> None:
        bench = Bench(executor, rules, undo_s=60)
        await bench.conversing.start()
        said = utterance(0)
        await executor(lambda journal: journal.store_utterance(said))
        executor.full = True
        reading = read(WHOLE, rules)
        await bench.conversing.run_step(UtteranceHeard(said.utterance_id, reading))
        assert executor.refused == 2
        assert bench.said == [Prompt.READBACK]
        assert (await executor(lambda journal: journal.dialogue.load_state())).draft is not None

    with FullAtFirst(tmp_path) as executor:
        asyncio.run(play(executor))


def test_what_was_decided_is_done_where_a_full_disk_lets_nobody_be_told_and_the_next_start_tells(
    tmp_path: Path, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    said, verdict = utterance(0), decide(read(WHOLE, rules), ClosedBy.PAUSE, rules)

    def discard(journal: Journal) -> DecisionResult:
        asked = DecisionRequest("discard", said.utterance_id, "ann", "why")
        return carry_out_decision(journal, Settings(state_directory=tmp_path), asked)

    async def full(executor: JournalThread) -> None:
        bench = Bench(executor, rules)
        await bench.conversing.start()
        await executor(lambda journal: journal.store_utterance(said))
        await executor(
            lambda journal: journal.put_under_review(said.utterance_id, read(WHOLE, rules), verdict, "a test")
        )
        bench.conversing.stop_disk_retries()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Journal, "store_dialogue_step", no_room)
            done = await bench.conversing.run_between_steps(
                partial(do_and_mark_unannounced, work=discard), lambda done: done.decided
            )
        assert (str(done), bench.said) == ("given up", [])

    async def next_start(executor: JournalThread) -> None:
        bench = Bench(executor, rules)
        await bench.conversing.start()
        assert bench.said == starts.pop(0)

    def no_room(*_: object) -> None:
        raise DiskFull("no space left")

    starts: list[list[Prompt]] = [[Prompt.OFFICE_DROPPED_ONE], []]
    for day in (full, next_start, next_start):
        with JournalThread(tmp_path) as executor:
            asyncio.run(day(executor))
    assert [one for one in caplog.messages if "next start" in one] == [
        "what a person decided is told at the next start: no space left"
    ]


def dictated(bench: Bench, told: list[DictationEvent]) -> Dictation:
    """What a microphone hears, agreed with the bench's operator: a whole sentence, and a yes."""
    interpreter = ScriptedInterpreter(read(WHOLE, bench.rules), read("yes", bench.rules))
    works = alone(bench.rules, interpreter)
    listening = Ear(
        present=lambda: works.current,
        endpoint=Endpoint(),
        scorer=LoudnessScorer(),
        executor=bench.executor,
        speaking=bench.conversing.post_speech_began,
    )
    return Dictation(
        listening,
        workplaces=works,
        executor=bench.executor,
        operator=None,
        render=render,
        publish=told.append,
        converse=bench.conversing.decide,
    )


def test_dictation_lets_the_conversation_agree_on_what_a_microphone_hears(tmp_path: Path, rules: Rules) -> None:
    told: list[DictationEvent] = []

    async def play(bench: Bench) -> None:
        await dictate_sources(dictated(bench, told), [ScriptedSource(UTTERANCE * 2, name="microphone", live=True)])
        await bench.until(lambda: StopSpeaking() in bench.heard)
        assert bench.said == [Prompt.READBACK]
        # This sound comes faster than anybody speaks: the yes was said before the readback.
        assert bench.owed == []
        assert await bench.say("yes", began=time.perf_counter()) is not None

    converse(play, tmp_path, rules, undo_s=60)
    decided = [one for one in told if isinstance(one, UtteranceDecided)]
    assert [one.row for one in decided] == [None, None]  # what came of it is told by the conversation


def test_where_nobody_hears_the_device_one_utterance_is_one_entry(tmp_path: Path, rules: Rules) -> None:
    told: list[DictationEvent] = []

    async def play(bench: Bench) -> None:
        dictation = dictated(bench, told)
        assert dictation.uses_dialogue
        dictation.suspend_dialogue()
        assert not dictation.uses_dialogue
        await dictate_sources(dictation, [ScriptedSource(UTTERANCE * 2, name="microphone", live=True)])
        assert not dictation.is_busy
        assert bench.said == []

    converse(play, tmp_path, rules)
    outcomes = [(one.verdict.outcome, one.row is not None) for one in told if isinstance(one, UtteranceDecided)]
    assert outcomes == [(Outcome.ACCEPT, True), (Outcome.REPEAT, False)]


def test_who_comes_to_be_heard_takes_back_what_was_recorded_meanwhile_and_nothing_older(
    tmp_path: Path, rules: Rules
) -> None:
    async def before(bench: Bench) -> None:
        await bench.say(OTHER)
        assert await bench.say("yes") is not None

    async def after(bench: Bench) -> None:
        dictation = dictated(bench, [])
        dictation.suspend_dialogue()
        await dictate_sources(dictation, [ScriptedSource(UTTERANCE, name="microphone", live=True)])
        await bench.conversing.start()  # as when he is heard
        await bench.say("cancel")
        (question,) = [order for order in bench.heard if isinstance(order, Say)]
        assert question.fields is not None
        assert question.fields["pallet_id"] == "742"

    converse(before, tmp_path, rules, undo_s=60)
    converse(after, tmp_path, rules, undo_s=60)


@acted(converse, undo_s=20.0)
async def test_what_is_at_hand_is_told_by_the_names_of_its_fields(bench: Bench) -> None:
    assert (bench.conversing.model_prompt_state(), bench.conversing.awaits_answer) == (PromptState(), False)
    await bench.say("pallet seven four two twelve units")
    assert bench.conversing.awaits_answer
    assert bench.conversing.model_prompt_state() == PromptState(("pallet_id", "quantity"), "dock")
    await bench.say("b")
    assert bench.conversing.model_prompt_state() == PromptState(("pallet_id", "quantity", "dock"))
    await bench.say("yes")
    assert bench.conversing.model_prompt_state() == PromptState(last=True)
    assert not bench.conversing.awaits_answer
    await bench.say("cancel")
    assert bench.conversing.model_prompt_state() == PromptState(confirming=True, last=True)
    await bench.say("yes")
    assert bench.conversing.model_prompt_state() == PromptState()


@acted(converse)
async def test_no_deadline_comes_while_the_operator_is_speaking_or_being_read(bench: Bench) -> None:
    bench.attentive = True
    await bench.say(WHOLE)
    await asyncio.sleep(0.6)
    assert bench.owed == []
    await bench.say("no fifteen units")
    bench.attentive = False
    await bench.until(lambda: bool(bench.owed))
    assert json.loads(bench.owed[0].body)["data"]["fields"]["quantity"] == 15


@acted(converse)
async def test_sound_that_never_ends_does_not_put_the_deadline_off_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue_driver, "LONGEST_S", 0.3)
    bench.attentive = True
    await bench.say(WHOLE)
    await bench.until(lambda: bool(bench.owed))


@acted(converse, undo_s=0.4)
async def test_a_readback_cut_off_by_a_cough_is_said_again_and_only_then_does_the_window_begin(bench: Bench) -> None:
    await bench.say(WHOLE)
    bench.attentive = bench.cut = True
    bench.conversing.post_speech_began()
    await bench.until(lambda: StopSpeaking() in bench.heard)
    bench.quiet = bench.attentive = False
    await bench.until(lambda: bench.said == [Prompt.READBACK] * 2)
    await asyncio.sleep(0.6)
    assert bench.owed == []
    bench.quiet = True
    await bench.until(lambda: bool(bench.owed))


def settle(journal: Journal, event_id: str, *reasons: str) -> InventoryAnswered:
    receipt = Receipt(event_id, ReceiptOutcome.REFUSED if reasons else ReceiptOutcome.APPLIED, reasons)
    journal.outbox.settle(event_id, receipt)
    return to_inventory_answer(journal, receipt)


async def turned_down_and_taken_after_all(bench: Bench, row: OutboxRow) -> None:
    """The inventory refuses it, is mended or restored, and asks for it again."""
    await bench.conversing.run_step(await bench.executor(lambda journal: settle(journal, row.event_id, "not_on_site")))
    await bench.say("how many waiting")
    assert bench.said[-1] is Prompt.WAITING_REFUSED
    await bench.executor(lambda journal: journal.outbox.reopen(row.sequence))
    await bench.executor(lambda journal: settle(journal, row.event_id))


@acted(converse, undo_s=60)
async def test_a_correction_that_the_inventory_has_after_all_is_what_is_corrected_next(bench: Bench) -> None:
    first = await agreed(bench, WHOLE)
    await bench.executor(lambda journal: settle(journal, first.event_id))
    second = await agreed(bench, "no fifteen units")
    await turned_down_and_taken_after_all(bench, second)
    await bench.say("how many waiting")
    await bench.say("last entry")
    assert bench.said[-2:] == [Prompt.WAITING_NONE, Prompt.LAST_ENTRY]
    assert json.loads((await agreed(bench, "no sixteen units")).body)["data"]["amends"] == second.event_id


async def agreed(bench: Bench, text: str) -> OutboxRow:
    await bench.say(text)
    row = await bench.say("yes")
    assert row is not None
    return row


@acted(converse, undo_s=0.6)
async def test_where_every_readback_is_cut_off_by_noise_it_is_not_repeated_for_ever(bench: Bench) -> None:
    bench.noisy = True
    await bench.say(WHOLE)
    await bench.until(lambda: bool(bench.owed))
    assert bench.said == [Prompt.READBACK] * 4


def test_what_was_refused_is_told_again_to_whoever_signs_on_until_it_is_put_right(tmp_path: Path, rules: Rules) -> None:
    async def refused(bench: Bench) -> None:
        await bench.say("sign on ana")
        row = await agreed(bench, WHOLE)
        await bench.conversing.run_step(
            await bench.executor(lambda journal: settle(journal, row.event_id, "not_on_site"))
        )

    async def next_day(bench: Bench) -> None:
        assert bench.said == [Prompt.WAITING_REFUSED]
        await bench.say("sign on ana")
        assert bench.said[1:] == [Prompt.SIGNED_ON, Prompt.WAITING_REFUSED]
        await bench.say("cancel")
        await bench.say("sign on ana")
        assert bench.said[3:] == [Prompt.DROPPED, Prompt.SIGNED_ON]

    for day in (refused, next_day):
        converse(day, tmp_path, rules, undo_s=60)
    with Journal.inspect(tmp_path) as journal:
        assert journal.review.held_entries() == []
        (decision,) = journal.queries.history("1").decisions
    assert (decision.decision, decision.who) == ("discard", "operator")


@acted(converse, undo_s=60)
async def test_nobody_confirms_a_cancellation_before_he_is_asked(bench: Bench) -> None:
    await bench.say(WHOLE)
    assert await bench.say("yes") is not None
    before = time.perf_counter()
    await bench.say("cancel", began=before)
    assert await bench.say("cancel", began=before) is None
    assert bench.said == [Prompt.READBACK, Prompt.CONFIRM_CANCEL]
    assert await bench.say("cancel", began=time.perf_counter()) is not None


@pytest.mark.parametrize(("between", "told"), [(HeadsetFaultChanged("muted", healed=True), 6), (TimerExpired(), 5)])
@acted(converse, undo_s=60)
async def test_what_the_device_says_over_a_yes_takes_nothing_from_it(
    bench: Bench, between: DialogueInput, told: int
) -> None:
    await bench.say(WHOLE)
    await bench.say("blah blah")
    await bench.say("blah blah")
    asked = time.perf_counter()
    await bench.conversing.run_step(between)
    assert len(bench.said) == told
    assert await bench.say("yes", began=asked) is not None


@acted(converse, undo_s=60)
async def test_however_long_a_question_took_its_answer_may_be_the_rest_of_a_number(bench: Bench) -> None:
    await bench.say("pallet seven four two dock b twenty", began=100, ended=103)
    await bench.say("four units", began=103 + BREATH_S + 1, ended=109)
    assert bench.said[-1] is Prompt.CONFIRM_FIELD


@pytest.mark.parametrize(("pause_s", "told"), [(BREATH_S - 1, Prompt.CONFIRM_FIELD), (BREATH_S + 1, Prompt.READBACK)])
@acted(converse, undo_s=60)
async def test_a_number_said_long_before_is_the_beginning_of_none(bench: Bench, pause_s: float, told: Prompt) -> None:
    await bench.say("twenty", began=100, ended=109)
    await bench.say("five units pallet seven four three dock c", began=109 + pause_s, ended=120)
    assert bench.said == [Prompt.REPEAT, told]


def test_from_the_moment_that_he_is_heard_it_is_agreed_on_what_is_said_and_not_on_what_was_said_before(
    tmp_path: Path, rules: Rules
) -> None:
    told: list[DictationEvent] = []
    is_heard = Event()

    class Waiting(ScriptedSource):
        def frames(self) -> Iterator[Frame]:
            """The second utterance is said when the device is heard."""
            for number, frame in enumerate(super().frames()):
                assert number < len(UTTERANCE) or is_heard.wait(60)
                yield frame

    async def play(bench: Bench) -> None:
        dictation = dictated(bench, told)
        dictation.suspend_dialogue()

        async def begin() -> None:
            assert len(told) == 1, "what was handed over before is concluded before"
            await bench.conversing.start()

        def before(_: Utterance) -> None:
            if not is_heard.is_set():
                dictation.begin_dialogue(begin)
                is_heard.set()

        interpreter = dictation._at.readers.interpreter
        assert isinstance(interpreter, ScriptedInterpreter)
        interpreter.readings[1] = read(OTHER, rules)
        interpreter._before = before
        await dictate_sources(dictation, [Waiting(UTTERANCE * 2, name="microphone", live=True)])
        assert dictation.uses_dialogue
        assert bench.said == [Prompt.READBACK]
        assert await bench.say("yes") is not None

    converse(play, tmp_path, rules, undo_s=60)
    outcomes = [one.verdict.outcome for one in told if isinstance(one, UtteranceDecided)]
    assert outcomes == [Outcome.ACCEPT, Outcome.HOLD]


@acted(converse, undo_s=1.0)
async def test_what_the_device_says_later_does_not_put_the_deadline_off(bench: Bench) -> None:
    await bench.say(WHOLE)
    await bench.until(lambda: bench.was_found_silent)  # from then on the deadline runs
    bench.quiet = False
    await bench.until(lambda: bool(bench.owed))


@acted(converse)
async def test_whoever_watches_or_delivers_is_told_of_what_is_committed(bench: Bench) -> None:
    await bench.say(WHOLE)
    row = await bench.say("yes")
    assert [stands.row for stands in bench.stood if stands.row is not None] == bench.owed == [row]


@acted(converse)
async def test_what_was_cut_off_by_an_answer_is_not_said_again(bench: Bench) -> None:
    await bench.say(WHOLE)
    bench.attentive = bench.cut = True
    await bench.say("yes")
    bench.attentive = False
    await asyncio.sleep(0.4)
    assert bench.said == [Prompt.READBACK]


@acted(converse, undo_s=60)
async def test_a_cancellation_that_the_inventory_has_after_all_leaves_nothing_to_cancel(bench: Bench) -> None:
    first = await agreed(bench, WHOLE)
    await bench.executor(lambda journal: settle(journal, first.event_id))
    await turned_down_and_taken_after_all(bench, await agreed(bench, "cancel"))
    await bench.say("cancel")
    assert bench.said[-1] is Prompt.NOTHING_TO_CANCEL


def test_where_the_disk_is_full_behind_a_commit_a_retry_stores_what_that_leads_to_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(Settings, None)
    forms, catalogue = load_forms(settings.forms_directory), Catalogue.load(settings.catalogue_directory)
    rules = Rules(forms["receive"], catalogue)
    steps = DialogueSteps(Dialogue(rules, DialogueSettings(closing=forms["close-trailer"])), render)
    store = Journal.store_dialogue_step
    calls = 0

    def full_behind_commit(journal: Journal, *given: Any) -> OutboxRow | None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise DiskFull("no space left")
        return store(journal, *given)

    def step(journal: Journal, number: int, text: str) -> Any:
        said = utterance(number)
        journal.store_utterance(said)
        heard = UtteranceHeard(said.utterance_id, read(text, rules))
        steps.preload(journal, heard)
        return steps.plan(heard)

    with Journal.open(tmp_path) as journal:
        steps.start(journal)
        held = step(journal, 0, "trailer five five zero one pallet seven four two twelve cases trailer done")
        steps.store(journal, held)
        planned = step(journal, 1, "yes")
        monkeypatch.setattr(Journal, "store_dialogue_step", full_behind_commit)
        with pytest.raises(DiskFull):
            steps.store(journal, planned)
        stepped = steps.store(journal, planned)
        assert stepped.row is not None
        assert stepped.row.sequence == journal.outbox.count_unsettled() == 1
        assert [one.prompt for one in stepped.orders if isinstance(one, Say)][-1] is Prompt.CONFIRM_CLOSE
        assert (kept := journal.dialogue.load_state().draft) is not None
        assert kept.form == "close-trailer"
