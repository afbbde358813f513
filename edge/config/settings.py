"""What the agent can be told: one class per table of the settings file, one field per key.

`config/edge.toml` lists every key with its unit, what is allowed and its default; a test holds the two together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from edge.config.cloud import GOOGLE_WIRE, ClientSettings, InterpreterKind, InterpreterSettings, TableName
from edge.config.faults import Key
from edge.config.layers import Layered
from edge.config.places import shipped
from edge.config.section import Section
from edge.config.sound_device import SoundDevice
from edge.config.speaking import Speak
from edge.config.transcribing import TranscriberSettings


def _topic_level(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise ValueError("letters, digits, - and _ are allowed, a letter or digit first, 63 at most")
    return name


def _topic_prefix(prefix: str) -> str:
    # MQTT 5, 4.7: + and # are wildcards, and topics that begin with $ belong to the broker.
    if not re.fullmatch(r"[^+#/\s$][^+#/\s]*(/[^+#/\s]+)*", prefix):
        raise ValueError("topic levels are allowed, joined by one /, without +, # or spaces, and no $ first")
    return prefix


Name = Annotated[str, AfterValidator(_topic_level)]
"""A site, device or client name: it becomes an MQTT topic level, so neither `/`, `+` nor `#`."""


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


class Forms(Section):
    """What may be said."""

    active: Name = Field("pallet-move", description="the form operators fill")
    directory: Path | None = Field(None, description="where *.schema.json are; unset: the shipped forms")
    catalogue: Path | None = Field(None, description="where the catalogues' *.csv are; unset: the shipped ones")


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


class PolicyName(StrEnum):
    """How the site weighs questions against errors."""

    STRICT = "strict"
    BALANCED = "balanced"
    FAST = "fast"


class Agree(Section):
    """What it takes to be sure."""

    policy: PolicyName = Field(PolicyName.BALANCED, description="how questions weigh against errors")
    minimum_confidence: float | None = Field(
        None, ge=0, le=1, description="a field less likely to be right than this is asked for; unset: by the policy"
    )
    conversation: bool | Literal["auto"] = Field(
        "auto",
        description="hold entries, ask, correct and cancel by voice; false: one utterance is one entry; "
        "auto: where there is a speaker to be heard",
    )
    undo_s: float = Field(4, ge=1, le=60, description="an entry is held for so long after its readback, seconds")
    patience_s: float = Field(8, ge=2, le=120, description="an answer is waited for so long, twice, seconds")
    operators: dict[str, str] = Field(
        default_factory=dict, description="who may sign on: the name as spoken, to the one on record; none: nobody must"
    )


class Keep(Section):
    """The journal's disk. 1 MB is 1,000,000 bytes."""

    budget_mb: float = Field(
        4000,
        ge=1,
        le=1_000_000,
        description="all recordings together; beyond it settled ones are removed, MB",
    )
    entries_mb: float = Field(
        4000,
        ge=1,
        le=1_000_000,
        description="the journal and its second copy together; beyond it the oldest settled entries are removed, MB",
    )
    retention_days: int = Field(90, ge=1, le=3650, description="settled recordings older than this are removed, days")
    alarm_free_mb: float = Field(
        500,
        ge=1,
        le=1_000_000,
        description="with less free space there is an alarm, and settled ones make room, MB",
    )
    stop_free_mb: float = Field(
        100, ge=0.5, le=100_000, description="with less free space nothing more is recorded, MB"
    )
    reserve_mb: float = Field(
        16, ge=0, le=1000, description="space held back, so that what was said last can still be kept, MB"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.alarm_free_mb <= self.stop_free_mb:
            raise ValueError("alarm_free_mb is not more than stop_free_mb: the alarm must come before recording stops")
        return self


class Settle(StrEnum):
    """What ends the debt of an outbox row."""

    RECEIPT = "receipt"
    BROKER = "broker"


class MqttVersion(StrEnum):
    """Which protocol to speak."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


class Mqtt(Section):
    """How to reach the broker."""

    host: str = Field("localhost", min_length=1, description="the broker's name or address")
    port: int = Field(1883, ge=1, le=65535, description="the broker's port; 8883 is usual with TLS")
    version: MqttVersion = Field(
        MqttVersion.AUTO, description="auto: MQTT 5, and 3.1.1 where the broker knows no better"
    )
    username: str | None = Field(None, min_length=1, description="the broker's user name")
    password: SecretStr | None = Field(
        None, min_length=1, description="better given as the credential or variable, not in the file"
    )
    tls: bool = Field(False, description="encrypt, and verify the broker's certificate")
    ca_file: Path | None = Field(
        None, description="authority that signed the broker's certificate; unset: the system's"
    )
    certificate_file: Path | None = Field(None, description="the client's certificate, for mutual TLS")
    key_file: Path | None = Field(None, description="the client's private key, for mutual TLS")
    keepalive_s: int = Field(15, ge=5, le=3600, description="a dead link is noticed within twice this, seconds")
    reconnect_maximum_s: float = Field(
        30, ge=1, le=600, description="longest wait between two tries to connect, seconds"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Settings that would do nothing without another one: better a fault than a connection in the clear."""
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError("a certificate file is given, but tls is false; set tls = true")
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file is given without certificate_file; give both")
        if self.password and not self.username:
            raise ValueError("password is given without username; give both")
        return self


class Deliver(Section):
    """The way to the inventory."""

    prefix: Annotated[str, AfterValidator(_topic_prefix)] = Field(
        "dockvoice", description="first level(s) of every topic"
    )
    settle: Settle = Field(
        Settle.RECEIPT, description="what ends the debt: the inventory's receipt, or the broker's PUBACK"
    )
    receipt_timeout_s: float = Field(
        20, ge=1, le=3600, description="sent, not settled for so long: sent again, seconds"
    )
    window: int = Field(16, ge=1, le=1000, description="events on the way at one time, at most")
    control: bool = Field(False, description="take orders (mute, talk) from the device's control topic")
    mqtt: Mqtt = Mqtt()

    @model_validator(mode="after")
    def _settles_on_a_word(self) -> Self:
        if self.settle is Settle.BROKER and self.mqtt.version is MqttVersion.V311:
            raise ValueError(
                'settle is "broker", but mqtt.version is "3.1.1", in which a broker acknowledges what it refuses; '
                'set mqtt.version = "5", or settle = "receipt"'
            )
        return self


class Watch(Section):
    """The agent's own health."""

    stall_s: float = Field(
        30, ge=1, le=600, description="a microphone that gives no sound for this long ends the agent, seconds"
    )
    zeros_s: float = Field(
        1.5, ge=0.5, le=600, description="so long nothing but zeros from a microphone is no fault, seconds"
    )
    fault_command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="run at each fault of the microphone, and when it is over"
    )


