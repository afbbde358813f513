from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Act, FieldValue, NotUnderstoodReason, Reading, Word
from dockvoice_protocol.records.reading import TurnExpectation
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import (
    CaptureResumed,
    CaptureStopped,
    DictationEvent,
    SourceEnded,
    UtteranceAlreadyStored,
    UtteranceDecided,
)
from edge.agent.parts import dictate_sources
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.parking import UNANSWERED
from edge.config import Endpoint
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from edge.ports import Interpreter, UtteranceListener
from edge.records import Entry, EventIds, Outcome, Utterance, Verdict
from edge.records.sound import SAMPLE_RATE
from edge.understand.reading_builder import read_recognised_words
from tests.fakes import SPEECH, LoudnessScorer, ScriptedInterpreter, ScriptedSource, alone, reading
from tests.sayings import utterance

WHOLE: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}
PART: dict[str, FieldValue] = {"pallet_id": "742"}
UTTERANCE = "." * 20 + "#" * 30 + "." * 40  # 0.4 s of silence, 0.6 s of speech, 0.8 s of silence.


def render(entry: Entry, minted: EventIds) -> dict[str, Any]:
    return {
        "id": minted.event_id,
        "instance": minted.instance,
        "fields": dict(entry.fields),
        "audio": entry.audio_sha256,
    }


Converse = Callable[[UtteranceHeard], Awaitable[Verdict]]


async def nobody_is_there(_: UtteranceHeard) -> Verdict:
    raise AssertionError("it was said before the device went down")


class Bench:
    """Dictation over a real journal, with scripted ears and mind, and all that it told."""

    def __init__(self, directory: Path, rules: Rules) -> None:
        self.directory = directory
        self.rules = rules
        self.told: list[DictationEvent] = []
        self.beats = 0
        self.tell: Callable[[DictationEvent], None] = self.told.append

    def dictation(
        self, interpreter: Interpreter, executor: JournalThread, *, converse: Converse | None = None
    ) -> Dictation:
        def beat() -> None:
            self.beats += 1

        works = alone(self.rules, interpreter)
        listening = Ear(
            present=lambda: works.current,
            endpoint=Endpoint(),
            scorer=LoudnessScorer(),
            executor=executor,
            heartbeat=beat,
        )
        return Dictation(
            listening,
            workplaces=works,
            executor=executor,
            operator="op-17",
            render=render,
            publish=self.tell,
            converse=converse,
        )

    def hear(self, *sources: ScriptedSource, reads: Interpreter) -> None:
        with JournalThread(self.directory) as executor:
            asyncio.run(dictate_sources(self.dictation(reads, executor), sources))

    def resume(self, *reads: Reading, converse: Converse | None = None) -> int:
        with JournalThread(self.directory) as executor:
            return asyncio.run(self.dictation(ScriptedInterpreter(*reads), executor, converse=converse).decide_unread())

    @property
    def decided(self) -> list[UtteranceDecided]:
        return [one for one in self.told if isinstance(one, UtteranceDecided)]


@pytest.fixture
def bench(tmp_path: Path, form: Form, catalogue: Catalogue) -> Bench:
    return Bench(tmp_path, Rules(form, catalogue, 0.9))


@pytest.fixture
def unread(bench: Bench) -> Callable[[], list[Utterance]]:
    def look() -> list[Utterance]:
        with Journal.inspect(bench.directory) as journal:
            return list(journal.queries.unread_utterances())

    return look


def test_what_is_said_is_on_disk_before_anything_reads_it(bench: Bench, unread: Callable[[], list[Utterance]]) -> None:
    on_disk: list[str] = []
    reads = ScriptedInterpreter(reading(WHOLE), before=lambda _: on_disk.extend(one.utterance_id for one in unread()))
    bench.hear(ScriptedSource(UTTERANCE), reads=reads)
    assert on_disk == reads.read


