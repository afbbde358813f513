"""The second hearing, with second recognisers that do what goes wrong."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import Word
from edge.agent.later_readings import SecondRecogniserQueue
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import ReadingContradicted
from edge.agree.dialogue.table import State
from edge.records import ClosedBy, Draft, Segment, Utterance
from edge.understand.local import second_recogniser_process
from edge.understand.local.second_recogniser_process import SecondRecogniserProcess
from edge.understand.reading_builder import read_recognised_words
from tests.rows import each_of

SOUND = b"\x01\x00" * 1600
HEARD = "pallet 474 for dock F, 12 units"


class Scripted:
    """Answers as it is told to, and remembers that it was ended."""

    def __init__(self, *answers: str | Exception | None, letters: Mapping[str, float] | None = None) -> None:
        """`letters`: how well each one at the end of a text fits; None: it scores nothing."""
        self._answers = list(answers)
        self._letters = letters or {}
        self.scores = letters is not None
        self.asked = 0
        self.cancelled = 0
        self.ended = False
        self.loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        self.loop = asyncio.get_running_loop()

    async def recognise(self, pcm: bytes) -> str:
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return str(answer)

    async def score(self, pcm: bytes, texts: Sequence[str]) -> list[float]:
        return [self._letters.get(text[-1], -9.0) for text in texts]

    async def end(self) -> None:
        self.ended = True


class Desk:
    """A second hearing at work, and what it posted."""

    def __init__(self, second: Scripted, rules: Rules) -> None:
        self.posted: list[ReadingContradicted] = []
        self._told = asyncio.Event()
        self.hearing = SecondRecogniserQueue(second, lambda _: rules, self._post)
        self.rules = rules

    def _post(self, what: ReadingContradicted) -> None:
        self.posted.append(what)
        self._told.set()

    async def told(self) -> None:
        """Return when something was posted: it is worked out in a thread, which a busy machine keeps waiting."""
        async with asyncio.timeout(30):
            await self._told.wait()

    def hold(self, which: str, *, state: State = State.HELD, draft_of: str | None = None) -> None:
        said = "pallet four seven four four dock f twelve units"
        words = [Word(text, at * 0.4, at * 0.4 + 0.38, 1.0) for at, text in enumerate(said.split())]
        reading = read_recognised_words("vosk", words, self.rules.form, self.rules.catalogue)
        segment = Segment(0, 0, 1600, 1600, ClosedBy.PAUSE, SOUND)
        utterance = Utterance(which, "pallet-move", "microphone", datetime.now(UTC), segment)
        draft = Draft(draft_of or which, "pallet-move", reading, None)
        self.hearing.cancel_if_not_held(state, draft)
        self.hearing.queue_if_held(utterance, reading, state, draft)


def play(second: Scripted, rules: Rules, acted: Callable[[Desk], Awaitable[None]]) -> Desk:
    desk = Desk(second, rules)

    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(desk.hearing.run())
            await acted(desk)
            running.cancel()

    asyncio.run(whole())
    assert second.ended
    return desk


async def a_while() -> None:
    await asyncio.sleep(0.05)


def test_what_is_held_is_heard_again_and_what_differs_is_told(rules: Rules) -> None:
    async def acted(desk: Desk) -> None:
        desk.hold("one")
        await desk.told()

    desk = play(Scripted(HEARD), rules, acted)
    assert desk.posted == [ReadingContradicted("one", {"pallet_id": ("4744", "474")})]


@each_of(("state", "draft_of"), [(State.ASKING, None), (State.IDLE, None), (State.HELD, "another")])
def test_what_is_not_held_is_not_heard_again(rules: Rules, state: State, draft_of: str | None) -> None:
    second = Scripted()

    async def acted(desk: Desk) -> None:
        desk.hold("one", state=state, draft_of=draft_of)
        await a_while()

    assert not play(second, rules, acted).posted
    assert second.asked == 0


def test_a_second_recogniser_that_is_late_is_ended_and_the_next_entry_is_heard(rules: Rules) -> None:
    second = Scripted(None, HEARD)

    async def acted(desk: Desk) -> None:
        desk.hold("one")
        await a_while()
        desk.hearing.cancel_if_not_held(State.IDLE, None)  # committed
        desk.hearing.cancel_if_not_held(State.IDLE, None)
        await a_while()
        desk.hold("two")
        await desk.told()

    desk = play(second, rules, acted)
    assert second.cancelled == 1
    assert [one.utterance_id for one in desk.posted] == ["two"]
    assert not desk.hearing.breaker.wait_s(0.0), "being late is no fault of it"


def test_a_second_recogniser_that_crashes_again_and_again_is_left_alone(
    rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    second = Scripted(*[Unavailable("the witness ended")] * 3, HEARD)

    async def acted(desk: Desk) -> None:
        for number in range(5):
            desk.hold(str(number))
            await a_while()

    with caplog.at_level(logging.WARNING):
        assert not play(second, rules, acted).posted
    assert second.asked == 3
    assert [record.getMessage().endswith("again in 5 s") for record in caplog.records] == [False, False, True]


ECHO = (
    "import sys, json\n"
    "while n := sys.stdin.buffer.read(4):\n"
    "    of_texts = int.from_bytes(sys.stdin.buffer.read(4))\n"
    "    pcm = sys.stdin.buffer.read(int.from_bytes(n))\n"
    "    sys.stdin.buffer.read(of_texts)\n"
    "    print(json.dumps({'words': f'{len(pcm)} bytes'}), flush=True)\n"
)


def asked(program: str, *sounds: bytes) -> list[str]:
    async def whole() -> list[str]:
        second = SecondRecogniserProcess(command=(sys.executable, "-c", program))
        try:
            return [await second.recognise(pcm) for pcm in sounds]
        finally:
            await second.end()
            await second.end()

    return asyncio.run(whole())


def test_the_process_hears_one_sound_after_the_other() -> None:
    assert asked(ECHO, b"ab", b"", SOUND) == ["2 bytes", "0 bytes", "3200 bytes"]


@each_of("program", ["raise SystemExit(3)", "print('no JSON', flush=True)", "print('{}', flush=True)"])
def test_a_process_that_answers_nothing_is_unavailable(program: str) -> None:
    with pytest.raises(Unavailable, match="the witness"):
        asked(program, SOUND)


@each_of(("takes_s", "latest_s", "same"), [(60, 0.3, False), (0.8, 20.0, True)])
def test_a_late_answer_is_discarded_and_a_process_that_gives_none_is_started_anew(
    takes_s: float, latest_s: float, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_recogniser_process, "_LATEST_S", latest_s)
    late = ECHO.replace("    print(", f"    import time; time.sleep({takes_s} if len(pcm) == 2 else 0)\n    print(")

    async def whole() -> tuple[str, bool]:
        second = SecondRecogniserProcess(command=(sys.executable, "-c", late))
        try:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.recognise(b"ab"), 0.4)
            before = second.pid
            return await second.recognise(b"abcd"), second.pid == before
        finally:
            await second.end()

    assert asyncio.run(whole()) == ("4 bytes", same)
