from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge.agree.decide import Rules, decide
from edge.agree.dialogue import Dialogue
from edge.agree.happenings import Answered, Heard, Link
from edge.agree.orders import Earcon, Hush, Say, Sound
from edge.agree.prompts import Prompt
from edge.agree.telling import Manner
from edge.assembly import take
from edge.config import Endpoint
from edge.conversing import Audible, Conversing
from edge.deliver.events import recorded
from edge.dictation import Dictation
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.keep.desk import Desk
from edge.keep.disk import DiskFull
from edge.keep.journal import Journal
from edge.listening import Listening
from edge.records import Closing, OutboxRow, Reading, ReceiptOutcome, Word
from edge.told import Decided, Told
from edge.understand.proposal import proposal
from tests.fakes import LoudnessScorer, ScriptedInterpreter, ScriptedSource
from tests.sayings import utterance
from tests.waiting import until

render = partial(recorded, site="north", device="dock-3")
WHOLE = "pallet seven four two twelve units dock b"
UTTERANCE = "." * 20 + "#" * 30 + "." * 40


@pytest.fixture(scope="module")
def rules(repository: Path) -> Rules:
    form = Form.load(repository / "schemas" / "forms" / "pallet-move.schema.json")
    return Rules(form, Catalogue.load(repository / "config" / "catalogue"))


def read(text: str, rules: Rules) -> Reading:
    words = [Word(said, at * 0.4, at * 0.4 + 0.38, 0.94) for at, said in enumerate(text.split())]
    return proposal("test", words, rules.form, rules.catalogue)


class Bench:
    """A conversation over a real journal, and all that it wanted heard."""

    def __init__(self, desk: Desk, rules: Rules, undo_s: float = 0.2) -> None:
        self.desk = desk
        self.rules = rules
        self.quiet = True
        self.heard: list[Audible] = []
        self.owed: list[OutboxRow] = []
        self.conversing = Conversing(
            Dialogue(rules, Manner(undo_s=undo_s, patience_s=0.2)),
            desk,
            render,
            order=self.heard.append,
            quiet=lambda: self.quiet,
            owed=self.owed.append,
        )

    async def say(self, text: str) -> OutboxRow | None:
        said = utterance(0)
        await self.desk(lambda journal: journal.begin(said))
        reading = read(text, self.rules)
        verdict = decide(reading, Closing.PAUSE, self.rules)
        return await self.conversing.happen(Heard(said.utterance_id, reading, verdict))

    @property
    def said(self) -> list[Prompt]:
        return [order.prompt for order in self.heard if isinstance(order, Say)]

    async def until(self, condition: Callable[[], bool]) -> None:
        await asyncio.to_thread(until, condition, lambda: f"heard {self.heard}, owed {len(self.owed)}")


def converse(directory: Path, rules: Rules, play: Callable[[Bench], Awaitable[None]], **manner: float) -> None:
    async def played(desk: Desk) -> None:
        bench = Bench(desk, rules, **manner)
        await bench.conversing.start()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bench.conversing.run())
            await play(bench)
            running.cancel()

    with Desk(directory) as desk:
        asyncio.run(played(desk))


def test_what_is_held_is_committed_when_the_window_is_over(tmp_path: Path, rules: Rules) -> None:
    async def play(bench: Bench) -> None:
        assert await bench.say(WHOLE) is None
        assert bench.said == [Prompt.READBACK]
        await bench.until(lambda: bool(bench.owed))
        assert Sound(Earcon.STORED) in bench.heard

    converse(tmp_path, rules, play)


def test_the_window_begins_when_the_readback_ends(tmp_path: Path, rules: Rules) -> None:
    async def play(bench: Bench) -> None:
        bench.quiet = False
        await bench.say(WHOLE)
        await asyncio.sleep(0.6)
        assert bench.owed == []
        bench.quiet = True
        await bench.until(lambda: bool(bench.owed))

    converse(tmp_path, rules, play)