def test_an_interpreter_that_fails_loses_nothing(bench: Bench, unread: Callable[[], list[Utterance]]) -> None:
    def fail(_: Utterance) -> None:
        raise Unavailable("the model is gone")

    with pytest.raises(ExceptionGroup) as fault:
        bench.hear(ScriptedSource(UTTERANCE), reads=ScriptedInterpreter(before=fail))
    assert fault.group_contains(Unavailable, match="the model is gone")
    assert len(unread()) == 1

    assert bench.resume(reading(WHOLE)) == 1
    assert [one.verdict.outcome for one in bench.decided] == [Outcome.ACCEPT]
    assert unread() == []


def test_what_was_kept_for_another_form_waits_for_that_form(
    bench: Bench, unread: Callable[[], list[Utterance]], caplog: pytest.LogCaptureFixture
) -> None:
    with Journal.open(bench.directory) as journal:
        journal.store_utterance(replace(utterance(), form="stock-count"))
    assert bench.resume() == 0
    assert len(unread()) == 1
    assert "--form stock-count" in caplog.text


def heard_before_a_crash(bench: Bench) -> Utterance:
    said = utterance(samples=32_000)  # long enough to hold what is read of it
    said = replace(said, segment=replace(said.segment, pcm=SPEECH * 100))
    with Journal.open(bench.directory) as journal:
        journal.store_utterance(said)
    return said


def under_review(bench: Bench) -> list[tuple[str, dict[str, FieldValue]]]:
    with Journal.inspect(bench.directory) as journal:
        return [(kept.utterance_id, dict(kept.fields)) for kept in journal.review.list_under_review()]


@pytest.mark.parametrize(
    ("read", "fields"), [(reading(PART), PART), (reading(not_understood=NotUnderstoodReason.NOT_DICTATION), {})]
)
def test_a_question_about_what_was_said_before_a_crash_goes_to_a_person(
    bench: Bench, read: Reading, fields: dict[str, FieldValue]
) -> None:
    said = heard_before_a_crash(bench)
    bench.resume(read)
    assert under_review(bench) == [(said.utterance_id, fields)]
    assert bench.resume() == 0
    with Journal.open(bench.directory) as journal:
        assert journal.retention.list_spare_evidence(1) == [], "its recording is needed"


def test_what_nobody_could_object_to_is_no_entry_before_a_person_wants_it_read(bench: Bench) -> None:
    said = heard_before_a_crash(bench)
    bench.resume(reading(WHOLE), converse=nobody_is_there)
    assert under_review(bench) == [(said.utterance_id, WHOLE)]
    assert bench.decided[-1].row is None
    with Journal.open(bench.directory) as journal:
        assert journal.outbox.count_unsettled() == 0
        journal.review.retry(said.utterance_id, "kim")
    bench.resume(reading(WHOLE), converse=nobody_is_there)
    assert under_review(bench) == []
    assert bench.decided[-1].row is not None


@pytest.mark.parametrize("converse", [nobody_is_there, None])
def test_what_the_operator_did_not_agree_to_stays_with_a_person_however_often_it_is_read(
    bench: Bench, converse: Converse | None
) -> None:
    """He may have said "no" to it."""
    said = heard_before_a_crash(bench)
    with Journal.open(bench.directory) as journal:
        journal.put_under_review(said.utterance_id, reading(PART), Verdict(Outcome.HOLD, (), PART), UNANSWERED)
    for _ in range(2):
        with Journal.open(bench.directory) as journal:
            journal.review.retry(said.utterance_id, "kim")
        bench.resume(reading(WHOLE), converse=converse)
        assert under_review(bench) == [(said.utterance_id, WHOLE)], "the new reading is shown"
        assert bench.decided[-1].row is None


@pytest.mark.parametrize(("act", "waiting"), [(Act.AMEND, 1), (Act.CANCEL, 1), (Act.YES, 0), (Act.COMMAND, 0)])
def test_a_correction_of_before_a_crash_is_not_forgotten(bench: Bench, act: Act, waiting: int) -> None:
    heard_before_a_crash(bench)
    bench.resume(replace(reading(PART), act=act), converse=nobody_is_there)
    assert len(under_review(bench)) == waiting


