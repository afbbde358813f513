"""What the agent can be told about services that write down speech, for cascades: `[understand.transcribers.NAME]`."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from edge.config.section import Section

SHORT_AUDIO_S = 60
"""The longest sound that Google's and Azure's requests for short audio take."""


class TranscriberKind(StrEnum):
    """How a service wants to be asked."""

    OPENAI = "openai"
    WHISPER_CPP = "whisper-cpp"
    GOOGLE = "google"
    AZURE = "azure"
    SCRIBE = "scribe"


NAMELESS = frozenset({TranscriberKind.WHISPER_CPP, TranscriberKind.AZURE})
"""Where the service itself settles which model it is."""


class Detail(StrEnum):
    """What more than the text is asked of a service of OpenAI's shape."""

    WORDS = "words"
    LOGPROBS = "logprobs"
    TEXT = "text"


class Parser(StrEnum):
    """When the form's own parser reads a transcript, in a cascade that has a text model."""

    FIRST = "first"
    NEVER = "never"


class TranscriberSettings(Section):
    """One way to write down what was said: a model behind a client."""

    kind: TranscriberKind = Field(description="how the service wants to be asked")
    client: str = Field(description="which of understand.clients it asks")
    model: str | None = Field(None, pattern=r"^[^\s?#]+$", description="the model's name, on Azure the deployment's")
    detail: Detail | None = Field(None, description="what to ask for beside the text; unset: by the model's name")
    hints: bool = Field(True, description="send the form's labels and units along, as words to expect")
    max_seconds: float = Field(
        SHORT_AUDIO_S, ge=5, le=300, description="longer sound than this goes in pieces, cut at pauses, seconds"
    )
    text_in_usd: float | None = Field(None, ge=0, le=10_000, description="price of text sent, USD per million tokens")
    audio_in_usd: float | None = Field(None, ge=0, le=10_000, description="price of sound sent, USD per million tokens")
    out_usd: float | None = Field(None, ge=0, le=10_000, description="price of the answer, USD per million tokens")
    minute_usd: float | None = Field(None, ge=0, le=1000, description="price of sound sent, USD per minute")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.model is None and self.kind not in NAMELESS:
            raise ValueError(f"model is not set; a transcriber of kind {self.kind} needs the name of one")
        if self.kind in {TranscriberKind.GOOGLE, TranscriberKind.AZURE} and self.max_seconds > SHORT_AUDIO_S:
            raise ValueError(f"max_seconds is above {SHORT_AUDIO_S}, the most that {self.kind} takes")
        return self