class Settings(Layered):
    """Everything the agent can be told."""

    model_config = SettingsConfigDict(env_prefix="DOCKVOICE_")

    site: Name = Field("site", description="the site's name, second level of every topic")
    device: Name = Field("device", description="this device's name, unique on the site: it owns a sequence of events")
    operator: str | None = Field(
        None, min_length=1, description="who speaks, as it goes on record; unset: nobody is named"
    )
    state_directory: Path | None = Field(
        None, description="journal and recordings; unset: $STATE_DIRECTORY, else ~/.local/state/dockvoice"
    )
    hear: Hear = Hear()
    forms: Forms = Forms()
    understand: Understand = Understand()
    agree: Agree = Agree()
    speak: Speak = Speak()
    keep: Keep = Keep()
    deliver: Deliver = Deliver()
    watch: Watch = Watch()

    repairs: ClassVar[str] = "every key is explained in config/edge.toml"
    # The inventory may run on the same machine, and the tests tell themselves where the weights are.
    foreign: ClassVar[tuple[str, ...]] = ("DOCKVOICE_INVENTORY_", "DOCKVOICE_TEST_")

    def contradictions(self) -> Iterator[tuple[Key, str]]:
        """Interpreters and transcribers that name what nobody has set up."""
        understand = self.understand
        seats = [("first", understand.first), ("second", understand.second)]
        for seat, taken_by in (*seats, *(("fallback", one) for one in understand.fallback)):
            yield from _unknown(("understand", seat), taken_by, understand.interpreters)
        yield from _no_cascade(understand)
        yield from _unknown(("speak", "client"), self.speak.client, understand.clients)
        for name, interpreter in understand.interpreters.items():
            here = ("understand", "interpreters", name)
            yield from _unknown((*here, "client"), interpreter.client, understand.clients)
            yield from _unknown((*here, "transcriber"), interpreter.transcriber, understand.transcribers)
            yield from (((*here, key), f"must be given for kind {interpreter.kind}") for key in interpreter.missing)
            yield from _of_another_kind((*here, "kind"), interpreter, understand.clients.get(interpreter.client or ""))
        for name, transcriber in understand.transcribers.items():
            yield from _unknown(("understand", "transcribers", name, "client"), transcriber.client, understand.clients)

    @property
    def state(self) -> Path:
        """Where the journal and the recordings are kept."""
        if self.state_directory is not None:
            return self.state_directory
        # systemd gives a colon-separated list when a unit names several; the first is ours.
        if given := os.environ.get("STATE_DIRECTORY"):
            return Path(given.split(":")[0])
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dockvoice"

    @property
    def models(self) -> Path:
        """Where the weights of recognisers are kept."""
        if self.understand.models_directory is not None:
            return self.understand.models_directory
        if given := os.environ.get("CACHE_DIRECTORY"):
            return Path(given.split(":")[0]) / "models"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dockvoice" / "models"

    @property
    def forms_directory(self) -> Path:
        """Where the form files are."""
        return self.forms.directory or shipped("schemas") / "forms"

    @property
    def catalogue_directory(self) -> Path:
        """Where the catalogue files are."""
        return self.forms.catalogue or shipped("config") / "catalogue"


def _no_cascade(understand: Understand) -> Iterator[tuple[Key, str]]:
    """The fault of mode cascade where what is asked first is none."""
    first = understand.interpreters.get(understand.first or "")
    if understand.mode is Mode.CASCADE and first is not None and first.kind is not InterpreterKind.CASCADE:
        told = (
            f"is {understand.first!r}, of kind {first.kind}, but mode is cascade; name a cascade, or set another mode"
        )
        yield ("understand", "first"), told


def _of_another_kind(
    key: Key, interpreter: InterpreterSettings, client: ClientSettings | None
) -> Iterator[tuple[Key, str]]:
    """The fault of an audio model that is asked in another way than its client's service understands."""
    google = {InterpreterKind.GEMINI: True, InterpreterKind.CHAT_AUDIO: False}.get(interpreter.kind)
    if client is not None and google is not None and google != (client.kind in GOOGLE_WIRE):
        yield (
            key,
            f"is {interpreter.kind}, but client {interpreter.client!r} is of kind {client.kind}; change one of them",
        )


def _unknown(key: Key, named: str | None, tables: Mapping[str, object]) -> Iterator[tuple[Key, str]]:
    """The fault of a key that names a table which is not there. The key is called as one of the tables is."""
    if named is not None and named not in tables:
        known = ", ".join(tables) or "none"
        yield key, f"no {key[-1]} is called {named!r}; known: {known}; add [understand.{key[-1]}s.NAME]"
