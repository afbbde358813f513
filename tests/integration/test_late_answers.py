"""A model answers while the operator may still object: what it contradicts is flagged once it is an entry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldValue, Reading
from edge.agent.app import Agent, AgentEvent
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.parts import Parts
from edge.agree.dialogue.table import State
from edge.config import Settings, UnderstandingMode
from edge.hear.recording import RecordedSource
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.ports import Interpreter, Source, UtteranceListener
from edge.records import Frame, Utterance
from edge.understand.panel import Member, Panel, PanelSettings
from tests.fakes import SILENCE, ScriptedInterpreter, reading
from tests.waiting import PATIENCE_S

SPOKEN = Path(__file__).parents[1] / "data" / "speech" / "demo"
WHOLE: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}


class Operator(Source):
    """Says one sentence, then nothing until the test has seen what it waits for."""

    name = "microphone"
    live = True

    def __init__(self, seen: Callable[[], bool]) -> None:
        self._seen = seen

    def frames(self) -> Iterator[Frame]:
        return (Frame(number * 320, piece) for number, piece in enumerate(self._sound()))

    def _sound(self) -> Iterator[bytes]:
        yield from (frame.pcm for frame in RecordedSource(next(SPOKEN.glob("*.flac"))).frames() if frame.samples == 320)
        yield from [SILENCE] * 50
        deadline = time.monotonic() + PATIENCE_S
        while not self._seen():
            assert time.monotonic() < deadline
            time.sleep(0.02)
            yield SILENCE


class Slow(Interpreter):
    """A model that answers when it is told to, and read another number."""

    name = "model"

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    def listen(self) -> UtteranceListener:
        return _Slow(self)


class _Slow(UtteranceListener):
    def __init__(self, model: Slow) -> None:
        self._model = model

    def hear(self, pcm: bytes) -> None:
        pass

    async def finish(self, utterance: Utterance) -> Reading:
        await self._model.may_answer.wait()
        return replace(reading({**WHOLE, "quantity": 50}), interpreter=self._model.name)


def flagged(state: Path) -> list[int]:
    with Journal.inspect(state) as journal:
        return [one.entry.sequence for one in journal.review.flagged_entries()]


@pytest.mark.parametrize("conversation", [True, False])
def test_an_entry_that_a_late_answer_contradicts_is_flagged(
    tmp_path: Path, form: Form, catalogue: Catalogue, *, conversation: bool
) -> None:
    model, device = Slow(), ScriptedInterpreter(reading(WHOLE))
    panel = Panel(device, [Member(model)], None, PanelSettings(UnderstandingMode.CLOUD_FIRST, 0.1, None, 0.5), form)
    told = {"speak": {"enabled": False}, "agree": {"conversation": conversation, "undo_s": 2}}
    settings = Settings.model_validate({"state_directory": tmp_path, **told})

    def tell(what: AgentEvent) -> None:
        if not conversation or (isinstance(what, DialogueStatus) and what.state is State.HELD):
            model.may_answer.set()

    with JournalThread(tmp_path) as executor:
        agent = Agent(Parts(settings, form, catalogue, panel, panel), executor, tell, live=True)
        asyncio.run(agent.run([Operator(lambda: flagged(tmp_path) == [1])], settle_within_s=0))
