"""The simulated operator: answers the device's questions after a clip until the entry is recorded or abandoned.

It measures the cost of questions and the final share of wrong entries. Dialogue, prompts and interpretation of answers
are the agent's own; the operator's words are those of `operator_speech`. An answer is a recording of the set if there
is one, else espeak-ng's speech in the clip's own noise at its speaker's loudness; it is recognised as the clip was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from dockvoice_protocol.records import Act, FieldValue
from edge.agent.dialogue_driver import make_dialogue_settings
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import Parts, dictate_sources, make_dictation
from edge.agree.decide import Circumstances
from edge.agree.dialogue.interface import DialogueInput, EntryCommitted, Order, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.questions import Question, Topic
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import State
from edge.hear.acoustics import measure_acoustics
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import SAMPLE_RATE, Commit, Draft, LastEntry, Outcome, Park
from edge.records.speech import Prompt, Say
from edge.speak.voices import usual_words_per_minute
from edge.speak.wording import Phrasing
from lab.noises import read_all_samples
from lab.operator_speech import (
    BEFORE_S,
    OperatorUtterance,
    OperatorWords,
    SyntheticSpeech,
    UtteranceReason,
    embed_in_clip_noise,
    synthesise,
)
from lab.report.lines import Conversation, Turn
from lab.scoring import ClipResult, are_fields_equal

_EARCON_S = 0.3  # Seconds of an earcon ("recorded", "heard", "say again").

_READBACKS = frozenset({Prompt.READBACK, Prompt.READBACK_AMENDED, Prompt.CONFIRM_ENTRY})
"""Prompts that read the whole entry back."""


class _DeviceConversation:
    """The device's side of one conversation: feeds decisions to the dialogue until an entry is final or abandoned."""

    def __init__(self, dialogue: Dialogue, phrasing: Phrasing) -> None:
        """`dialogue` has nothing open."""
        self._dialogue = dialogue
        self._phrasing = phrasing
        self.entries: list[Mapping[str, FieldValue]] = []
        """The current entries, in order: without amended or cancelled ones."""
        self.parked = False  # Something was put aside for a person.
        self.read_back: Mapping[str, FieldValue] = {}  # The entry as last read back.
        self.device_speech_s = 0.0  # How long the device has spoken, in seconds.

    @property
    def question(self) -> Question | None:
        """The current question."""
        return self._dialogue.question

    @property
    def has_held_entry(self) -> bool:
        """Whether an entry was read back and will be committed unless an utterance objects to it."""
        return self._dialogue.state is State.HELD

    def handle_decided(self, decided: UtteranceDecided) -> None:
        """Pass a decided utterance to the dialogue and carry out its orders."""
        segment = decided.utterance.segment
        known = Circumstances(measure_acoustics(segment))
        self.parked = self.parked or decided.verdict.outcome is Outcome.DEFER
        self._handle_and_execute(
            UtteranceHeard(decided.utterance.utterance_id, decided.reading, segment.closing, known)
        )

    def commit_held_entry(self) -> None:
        """Commit the held entry at once, as the next sentence would, without waiting for its timeout."""
        device_speech_s = self.device_speech_s
        self._handle_and_execute(TimerExpired())
        self.device_speech_s = device_speech_s

    def _handle_and_execute(self, happening: DialogueInput) -> None:
        orders = self._dialogue.handle(happening)
        self.device_speech_s += self._prompt_seconds(orders)
        for order in orders:
            match order:
                case Commit(draft, verdict):
                    self._apply_commit(draft, verdict.fields)
                case Park():
                    self.parked = True
                case Say(prompt, fields) if prompt in _READBACKS:
                    self.read_back = fields
                case _:
                    pass

    def _apply_commit(self, draft: Draft, fields: Mapping[str, FieldValue]) -> None:
        if draft.act is not Act.RECORD:
            self.entries.pop()
        if draft.act is not Act.CANCEL:
            self.entries.append(fields)
        self._dialogue.handle(EntryCommitted(LastEntry(draft.utterance_id, draft, fields)))

    def _prompt_seconds(self, orders: Sequence[Order]) -> float:
        """Duration of the prompts at the device's pace; of an earcon if there are none."""
        words = sum(len(self._phrasing.text(order).split()) for order in orders if isinstance(order, Say))
        return words * 60 / usual_words_per_minute("en") or _EARCON_S


_MOST_TURNS = 5  # Turns after which the operator gives up and the entry is parked.

REACTION_S = 0.7
"""Seconds from the end of the prompt to the answer's first word (estimate): chat has 0.2 s, reading a label more."""

_NO_RESPONSE_S = 2.0  # Seconds before the operator speaks again if the device stays silent (estimate).


@dataclass(frozen=True, slots=True)
class OperatorHabits:
    """Settings of the simulated operator."""

    attentive: float = 1.0  # Share of wrong readbacks that are noticed, 0 to 1.
    read_back: bool | None = None
    """Whether sure entries are read back as well; None: as the settings say. Without a readback no mistake is noticed.
    """
    seed: int = 2026


