from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.agree.orders import Say, Sound
from edge.agree.prompts import Prompt
from edge.agree.speak import Speaker
from edge.config import Speak, VoiceKind
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
