"""What may be set about who reads an utterance, and whose reading counts: `[understand]`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from edge.config.cloud import ClientSettings, InterpreterSettings, TableName
from edge.config.naming import Name
from edge.config.section import Section
from edge.config.transcribing import TranscriberSettings


class Engine(StrEnum):
    """The on-device recognisers."""

    VOSK = "vosk"
    POCKETSPHINX = "pocketsphinx"


class Mode(StrEnum):
    """Whose reading of an utterance counts."""

    ON_DEVICE = "on-device"
    CLOUD_FIRST = "cloud-first"
    PANEL = "panel"
    CASCADE = "cascade"


class Understand(Section):
    """The interpreter."""

    mode: Mode = Field(Mode.ON_DEVICE, description="whose reading counts")
    first: str | None = Field(None, description="which of understand.interpreters is asked first")
    fallback: tuple[str, ...] = Field((), description="those asked in its place when it does not answer, in order")
    second: str | None = Field(None, description="which one gives the panel an independent opinion")
    deadline_ms: int = Field(1200, ge=100, le=30_000, description="longest wait for all readings together, ms")
    hedge_ms: int | None = Field(
        None, ge=50, le=30_000, description="with no answer after so long another request is sent, ms"
    )
    daily_budget_usd: float | None = Field(
        None, ge=0, le=100_000, description="once spent, the device reads alone until midnight, USD"
    )
    deferred_per_minute: int = Field(
        20, ge=1, le=600, description="so many deferred utterances are read in a minute, at most"
    )

    engine: Engine | Literal["auto"] = Field("auto", description="auto: vosk where its weights are, else pocketsphinx")
    model: Name = Field("small-en-us", description="which weights of `dockvoice models list` vosk uses")
    models_directory: Path | None = Field(
        None, description="where weights are kept; unset: models in $CACHE_DIRECTORY, else in ~/.cache/dockvoice"
    )
    clients: dict[TableName, ClientSettings] = Field(default_factory=dict, description="services, by a name of yours")
    interpreters: dict[TableName, InterpreterSettings] = Field(
        default_factory=dict, description="ways to read an utterance, by a name of yours"
    )
    transcribers: dict[TableName, TranscriberSettings] = Field(
        default_factory=dict, description="ways to write down what was said, by a name of yours"
    )

    @model_validator(mode="after")
    def _seated(self) -> Self:
        """Every mode needs somebody to ask, and nobody is independent of himself."""
        if self.mode in {Mode.CLOUD_FIRST, Mode.CASCADE} and self.first is None:
            raise ValueError(f"mode is {self.mode}, but first is not set; name one of the interpreters")
        if self.mode is Mode.PANEL and self.first is None and self.second is None:
            raise ValueError("mode is panel, but neither first nor second is set; name one of the interpreters")
        if self.fallback and self.first is None:
            raise ValueError("fallback is set, but first is not; name first the one that is asked first")
        if self.second is not None and self.second in {self.first, *self.fallback}:
            raise ValueError(f"second is {self.second}, which is asked already; name an independent interpreter")
        return self