def test_a_microphone_that_dies_in_mid_speech_ends_the_agent_and_keeps_what_it_heard(
    bench: Bench, unread: Callable[[], list[Utterance]]
) -> None:
    dying = ScriptedSource("." * 20 + "#" * 30, name="microphone", live=True, fault=Unavailable("microphone: gone"))
    with pytest.raises(ExceptionGroup) as fault:
        bench.hear(dying, reads=ScriptedInterpreter(reading(WHOLE)))
    assert fault.group_contains(Unavailable, match="microphone: gone")
    bench.resume(*[reading(WHOLE)] * len(unread()))
    # The fault may fall between its verdict and the word of it; where it had none yet, a person has it now.
    with Journal.inspect(bench.directory) as journal:
        assert (
            journal.queries.counts().utterances,
            journal.queries.counts().repeat + journal.review.count_under_review(),
        ) == (1, 1)


@pytest.fixture(autouse=True)
def _a_full_disk_is_tried_again_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("edge.keep.journal_thread.RETRY_S", 0.01)
        yield


def refuse(*_: object, **__: object) -> None:
    raise DiskFull("journal.db: database or disk is full; free space on its disk")


def test_a_recording_that_the_disk_has_no_room_for_ends_the_replay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "store_utterance", refuse)
    with pytest.raises(ExceptionGroup) as fault:
        bench.hear(ScriptedSource(UTTERANCE), reads=ScriptedInterpreter())
    assert fault.group_contains(DiskFull, match="free space")


def test_what_a_microphone_hears_without_room_is_told_each_time_and_it_listens_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "store_utterance", refuse)
    bench.hear(ScriptedSource(UTTERANCE * 3, name="microphone", live=True), reads=ScriptedInterpreter())
    stopped = [one for one in bench.told if isinstance(one, CaptureStopped)]
    assert len(stopped) == 3
    assert all("free space" in one.reason for one in stopped)


def test_while_capture_is_stopped_nothing_is_written(bench: Bench) -> None:
    with JournalThread(bench.directory) as executor:
        dictation = bench.dictation(ScriptedInterpreter(), executor)

        async def hear() -> None:
            dictation.stop_capture("too little space")
            await dictate_sources(dictation, [ScriptedSource(UTTERANCE, name="microphone", live=True)])

        asyncio.run(hear())
    assert bench.told[:2] == [CaptureStopped("too little space")] * 2
    assert not list(bench.directory.rglob("*.flac"))


def test_a_verdict_waits_for_room_and_is_recorded_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with JournalThread(bench.directory) as executor:

        def make_room(told: DictationEvent) -> None:
            bench.told.append(told)
            if isinstance(told, CaptureStopped):
                monkeypatch.undo()
                asyncio.get_running_loop().call_soon(dictation.resume_capture)

        bench.tell = make_room
        dictation = bench.dictation(ScriptedInterpreter(reading(WHOLE)), executor)
        monkeypatch.setattr(Journal, "commit", refuse)
        asyncio.run(dictate_sources(dictation, [ScriptedSource(UTTERANCE, name="microphone", live=True)]))
    kinds = [type(one) for one in bench.told if not isinstance(one, SourceEnded)]
    assert kinds == [CaptureStopped, CaptureResumed, UtteranceDecided]
    assert [one.row.sequence for one in bench.decided if one.row] == [1]


def test_to_begin_to_converse_waits_for_room_too(bench: Bench) -> None:
    async def begin() -> None:
        if not any(isinstance(one, CaptureStopped) for one in bench.told):
            refuse()

    with JournalThread(bench.directory) as executor:

        def make_room(told: DictationEvent) -> None:
            bench.told.append(told)
            if isinstance(told, CaptureStopped):
                asyncio.get_running_loop().call_soon(dictation.resume_capture)

        bench.tell = make_room
        dictation = bench.dictation(ScriptedInterpreter(), executor, converse=nobody_is_there)
        dictation.suspend_dialogue()
        dictation.begin_dialogue(begin)
        asyncio.run(dictate_sources(dictation, []))
    assert dictation.uses_dialogue
    assert [type(one) for one in bench.told] == [CaptureStopped, CaptureResumed]