class SimulatedOperator:
    """Runs the conversation that follows a clip, on the pipeline that recognised the clip."""

    def __init__(self, parts: Parts, executor: JournalThread, habits: OperatorHabits) -> None:
        """`executor` is that pipeline's scratch journal."""
        self._parts = parts
        self._executor = executor
        self._habits = habits
        self._phrasing = Phrasing(parts.form)

    async def converse(self, result: ClipResult, clip: Callable[[], Source]) -> Conversation | None:
        """Answer the device until the clip's entry is final; None if the clip dictates no entry."""
        truth = result.clip.fields
        if truth is None:
            return None
        random = Random(f"{self._habits.seed} {result.clip.audio.name}")  # noqa: S311 - chance, not secrecy
        words = OperatorWords(self._parts.form, self._parts.catalogue, truth, random)
        exchange = _DeviceConversation(Dialogue(self._parts.rules, self._signed_on_settings()), self._phrasing)
        for decided in result.decisions:
            exchange.handle_decided(decided)
        turns: list[Turn] = []
        while (says := self._choose_reaction(exchange, words, random)) is not None and len(turns) < _MOST_TURNS:
            turns.append(await self._answer_device(exchange, says, result, clip, len(turns)))
        if says is None and exchange.has_held_entry:
            exchange.commit_held_entry()
        end = "parked" if says is not None else _classify_end(exchange.entries, truth)
        seconds = _clip_turn_seconds(result) + exchange.device_speech_s + sum(turn.seconds for turn in turns)
        return _build_conversation(end, exchange.entries, turns, seconds)

    def _signed_on_settings(self) -> DialogueSettings:
        """The settings' dialogue, for an operator who has signed on."""
        wanted = replace(make_dialogue_settings(self._parts.settings), operators=None)
        return wanted if self._habits.read_back is None else replace(wanted, holds_sure=self._habits.read_back)

    def _choose_reaction(
        self, exchange: _DeviceConversation, words: OperatorWords, random: Random
    ) -> OperatorUtterance | None:
        """The operator's reply to the device's prompt; None if content, or the entry is parked."""
        question = exchange.question
        if question is not None:
            blind = question.about is Topic.ENTRY_RIGHT and random.random() >= self._habits.attentive
            return OperatorUtterance(UtteranceReason.ANSWER, "yes") if blind else words.word_answer(question)
        if exchange.has_held_entry:
            wrong = words.word_correction(exchange.read_back)
            return wrong if wrong is not None and random.random() < self._habits.attentive else None
        return None if exchange.entries or exchange.parked else words.whole_entry()

    async def _answer_device(
        self,
        exchange: _DeviceConversation,
        says: OperatorUtterance,
        result: ClipResult,
        clip: Callable[[], Source],
        number: int,
    ) -> Turn:
        source = await self._synthesise(says, result, clip, number)
        decisions = await self._recognise(source)
        for one in decisions:
            exchange.handle_decided(one)
        transcript = " / ".join(one.reading.transcript for one in decisions)
        return Turn(
            why=says.why,
            about=says.about,
            text=says.text,
            transcript=transcript,
            seconds=_answer_turn_seconds(source, decisions),
        )

    async def _synthesise(
        self, says: OperatorUtterance, result: ClipResult, clip: Callable[[], Source], number: int
    ) -> SyntheticSpeech:
        answers = result.clip.answers if says.why is UtteranceReason.ANSWER else {}
        identity = f"{result.clip.audio} {number}"
        if says.about in answers:
            return SyntheticSpeech(read_all_samples(RecordedSource(answers[says.about])), identity)
        said = await synthesise(says.text, result.clip.speaker or "", self._habits.seed)
        return SyntheticSpeech(embed_in_clip_noise(said, read_all_samples(clip()), result), identity)

    async def _recognise(self, source: Source) -> list[UtteranceDecided]:
        decisions: list[UtteranceDecided] = []

        def collect(event: DictationEvent) -> None:
            if isinstance(event, UtteranceDecided):
                decisions.append(event)

        await dictate_sources(make_dictation(self._parts, self._executor, collect), [source])
        return decisions


def _classify_end(entries: Sequence[Mapping[str, FieldValue]], truth: Mapping[str, FieldValue]) -> str:
    if not entries:
        return "parked"
    return "right" if len(entries) == 1 and are_fields_equal(entries[0], truth) else "wrong"


def _clip_turn_seconds(result: ClipResult) -> float:
    """Seconds from the first word of the clip to the device's first prompt."""
    if not result.decisions:
        return result.audio_s + _NO_RESPONSE_S
    first, last = result.decisions[0].utterance.segment, result.decisions[-1]
    return (last.utterance.segment.closed - first.speech_start) / SAMPLE_RATE + last.compute_s


def _answer_turn_seconds(source: SyntheticSpeech, decisions: Sequence[UtteranceDecided]) -> float:
    """Seconds from the end of one device prompt to the next: the operator's reaction and speech, and computing."""
    if not decisions:
        return REACTION_S + source.seconds - BEFORE_S + _NO_RESPONSE_S
    last = decisions[-1]
    return REACTION_S + last.utterance.segment.closed / SAMPLE_RATE - BEFORE_S + last.compute_s


def _build_conversation(
    end: str, entries: Sequence[Mapping[str, FieldValue]], turns: Sequence[Turn], seconds: float
) -> Conversation:
    rounded_turns = tuple(turn.model_copy(update={"seconds": round(turn.seconds, 2)}) for turn in turns)
    fields = dict(entries[-1]) if entries else {}
    questions = sum(turn.why != UtteranceReason.CORRECTION for turn in turns)
    return Conversation(end=end, fields=fields, questions=questions, seconds=round(seconds, 2), turns=rounded_turns)
