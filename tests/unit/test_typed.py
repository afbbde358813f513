from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.agree.decide import Rules
from edge.agree.happenings import Heard
from edge.agree.states import Event
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.keep.desk import Desk
from edge.keep.journal import Journal
from edge.records import Act, Command, Outcome, Verdict
from edge.told import Told
from edge.typed import KEYBOARD, pressed, typed
from tests.fakes import ScriptedInterpreter
from tests.unit.test_dictation import Bench


@pytest.fixture
def bench(tmp_path: Path, repository: Path) -> Bench:
    form = Form.load(repository / "schemas" / "forms" / "pallet-move.schema.json")
    return Bench(tmp_path, Rules(form, Catalogue.load(repository / "config" / "catalogue")))


def take_typed(bench: Bench, text: str) -> None:
    async def type_one() -> None:
        decided = asyncio.Event()

        def tell(told: Told) -> None:
            bench.told.append(told)
            decided.set()

        bench.tell = tell
        dictation = bench.dictation(ScriptedInterpreter(), desk)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            concluding = group.create_task(dictation.conclude())
            await dictation.type(typed(text, bench.rules))
            await decided.wait()
            concluding.cancel()
        await dictation.type(typed(text, bench.rules))  # stopped by now: nothing is begun that nobody would conclude

    with Desk(bench.directory) as desk:
        asyncio.run(type_one())


def test_a_typed_sentence_is_recorded_as_typed_and_without_a_recording_of_anybody(bench: Bench) -> None:
    take_typed(bench, "Pallet 742, twelve units, dock B.")
    [decided] = bench.decided
    assert decided.verdict.outcome is Outcome.ACCEPT
    assert decided.reading.interpreter == KEYBOARD
    assert set(decided.utterance.segment.pcm) == {0}
    with Journal.inspect(bench.directory) as journal:
        kept = journal.kept(decided.utterance.utterance_id)
        assert kept is not None
        assert kept.source == KEYBOARD
        assert dict(kept.fields) == {"pallet_id": "742", "quantity": 12, "dock": "B"}
        assert list(journal.unread()) == []


def test_a_typed_sentence_is_asked_about_like_a_spoken_one(bench: Bench) -> None:
    take_typed(bench, "pallet 742 twelve units")
    assert bench.decided[0].verdict.ask == "dock"


@pytest.mark.parametrize("asked", [Act.YES, Act.NO, Act.CANCEL, *set(Command) - {Command.SIGN_ON}])
def test_a_key_is_to_the_dialogue_what_the_words_for_it_are(asked: Act | Command, bench: Bench) -> None:
    key = pressed(asked, "pallet-move")
    said = typed(key.transcript.replace("cancel", "scratch that"), bench.rules)
    verdict = Verdict(Outcome.REPEAT, (), {})
    events = {Heard("1", reading, verdict).event(bench.rules) for reading in (key, said)}
    assert len(events) == 1
    assert events != {Event.UNCLEAR}
