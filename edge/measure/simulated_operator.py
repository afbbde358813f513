"""An operator who answers: what is asked, misheard or read back wrong is said again, until the entry is right or left.

So it can be measured what a question costs, and how much is wrong in the end. Answers are recordings of the set where
it has some; else espeak-ng says them, over the clip's own noise and as loud as the clip's speaker. They are heard and
read as the clip was, and taken for what they are by the functions that the dialogue uses. Only a plain "yes" is not
spoken: it is taken for heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from edge.agree.answering import answer_to, answered, confirmed, replaced
from edge.agree.happenings import Heard
from edge.agree.questions import judged
from edge.agree.voices.espeak import WORDS_PER_MINUTE
from edge.assembly import Parts, dictation, take
from edge.forms.form import FormField
from edge.forms.spoken import saying
from edge.hear.recording import Recording
from edge.keep.desk import Desk
from edge.measure.noises import whole
from edge.measure.operator_voice import BEFORE_S, Spoken, in_place, spoken
from edge.measure.reporting.lines import Conversation, Turn
from edge.measure.scoring import Clip, Result, same
from edge.ports import Source
from edge.records import SAMPLE_RATE, Confirmation, Draft, FieldValue, Outcome, Reading, Verdict
from edge.told import Decided, Told

MOST_TURNS = 3
"""After so many answers a person is left in peace: the entry is parked, for somebody to look at."""

REACTION_S = 0.7
"""From the end of a question to the first word of the answer. People leave 0.2 s between turns of a chat, and take
longer to read a number off a label; an estimate."""

EARCON_S = 0.3
"""The sound that says "recorded"."""
YES_S = 0.5
"""The word "yes"."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How the operator behaves."""

    attentive: float = 1.0
    """The share of wrong readbacks that are noticed, 0 to 1."""
    read_back: bool | None = None
    """Whether every entry is read back; None: as the policy chooses. What is not read back, nobody can notice."""
    seed: int = 2026


@dataclass(slots=True)
class _Entry:
    """Where the entry stands."""

    draft: Draft
    verdict: Verdict
    correcting: bool = False


