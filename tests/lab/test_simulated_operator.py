from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import Act, FieldValue, NotUnderstoodReason, Reading
from edge.agent.events import UtteranceDecided
from edge.agent.parts import Parts
from edge.agree.dialogue.repeating import MOST_TRIES
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.records import SAMPLE_BYTES, Cause, ClosedBy, ConfirmationKind, Outcome, Reason, Segment, Utterance, Verdict
from lab.report.lines import Conversation
from lab.scoring import Clip, ClipResult, Mark
from lab.simulated_operator import REACTION_S, OperatorHabits, SimulatedOperator
from tests.fakes import ScriptedInterpreter, reading

TRUTH: dict[str, FieldValue] = {"pallet_id": "0126", "quantity": 9, "dock": "B"}
SPOKEN = Path(__file__).parent.parent / "data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac"
NUMBERS = count()
NOTHING = reading(not_understood=NotUnderstoodReason.NOT_DICTATION)


@pytest.fixture
def clip() -> Clip:
    return Clip(audio=SPOKEN, fields=TRUTH, condition="clean", speaker="af_heart", speech_end=3.811)


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[JournalThread]:
    with JournalThread(tmp_path / "state") as executor:
        yield executor


@pytest.fixture
def parts(repository: Path) -> Parts:
    form = load_form(repository / "schemas/forms/pallet-move.schema.json")
    return Parts(Settings(), form, Catalogue.load(repository / "config/catalogue"), ScriptedInterpreter())


def decided(said: Reading, verdict: Verdict) -> UtteranceDecided:
    pcm = b"".join(frame.pcm for frame in RecordedSource(SPOKEN).frames())
    segment = Segment(0, 8_000, 61_000, 66_000, ClosedBy.PAUSE, pcm[: 64_200 * SAMPLE_BYTES])
    utterance = Utterance(
        f"utterance-{next(NUMBERS)}", "pallet-move", "sha256:x", datetime(2026, 1, 1, tzinfo=UTC), segment
    )
    return UtteranceDecided(utterance, said, verdict, None, 0.05)


def accepted(confirm: ConfirmationKind = ConfirmationKind.READBACK, **changed: FieldValue) -> UtteranceDecided:
    fields = {**TRUTH, **changed}
    return decided(reading(fields), Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), fields, confirm=confirm))


def asked(missing: str) -> UtteranceDecided:
    fields = {name: value for name, value in TRUTH.items() if name != missing}
    verdict = Verdict(Outcome.ASK, (Cause(Reason.FIELD_MISSING, missing),), fields, ask=missing)
    return decided(reading(fields), verdict)


def conversed(
    parts: Parts,
    executor: JournalThread,
    clip: Clip,
    heard: list[UtteranceDecided],
    *answers: Reading,
    habits: OperatorHabits | None = None,
) -> Conversation | None:
    interpreter = parts.interpreter
    assert isinstance(interpreter, ScriptedInterpreter)
    interpreter.readings[:] = answers
    operator = SimulatedOperator(parts, executor, habits or OperatorHabits())
    result = ClipResult(clip, Mark.ASKED, tuple(heard), 5.5, 0.1)
    return asyncio.run(operator.converse(result, partial(RecordedSource, clip.audio)))


def test_what_is_asked_is_said_again_and_completes_the_entry(parts: Parts, executor: JournalThread, clip: Clip) -> None:
    ended = conversed(parts, executor, clip, [asked("dock")], reading({"dock": "B"}))
    assert ended is not None
    assert (ended.end, ended.fields, ended.questions) == ("right", TRUTH, 1)
    assert (ended.turns[0].why, ended.turns[0].about) == ("answer", "dock")
    assert ended.turns[0].text
    spoken_s = (66_000 - 8_000) / 16_000 + 0.05
    assert ended.seconds > spoken_s + REACTION_S + ended.turns[0].seconds


def test_who_is_never_understood_is_left_in_peace_by_the_device(
    parts: Parts, executor: JournalThread, clip: Clip
) -> None:
    ended = conversed(parts, executor, clip, [asked("dock")], *[NOTHING] * MOST_TRIES)
    assert ended is not None
    assert (ended.end, ended.questions, ended.fields) == ("parked", MOST_TRIES, {})


def test_who_was_not_heard_at_all_says_everything_again(parts: Parts, executor: JournalThread, clip: Clip) -> None:
    ended = conversed(parts, executor, clip, [], reading(TRUTH))
    assert ended is not None
    assert (ended.end, ended.turns[0].why, ended.turns[0].about) == ("right", "again", None)
    assert "pallet" in ended.turns[0].text
    assert "dock" in ended.turns[0].text


@pytest.mark.parametrize("confirm", [ConfirmationKind.READBACK, ConfirmationKind.EARCON], ids=str)
def test_a_wrong_readback_is_put_right(
    parts: Parts, executor: JournalThread, clip: Clip, confirm: ConfirmationKind
) -> None:
    correction = replace(reading({"quantity": 9}), act=Act.AMEND)
    ended = conversed(parts, executor, clip, [accepted(confirm, quantity=90)], correction)
    assert ended is not None
    assert (ended.end, ended.fields, ended.questions) == ("right", TRUTH, 0)
    assert ended.turns[0].why == "correction"
    assert ended.turns[0].text.startswith("no, nine ")


@pytest.mark.parametrize(
    ("heard", "habits"),
    [
        (accepted(quantity=90), OperatorHabits(attentive=0.0)),
        (accepted(ConfirmationKind.EARCON, quantity=90), OperatorHabits(read_back=False)),
    ],
    ids=["inattentive", "earcon"],
)
def test_what_nobody_notices_stays_wrong(
    parts: Parts, executor: JournalThread, clip: Clip, heard: UtteranceDecided, habits: OperatorHabits
) -> None:
    ended = conversed(parts, executor, clip, [heard], habits=habits)
    assert ended is not None
    assert (ended.end, ended.questions) == ("wrong", 0)
