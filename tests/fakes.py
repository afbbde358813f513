"""One fake per port, each with a mind of its own only where a test gives it one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from dockvoice_protocol.errors import DockvoiceError
from dockvoice_protocol.records import FieldReading, FieldValue, NotUnderstoodReason, Reading
from edge.agent.typed_input import ReaderBySource
from edge.agent.workplaces import Workplace, Workplaces
from edge.agree.decide import Rules
from edge.ports import Interpreter, Source, SpeechScorer, UtteranceListener, Voice
from edge.records import Frame, StoreFormOrLanguageChange, Utterance
from edge.understand.panel import Panel

SPEECH, SILENCE = b"\x00\x10" * 320, b"\x00\x00" * 320


class ScriptedSource(Source):
    """Sound written as a line, a sign per 20 ms: `#` speech, `.` silence; at its end it stops, or raises `fault`."""

    def __init__(
        self, line: str, *, name: str = "sha256:f00d", live: bool = False, fault: DockvoiceError | None = None
    ):
        self.name = name
        self.live = live
        self._line = line
        self._fault = fault

    def frames(self) -> Iterator[Frame]:
        for number, sign in enumerate(self._line):
            yield Frame(number * 320, SPEECH if sign == "#" else SILENCE)
        if self._fault is not None:
            raise self._fault


class LoudnessScorer(SpeechScorer):
    """Takes what is not silent for speech."""

    def is_speech(self, frame: Frame) -> bool:
        return frame.pcm == SPEECH

    def reset(self) -> None:
        pass


class ScriptedInterpreter(Interpreter):
    """Reads utterances as it was told, in order; `before` is called with each utterance before it is read."""

    name = "scripted"

    def __init__(self, *readings: Reading, before: Callable[[Utterance], None] = lambda _: None) -> None:
        self.readings = list(readings)
        self.fed: list[bytes] = []
        self.read: list[str] = []
        self._before = before

    def listen(self) -> UtteranceListener:
        return _ScriptedAttention(self)

    def next(self, utterance: Utterance) -> Reading:
        self._before(utterance)
        self.read.append(utterance.utterance_id)
        return self.readings.pop(0)


class _ScriptedAttention(UtteranceListener):
    def __init__(self, interpreter: ScriptedInterpreter) -> None:
        self._interpreter = interpreter
        self._heard = b""

    def hear(self, pcm: bytes) -> None:
        self._heard += pcm

    async def finish(self, utterance: Utterance) -> Reading:
        self._interpreter.fed.append(self._heard)
        return self._interpreter.next(utterance)


def reading(
    fields: Mapping[str, FieldValue] | None = None,
    *,
    not_understood: NotUnderstoodReason | None = None,
    words: Sequence[str] = (),
) -> Reading:
    """A reading that proposes `fields`, each sure."""
    said = {name: FieldReading(value, tuple(words), 1.0) for name, value in (fields or {}).items()}
    return Reading("scripted", "pallet-move", (), said, not_understood)


class ScriptedVoice(Voice):
    """Speaks each text as 50 ms of one loudness for each of its words, or fails with `fault` while that is set."""

    name = "scripted"

    def __init__(self, fault: DockvoiceError | None = None) -> None:
        self.fault = fault
        self.said: list[str] = []

    async def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        self.said.append(text)
        if self.fault is not None:
            raise self.fault
        for _ in text.split():
            yield b"\x00\x20" * 800


def alone(rules: Rules, interpreter: Interpreter, panel: Panel | None = None) -> Workplaces:
    """The one workplace of a device at which nothing changes."""
    return Workplaces(Workplace(StoreFormOrLanguageChange(rules.form.name), ReaderBySource(rules, interpreter), panel))
