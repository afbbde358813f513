from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge import speaking
from edge.agree.loudspeaker import Loudspeaker
from edge.agree.orders import Hush, Say, Sound
from edge.agree.phrases import Phrases
from edge.agree.prompts import Prompt
from edge.agree.speak import Speaker
from edge.config import Speak, VoiceKind
from edge.errors import Unavailable
from edge.forms.form import forms_in
from edge.speaking import Speaking

MOVE = forms_in(Path(__file__).parent.parent.parent / "schemas/forms")["pallet-move"]
NOWHERE = Speak(device="no such speaker")


def test_without_a_speaker_it_is_told_once_and_nothing_more_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(Speaking(NOWHERE, MOVE, {}).run())
    assert [record.getMessage().startswith("nothing is read back: ") for record in caplog.records] == [True]


@pytest.mark.parametrize("voice", [VoiceKind.OPENAI, VoiceKind.ELEVENLABS, VoiceKind.AZURE])
def test_a_voice_of_a_service_needs_a_client(voice: VoiceKind) -> None:
    with pytest.raises(ValidationError, match="client"):
        Speak(voice=voice, model="m", speaker="s")


def test_a_fault_that_comes_and_goes_is_put_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[object] = []
    monkeypatch.setattr(Speaker, "order", lambda _, order: ordered.append(order))
    spoken = Speaking(NOWHERE, MOVE, {})
    for _ in range(3):
        spoken.fault("stuck")
        spoken.healed("stuck")
    spoken.fault("muted")
    said = [(order.prompt, order.slots["fault"]) for order in ordered if isinstance(order, Say)]
    assert said == [(Prompt.FAULT, "stuck"), (Prompt.HEALED, "stuck"), (Prompt.FAULT, "muted")]
    assert sum(isinstance(order, Sound) for order in ordered) == 4


@pytest.mark.parametrize(("enabled", "heard"), [("auto", False), (True, True)], ids=str)
def test_without_a_speaker_nobody_hears_it_unless_one_is_waited_for(enabled: bool | str, heard: bool) -> None:
    async def looked() -> bool:
        spoken = Speaking(NOWHERE.model_copy(update={"enabled": enabled}), MOVE, {})
        async with asyncio.TaskGroup() as group:
            running = group.create_task(spoken.run())
            found = await spoken.is_heard()
            running.cancel()
        return found

    assert asyncio.run(looked()) is heard


def test_without_a_voice_nobody_hears_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    async def mute(_phrases: Phrases, _clause: str, _pace: float) -> None:
        raise Unavailable("no voice")

    monkeypatch.setattr(Phrases, "sound", mute)
    test_without_a_speaker_nobody_hears_it_unless_one_is_waited_for(enabled=True, heard=False)


def test_whoever_wants_to_know_whether_it_is_heard_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "LOOKING_S", 0.05)
    assert asyncio.run(Speaking(NOWHERE, MOVE, {}).is_heard()) is False


def test_what_was_cut_off_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    speaks = True
    monkeypatch.setattr(Loudspeaker, "hush", lambda _: speaks)
    spoken = Speaking(NOWHERE, MOVE, {})
    spoken.order(Hush())
    assert (spoken.was_cut_off(), spoken.was_cut_off()) == (True, False)
    speaks = False
    spoken.order(Hush())
    assert not spoken.was_cut_off()