def test_one_who_is_stopped_does_not_wait_for_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, unread: Callable[[], list[Utterance]]
) -> None:
    monkeypatch.setattr(Journal, "commit", refuse)
    with JournalThread(bench.directory) as executor:
        bench.tell = lambda told: dictation.stop() if isinstance(told, CaptureStopped) else None
        dictation = bench.dictation(ScriptedInterpreter(reading(WHOLE)), executor)
        with pytest.raises(ExceptionGroup) as fault:
            asyncio.run(dictate_sources(dictation, [ScriptedSource(UTTERANCE, name="microphone", live=True)]))
    assert fault.group_contains(DiskFull)
    assert len(unread()) == 1


def test_a_recording_played_again_is_told_as_kept_and_not_read(bench: Bench) -> None:
    bench.hear(ScriptedSource(UTTERANCE), reads=ScriptedInterpreter(reading(WHOLE)))
    nothing_to_read = ScriptedInterpreter()
    bench.hear(ScriptedSource(UTTERANCE), reads=nothing_to_read)
    assert nothing_to_read.read == []
    first, second = bench.decided[0], next(one for one in bench.told if isinstance(one, UtteranceAlreadyStored))
    assert first.row is not None
    assert second.kept.event_id == first.row.event_id


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (reading(not_understood=NotUnderstoodReason.NO_WORDS), Outcome.IGNORE),
        (reading(not_understood=NotUnderstoodReason.NOT_DICTATION), Outcome.REPEAT),
        (reading({"dock": "B"}), Outcome.ASK),
    ],
)
def test_what_is_not_accepted_owes_nothing(bench: Bench, read: Reading, outcome: Outcome) -> None:
    bench.hear(ScriptedSource(UTTERANCE), reads=ScriptedInterpreter(read))
    (one,) = bench.decided
    assert (one.verdict.outcome, one.row) == (outcome, None)
    with Journal.inspect(bench.directory) as journal:
        assert journal.outbox.count_unsettled() == 0


SHORTEST = 30
"""Frames of speech in the first breath; each further one is a frame longer, by which the interpreter knows it."""


class BreathsInterpreter(Interpreter):
    """Reads the breaths whose sound it is given, by the length of their speech; where `deaf_together`, one alone."""

    name = "breaths"

    def __init__(self, rules: Rules, *said: str, deaf_together: bool = False) -> None:
        self.rules = rules
        self.said = said
        self.deaf_together = deaf_together

    @property
    def line(self) -> list[str]:
        return ["#" * (SHORTEST + at) for at in range(len(self.said))]

    def listen(self) -> UtteranceListener:
        return _BreathsAttention(self)


class _BreathsAttention(UtteranceListener):
    def __init__(self, interpreter: BreathsInterpreter) -> None:
        self._interpreter = interpreter

    def hear(self, pcm: bytes) -> None:
        pass

    async def finish(self, utterance: Utterance) -> Reading:
        pcm, rules = utterance.segment.pcm, self._interpreter.rules
        frames = "".join("#" if pcm[at : at + len(SPEECH)] == SPEECH else "." for at in range(0, len(pcm), len(SPEECH)))
        words: list[Word] = []
        breaths = list(re.finditer("#+", frames))
        for breath in breaths:
            said = self._interpreter.said[len(breath.group()) - SHORTEST].split()
            each = len(breath.group()) * 0.02 / len(said)
            begins = breath.start() * 0.02
            words += [Word(text, begins + at * each, begins + at * each + each, 1.0) for at, text in enumerate(said)]
        if len(breaths) > 1 and self._interpreter.deaf_together:
            return reading(not_understood=NotUnderstoodReason.NO_WORDS)
        return read_recognised_words("breaths", words, rules.form, rules.catalogue)


A, Q, R, N = Outcome.ACCEPT, Outcome.ASK, Outcome.REPEAT, Outcome.IGNORE
ENTRY = "pallet four five four twelve units dock b"


