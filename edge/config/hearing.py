"""What may be set about the ear: `[hear]`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from edge.config.section import Section
from edge.config.sound_device import SoundDevice


class VadKind(StrEnum):
    """Which voice activity detectors score a frame."""

    BOTH = "webrtc+silero"
    WEBRTC = "webrtc"
    SILERO = "silero"


class Vad(Section):
    """Voice activity detection."""

    kind: VadKind = Field(VadKind.BOTH, description="webrtcvad as a gate that Silero confirms, or either alone")
    webrtc_mode: int = Field(1, ge=0, le=3, description="webrtcvad's aggressiveness: 0 lets most pass, 3 least")
    silero_threshold: float = Field(0.5, gt=0, lt=1, description="Silero's probability from which a frame is speech")


class Endpoint(Section):
    """Where an utterance begins and ends. All in milliseconds of sound."""

    preroll_ms: int = Field(300, ge=0, le=2000, description="sound kept from before speech was noticed, ms")
    onset_ms: int = Field(60, ge=20, le=1000, description="speech in a row that opens an utterance, ms")
    hangover_ms: int = Field(500, ge=100, le=5000, description="silence that closes an utterance, ms")
    finished_ms: int = Field(250, ge=220, le=5000, description="the same where the form is complete, ms")
    unfinished_ms: int = Field(1200, ge=100, le=5000, description="the same in the middle of a number or field, ms")
    minimum_speech_ms: int = Field(200, ge=20, le=2000, description="less speech than this is a click or a cough, ms")
    maximum_ms: int = Field(30_000, ge=2000, le=90_000, description="hard end of one utterance, ms")


class ListeningMode(StrEnum):
    """When an operator is listened to."""

    OPEN = "open"
    PUSH_TO_TALK = "push-to-talk"
    WAKE_PHRASE = "wake-phrase"


class Hear(Section):
    """The ear: the sound device, when it is listened to, and how speech is cut out."""

    device: SoundDevice = Field(None, description="sounddevice's name or number of the microphone; unset: the default")
    source: str | None = Field(
        None, min_length=1, description="the sound server's name of it; unset: what is recorded from first"
    )
    mode: ListeningMode = Field(ListeningMode.OPEN, description="when the operator is listened to")
    talk_key: str | None = Field(
        None, pattern=r"^(KEY|BTN)_[A-Z0-9_]+$", description="the key that is held to talk, by its Linux name"
    )
    talk_device: Path | None = Field(None, description="the input device of the key; unset: any that has it")
    wake_phrase: str | None = Field(
        None, pattern=r"^[a-z']+( [a-z']+)+$", description="what an utterance begins with that is meant for the device"
    )
    wake_window_s: float = Field(
        8, ge=0, le=120, description="so long after an utterance the next needs no phrase, seconds"
    )
    vad: Vad = Vad()
    endpoint: Endpoint = Endpoint()

    @model_validator(mode="after")
    def _has_a_phrase(self) -> Self:
        if self.mode is ListeningMode.WAKE_PHRASE and self.wake_phrase is None:
            raise ValueError("mode is wake-phrase, but wake_phrase is not set; choose two words or more")
        return self