class SimulatedOperator:
    """Holds the conversation that follows a clip, with the parts that heard the clip."""

    def __init__(self, parts: Parts, desk: Desk, habits: Habits) -> None:
        """Answers are heard as the clips were; `desk` is the same scratch journal."""
        self._parts = parts
        self._desk = desk
        self._habits = habits

    async def converse(self, result: Result, clip: Callable[[], Source]) -> Conversation | None:
        """How the clip ends when the operator answers; None for a clip that dictates nothing whole."""
        truth = result.clip.fields
        if truth is None:
            return None
        if sum(one.verdict.outcome is Outcome.ACCEPT for one in result.heard) > 1:
            return Conversation(end="wrong", fields={}, questions=0, seconds=result.audio_s)
        random = Random(f"{self._habits.seed} {result.clip.audio.name}")  # noqa: S311 - chance, not secrecy
        entry, seconds = _begun(result)
        turns: list[Turn] = []
        while (about := self._about(entry, truth, random)) is not None:
            seconds += self._told_s(entry.verdict)
            if len(turns) == MOST_TURNS or entry.verdict.outcome is Outcome.DEFER:
                return _ended("parked", entry, turns, seconds)
            turn = await self._answer(entry, about, result, clip, len(turns), random)
            turns.append(turn)
            seconds += turn.seconds
        seconds += self._told_s(entry.verdict)
        return _ended("right" if same(entry.verdict.fields, truth) else "wrong", entry, turns, seconds)

    def _about(self, entry: _Entry, truth: dict[str, FieldValue], random: Random) -> tuple[str, ...] | None:
        """The fields to say next; None where the operator is content."""
        entry.correcting = False
        verdict = entry.verdict
        if verdict.outcome is Outcome.ASK and verdict.ask is not None:
            return (verdict.ask,)
        if verdict.outcome is not Outcome.ACCEPT:
            return tuple(truth)
        wrong = [name for name in truth if verdict.fields.get(name) != truth[name]]
        if not wrong or not self._is_read_back(verdict) or random.random() >= self._habits.attentive:
            return None
        entry.correcting = True
        return (wrong[0],)

    def _is_read_back(self, verdict: Verdict) -> bool:
        chosen = verdict.confirm is not Confirmation.EARCON
        return chosen if self._habits.read_back is None else self._habits.read_back

    def _told_s(self, verdict: Verdict) -> float:
        """How long the device is heard, in seconds: an earcon, a readback, a question."""
        form = self._parts.form
        if verdict.outcome is Outcome.ACCEPT:
            if not self._is_read_back(verdict):
                return EARCON_S
            text = form.readback(verdict.fields)
        elif verdict.candidates and verdict.ask is not None:
            text = " or ".join(form[verdict.ask].told(value) for value in verdict.candidates)
        else:
            text = next((field.ask for field in form.fields if field.name == verdict.ask), "please say it again")
        return len(text.split()) * 60 / WORDS_PER_MINUTE

    async def _answer(
        self,
        entry: _Entry,
        about: tuple[str, ...],
        result: Result,
        clip: Callable[[], Source],
        number: int,
        random: Random,
    ) -> Turn:
        truth = result.clip.fields or {}
        named = about[0] if len(about) == 1 else None
        if named and entry.verdict.confirm is Confirmation.SPOKEN_YES and entry.verdict.candidates == (truth[named],):
            return self._agree(entry, named, truth[named])
        text = self._words(about, result.clip, random)
        source = await self._sound(about, text, result, clip, number)
        heard = await self._heard(source)
        if heard is None:
            return Turn(about=named, text=text, transcript="", seconds=REACTION_S + source.seconds - BEFORE_S)
        self._taken(entry, named, heard)
        seconds = REACTION_S + heard.utterance.segment.closed / SAMPLE_RATE - BEFORE_S + heard.compute_s
        return Turn(about=named, text=text, transcript=heard.reading.transcript, seconds=seconds)

    def _agree(self, entry: _Entry, name: str, value: FieldValue) -> Turn:
        entry.draft = confirmed(entry.draft, name, value, "yes")
        entry.verdict = judged(entry.draft, self._parts.rules)
        patience = self._parts.settings.hear.endpoint.hangover_ms / 1000
        return Turn(about=name, text="yes", transcript="yes", seconds=REACTION_S + YES_S + patience)

    def _taken(self, entry: _Entry, named: str | None, heard: Decided) -> None:
        """What was said goes into the entry: an answer for one field, or all of it anew."""
        utterance = heard.utterance
        if named is None:
            entry.draft = replaced(entry.draft, heard.reading, utterance.utterance_id)
            entry.verdict = heard.verdict
            return
        rules = self._parts.rules
        answer = answer_to(named, heard.reading, rules)
        said = Heard(utterance.utterance_id, answer, heard.verdict, utterance.segment.closing)
        entry.draft = answered(entry.draft, named, answer, said, rules, correcting=entry.correcting)
        entry.verdict = judged(entry.draft, rules)

    def _words(self, about: Sequence[str], clip: Clip, random: Random) -> str:
        truth = clip.fields or {}
        fields = (field for field in self._parts.form.fields if field.name in about and field.name in truth)
        return ", ".join(self._mention(field, truth[field.name], random) for field in fields)

    def _mention(self, field: FormField, value: FieldValue, random: Random) -> str:
        """A field's own sentence: "pallet seven four two", "twelve units", "dock B"."""
        words = saying.said(value, field, self._parts.catalogue, random)
        # Espeak-ng says a small "a" as the article, and a capital as the letter.
        spelt = " ".join(word.upper() if len(word) == 1 else word for word in words.split())
        if field.units:
            plural, singular = next(iter(field.units.items()))
            return f"{words} {singular if value == 1 else plural}"
        return f"{field.labels[0]} {spelt}"

    async def _sound(
        self, about: tuple[str, ...], text: str, result: Result, clip: Callable[[], Source], number: int
    ) -> Spoken:
        recorded = result.clip.answers.get(about[0]) if len(about) == 1 else None
        told = f"{result.clip.audio} {number}"
        if recorded is not None:
            return Spoken(whole(Recording(recorded)), told)
        said = await spoken(text, result.clip.speaker or "", self._habits.seed)
        return Spoken(in_place(said, whole(clip()), result), told)

    async def _heard(self, source: Spoken) -> Decided | None:
        heard: list[Decided] = []

        def told(what: Told) -> None:
            if isinstance(what, Decided):
                heard.append(what)

        await take(dictation(self._parts, self._desk, told), [source])
        return _best(heard)


def _begun(result: Result) -> tuple[_Entry, float]:
    """The entry as the clip left it, and the seconds from its first word until then."""
    best = _best(result.heard)
    form = result.clip.form
    if best is None:
        nothing = Draft("nothing", form, Reading("none", form, (), {}))
        return _Entry(nothing, Verdict(Outcome.IGNORE, (), {})), result.audio_s
    segment = best.utterance.segment
    draft = Draft(best.utterance.utterance_id, form, best.reading)
    return _Entry(draft, best.verdict), (segment.closed - segment.speech_start) / SAMPLE_RATE + best.compute_s


def _best(heard: Sequence[Decided]) -> Decided | None:
    """What was accepted, else the utterance that says most."""
    return max(heard, key=lambda one: (one.verdict.outcome is Outcome.ACCEPT, len(one.reading.fields)), default=None)


def _ended(end: str, entry: _Entry, turns: Sequence[Turn], seconds: float) -> Conversation:
    told = tuple(turn.model_copy(update={"seconds": round(turn.seconds, 2)}) for turn in turns)
    fields = dict(entry.verdict.fields)
    return Conversation(end=end, fields=fields, questions=len(turns), seconds=round(seconds, 2), turns=told)