def test_what_is_committed_is_told_to_whoever_delivers(tmp_path: Path, rules: Rules) -> None:
    async def play(bench: Bench) -> None:
        await bench.say(WHOLE)
        row = await bench.say("yes")
        assert row is not None
        assert bench.owed == [row]

    converse(tmp_path, rules, play, undo_s=60)


def test_what_is_posted_happens_in_its_turn(tmp_path: Path, rules: Rules) -> None:
    async def play(bench: Bench) -> None:
        await bench.say(WHOLE)
        row = await bench.say("yes")
        assert row is not None
        bench.conversing.post(Link(up=False))
        refused = Answered(row.event_id, ReceiptOutcome.REFUSED, ("not_on_site",), {"pallet_id": "742"})
        bench.conversing.post(refused)
        await bench.until(lambda: bench.said[-2:] == [Prompt.TROUBLE, Prompt.REFUSED])

    converse(tmp_path, rules, play, undo_s=60)


def test_after_a_restart_what_was_held_is_asked_again(tmp_path: Path, rules: Rules) -> None:
    async def before(bench: Bench) -> None:
        await bench.say(WHOLE)

    async def after(bench: Bench) -> None:
        assert bench.said == [Prompt.RESTORED]
        assert await bench.say("yes") is not None

    converse(tmp_path, rules, before, undo_s=60)
    converse(tmp_path, rules, after, undo_s=60)


class FullAtFirst(Desk):
    """A disk that takes nothing until there is room; looking is possible all the time."""

    full = False
    refused = 0

    async def __call__(self, work: Callable[[Journal], Any]) -> Any:
        if self.full and work is not Journal.unsettled:
            self.refused += 1
            self.full = self.refused < 2
            raise DiskFull("no space left")
        return await super().__call__(work)


def test_on_a_full_disk_the_conversation_waits_and_nothing_is_said_before_it_is_kept(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.conversing.RETRY_S", 0.01)

    async def play(desk: FullAtFirst) -> None:
        bench = Bench(desk, rules, undo_s=60)
        await bench.conversing.start()
        said = utterance(0)
        await desk(lambda journal: journal.begin(said))
        desk.full = True
        reading = read(WHOLE, rules)
        await bench.conversing.happen(Heard(said.utterance_id, reading, decide(reading, Closing.PAUSE, rules)))
        assert desk.refused == 2
        assert bench.said == [Prompt.READBACK]
        assert (await desk(Journal.conversation)).draft is not None

    with FullAtFirst(tmp_path) as desk:
        asyncio.run(play(desk))


def test_dictation_lets_the_conversation_agree_on_what_a_microphone_hears(tmp_path: Path, rules: Rules) -> None:
    told: list[Told] = []

    async def play(desk: Desk) -> None:
        bench = Bench(desk, rules, undo_s=60)
        await bench.conversing.start()
        interpreter = ScriptedInterpreter(read(WHOLE, rules), read("yes", rules))
        listening = Listening(
            form=rules.form.name,
            endpoint=Endpoint(),
            scorer=LoudnessScorer(),
            interpreter=interpreter,
            desk=desk,
            speaking=bench.conversing.heard_speaking,
        )
        dictation = Dictation(
            listening,
            rules=rules,
            interpreter=interpreter,
            desk=desk,
            operator=None,
            render=render,
            tell=told.append,
            converse=bench.conversing.happen,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bench.conversing.run())
            await take(dictation, [ScriptedSource(UTTERANCE * 2, name="microphone", live=True)])
            await bench.until(lambda: Hush() in bench.heard)
            running.cancel()
        assert bench.said == [Prompt.READBACK]
        assert len(bench.owed) == 1

    with Desk(tmp_path) as desk:
        asyncio.run(play(desk))
        assert desk.now(Journal.unsettled) == 1
    decided = [one for one in told if isinstance(one, Decided)]
    assert [one.row is not None for one in decided] == [False, True]