@pytest.mark.parametrize(
    ("said", "outcomes", "recorded"),
    [
        (("pallet one two oh", "twenty two units to dock b"), (Q, A), [("120", 22, "B")]),
        # A number that so long a pause cut is asked about.
        (("six hundred and", "seventy two units dock a pallet seven four two"), (R, Q), []),
        (("pallet one two oh", "[unk]", "twenty two units dock b"), (Q, N, A), [("120", 22, "B")]),
        # Taken back behind the entry: amended.
        ((ENTRY, "sorry", "dock c"), (A, R, A), [("454", 12, "B"), ("454", 12, "C")]),
        # Not taken back, or by nothing that says what is right.
        ((ENTRY, "dock c"), (A, Q), [("454", 12, "B")]),
        # Another pallet is another entry, whatever was taken back: the "no" may have been for a colleague.
        ((ENTRY, "no", "pallet one two oh"), (A, R, Q), [("454", 12, "B")]),
        # Another entry begun: nothing of the one before gets into it.
        ((ENTRY, "pallet one two oh", "twenty two units dock c"), (A, Q, A), [("454", 12, "B"), ("120", 22, "C")]),
        (("pallet one two oh", "pallet one two one", "six units dock b"), (Q, Q, A), [("121", 6, "B")]),
        (("pallet one two oh twelve units", "pallet one two one dock b"), (Q, Q), []),
        # Talk to somebody else lies between.
        (("pallet one two oh", "hey did you see the game last night", "six units dock b"), (Q, N, Q), []),
    ],
)
def test_what_is_said_in_several_breaths_is_read_as_one_sound(
    bench: Bench,
    unread: Callable[[], list[Utterance]],
    said: tuple[str, ...],
    outcomes: tuple[Outcome, ...],
    recorded: list[tuple[FieldValue, ...]],
) -> None:
    reads = BreathsInterpreter(bench.rules, *said)
    bench.hear(ScriptedSource("." * 20 + ("." * 80).join(reads.line) + "." * 40), reads=reads)
    assert tuple(one.verdict.outcome for one in bench.decided) == outcomes
    assert [tuple(one.verdict.fields.values()) for one in bench.decided if one.row is not None] == recorded
    assert unread() == []


def test_breaths_too_far_apart_or_unclear_together_make_no_entry(bench: Bench) -> None:
    said = ("pallet one two oh", "twenty two units dock b")
    for reads, silence in (
        (BreathsInterpreter(bench.rules, *said), 210),
        (BreathsInterpreter(bench.rules, *said, deaf_together=True), 100),
    ):
        bench.told.clear()
        bench.hear(ScriptedSource(("." * silence).join(["", *reads.line, ""]), name=f"after {silence}"), reads=reads)
        assert [one.verdict.outcome for one in bench.decided] == [Outcome.ASK, Outcome.ASK]


def test_an_entry_of_several_breaths_rests_on_all_of_them_and_an_amendment_on_the_entry(bench: Bench) -> None:
    reads = BreathsInterpreter(bench.rules, "pallet one two oh", "six units dock b", "sorry", "dock c")
    bench.hear(ScriptedSource("." * 20 + ("." * 100).join(reads.line) + "." * 40), reads=reads)
    whole, amended = (one for one in bench.decided if one.row is not None)
    assert whole.row is not None
    assert amended.row is not None
    assert (whole.replaces, amended.replaces) == (None, whole.row.event_id)
    first, last = (one.utterance.utterance_id for one in (whole, amended))
    said = tuple(one.utterance.utterance_id for one in bench.decided)
    with Journal.inspect(bench.directory) as journal:
        kept = [journal.queries.history(one) for one in (first, last)]
    assert [(one.act, one.replaces, one.support) for one in kept] == [
        (Act.RECORD, None, said[:1]),
        (Act.AMEND, whole.row.event_id, said[:3]),
    ]


