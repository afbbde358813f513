"""What may be set about how the device speaks."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from edge.config.cloud import TableName
from edge.config.section import Section
from edge.config.sound_device import SoundDevice


class VoiceKind(StrEnum):
    """Who speaks: espeak-ng on the device, or a service."""

    ESPEAK = "espeak"
    OPENAI = "openai"
    ELEVENLABS = "elevenlabs"
    AZURE = "azure"


class ReadBack(StrEnum):
    """Which entries are read back."""

    ALWAYS = "always"
    UNSURE = "unsure"


class Language(StrEnum):
    """The languages that prompts and readbacks are spoken in."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    SPANISH = "es"
    ITALIAN = "it"


class Speak(Section):
    """The device's voice: earcons, readbacks and questions."""

    enabled: bool | Literal["auto"] = Field("auto", description="auto: whenever there is a speaker to be heard")
    device: SoundDevice = Field(None, description="sounddevice's name or number of the speaker; unset: the default")
    language: Language = Field(Language.ENGLISH, description="the language of prompts and readbacks")
    read_back: ReadBack = Field(ReadBack.ALWAYS, description="which entries are read back, beside the sound that tells")
    volume_db: float = Field(0, ge=-24, le=6, description="louder or softer than usual, dB")
    rate: float = Field(1.0, ge=0.6, le=2.0, description="faster or slower than usual, times; espeak only")
    voice: VoiceKind = Field(VoiceKind.ESPEAK, description="who speaks")
    client: TableName | None = Field(None, description="which of understand.clients speaks, for a service")
    model: str | None = Field(None, description="the service's model, on Azure OpenAI the deployment")
    speaker: str | None = Field(None, description="the service's voice, by the service's own name or id")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {
            VoiceKind.ESPEAK: (),
            VoiceKind.OPENAI: ("client", "model", "speaker"),
            VoiceKind.ELEVENLABS: ("client", "model", "speaker"),
            VoiceKind.AZURE: ("client", "speaker"),
        }[self.voice]
        if missing := [key for key in needed if getattr(self, key) is None]:
            raise ValueError(
                f"voice is {self.voice}, but {' and '.join(missing)} is not set; set it, or voice = espeak"
            )
        return self