@pytest.mark.parametrize(("silence", "outcome"), [(20, Outcome.ASK), (400, Outcome.ACCEPT)])
def test_the_rest_of_a_number_that_a_pause_cut_is_no_number_of_its_own(
    bench: Bench, silence: int, outcome: Outcome
) -> None:
    said = ("six hundred and", "[unk]", "seventy two units dock a pallet seven four two")
    for names in (said[::2], said):
        bench.told.clear()
        reads = BreathsInterpreter(bench.rules, *names, deaf_together=True)
        line = [*reads.line[:-1], "." * silence + reads.line[-1]]
        bench.hear(ScriptedSource(("." * 50).join(line) + "." * 50, name=str(len(names))), reads=reads)
        assert [one.verdict.outcome for one in bench.decided if one.verdict.outcome is not Outcome.IGNORE] == [
            Outcome.REPEAT,
            outcome,
        ]


def test_the_microphone_may_hear_the_same_sound_twice_and_the_same_thing_is_asked_about(bench: Bench) -> None:
    for pallet in ("742", "743", "742"):
        spoken = ScriptedSource(UTTERANCE, name="microphone", live=True)
        bench.hear(spoken, reads=ScriptedInterpreter(reading({**WHOLE, "pallet_id": pallet})))
    assert [one.row.sequence for one in bench.decided if one.row] == [1, 2]
    assert [str(one) for one in bench.decided[-1].verdict.reasons] == ["double_count:pallet_id"]


def test_what_was_recorded_long_ago_is_recorded_again_without_a_question(bench: Bench) -> None:
    patient = replace(bench.rules, policy=replace(bench.rules.policy, double_count_minutes=0))
    bench.rules = patient
    for _ in range(2):
        spoken = ScriptedSource(UTTERANCE, name="microphone", live=True)
        bench.hear(spoken, reads=ScriptedInterpreter(reading(WHOLE)))
    assert [one.row.sequence for one in bench.decided if one.row] == [1, 2]


def test_stopping_ends_a_recording_early_and_concludes_what_was_heard(bench: Bench) -> None:
    reads = ScriptedInterpreter(reading(WHOLE), reading(WHOLE))
    with JournalThread(bench.directory) as executor:
        bench.tell = lambda _: dictation.stop()
        dictation = bench.dictation(reads, executor)
        asyncio.run(dictate_sources(dictation, [ScriptedSource(UTTERANCE * 2)]))
    assert len(reads.read) == 1


def test_the_recogniser_is_fed_while_the_operator_speaks_pre_roll_first(bench: Bench) -> None:
    reads = ScriptedInterpreter(reading(WHOLE))
    bench.hear(ScriptedSource(UTTERANCE), reads=reads)
    (fed,) = reads.fed
    (one,) = bench.decided
    assert fed.startswith(one.utterance.segment.pcm)


def test_everything_is_told_in_order_and_every_frame_beats(bench: Bench) -> None:
    bench.hear(ScriptedSource(UTTERANCE * 2), reads=ScriptedInterpreter(reading(WHOLE), reading({"dock": "B"})))
    assert [type(one) for one in bench.told] == [UtteranceDecided, UtteranceDecided, SourceEnded]
    assert bench.beats == len(UTTERANCE) * 2
    ended = bench.told[-1]
    assert isinstance(ended, SourceEnded)
    assert ended.samples == len(UTTERANCE) * 2 * 320


def test_the_time_that_was_thought_about_a_pause_beyond_it_is_counted(bench: Bench) -> None:
    class Slow(_BreathsAttention):
        def judge_pause(self) -> TurnExpectation:
            time.sleep(0.1)
            return TurnExpectation.FINISHED

    reads = BreathsInterpreter(bench.rules, ENTRY)
    reads.listen = lambda: Slow(reads)  # type: ignore[method-assign]
    bench.hear(ScriptedSource("." * 20 + reads.line[0] + "." * 40), reads=reads)
    (decided,) = bench.decided
    segment = decided.utterance.segment
    behind = (segment.closed - segment.speech_end) / SAMPLE_RATE - 0.2  # of sound that came meanwhile, without the tail
    assert decided.compute_s >= 0.1 - behind
