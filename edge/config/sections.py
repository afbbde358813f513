"""Sections of the settings file, but for the models: `[hear]`, `[agree]`, `[speak]`, `[keep]` and others."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, model_validator

from dockvoice_protocol.config import Mqtt, MqttVersion, Name, PersonName, Place, Prefix, Section
from dockvoice_protocol.instants import find_zone
from dockvoice_protocol.languages import LANGUAGES, OWN


class PolicyName(StrEnum):
    """How a site trades questions against errors."""

    STRICT = "strict"
    BALANCED = "balanced"
    FAST = "fast"


class Agree(Section):
    """Settings of the dialogue: when an entry is sure enough, timeouts, operators."""

    policy: PolicyName = Field(PolicyName.BALANCED, description="how questions weigh against errors")
    minimum_confidence: float | None = Field(
        None, ge=0, le=1, description="a field less likely to be right than this is asked for; unset: by the policy"
    )
    conversation: bool | Literal["auto"] = Field(
        "auto",
        description="hold entries, ask, correct and cancel by voice; false: one utterance is one entry; "
        "auto: once there is a speaker to be heard",
    )
    undo_s: float = Field(4, ge=1, le=60, description="an entry is held for so long after its readback, seconds")
    patience_s: float = Field(8, ge=2, le=120, description="an answer is waited for so long, twice, seconds")
    idle_signoff_minutes: float | None = Field(
        None,
        ge=1,
        le=720,
        description="who says nothing for so long with nothing open is signed off, minutes; unset: nobody",
    )
    operators: dict[str, PersonName] = Field(
        default_factory=dict, description="who may sign on: the name as spoken, to the one on record; none: nobody must"
    )


def _check_time_zone(name: str) -> str:
    return find_zone(name).key


def _check_time_of_day(text: str) -> str:
    if re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text) is None:
        raise ValueError('"HH:MM" is allowed, such as "06:00"')
    return text


_TimeOfDay = Annotated[str, AfterValidator(_check_time_of_day)]  # By the clock on the wall.


def _check_wake_phrase(found: str) -> str:
    if not re.fullmatch(r"[a-z']+( [a-z']+)+", found):
        raise ValueError('should be two words or more in small letters, such as "hello warehouse"')
    return found


_WakePhrase = Annotated[str, AfterValidator(_check_wake_phrase)]


class Workdays(Section):
    """The site's days and shifts."""

    zone: Annotated[str, AfterValidator(_check_time_zone)] | None = Field(
        None, description="the site's time zone; unset: events say no business day"
    )
    begins: _TimeOfDay = Field("00:00", description="when a business day begins, by the clock on the wall")
    shifts: dict[PersonName, _TimeOfDay] = Field(
        default_factory=dict, description="when each shift begins, by its name; it lasts until another one does"
    )

    @model_validator(mode="after")
    def _check_zone_and_shifts(self) -> Self:
        if self.zone is None and (self.shifts or self.begins != "00:00"):
            raise ValueError("begins and shifts are told by a clock, but zone is not set; set the site's time zone")
        if len(set(self.shifts.values())) < len(self.shifts):
            raise ValueError("two shifts begin at the same time; which of them it is nobody could say")
        return self


class Keep(Section):
    """Limits of the journal's disk space and of retention. 1 MB is 1,000,000 bytes."""

    budget_mb: float = Field(
        4000, ge=1, le=1_000_000, description="all recordings together; beyond it settled ones are removed, MB"
    )
    entries_mb: float = Field(
        4000,
        ge=1,
        le=1_000_000,
        description="the journal and its second copy together; beyond it the oldest settled entries are removed, MB",
    )
    retention_days: int = Field(90, ge=1, le=3650, description="settled recordings older than this are removed, days")
    audio_after_receipt: bool = Field(
        default=True, description="whether a recording is kept once the inventory has confirmed its entry"
    )
    alarm_free_mb: float = Field(
        500, ge=1, le=1_000_000, description="with less free space there is an alarm, and settled ones make room, MB"
    )
    stop_free_mb: float = Field(
        100, ge=0.5, le=100_000, description="with less free space nothing more is recorded, MB"
    )
    reserve_mb: float = Field(
        16, ge=0, le=1000, description="space held back, so that what was said last can still be kept, MB"
    )

    @model_validator(mode="after")
    def _check_free_space_limits(self) -> Self:
        if self.alarm_free_mb <= self.stop_free_mb:
            raise ValueError("alarm_free_mb is not more than stop_free_mb: the alarm must come before recording stops")
        return self


def _check_table_name(name: str) -> str:
    # Variables are read without regard to case, and two underscores part the tables in them.
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
        raise ValueError("small letters, digits and single _ are allowed, so that a variable can name it too")
    return name


TableName = Annotated[str, AfterValidator(_check_table_name)]
"""The name of a client, an interpreter or a transcriber: it is part of a variable's name, so no `-` and no capitals."""


class Forms(Section):
    """The forms and catalogues that are used."""

    active: Name = Field("pallet-move", description="the form operators fill, or begin with")
    at_hand: tuple[Name, ...] = Field((), description="the forms that operators may switch between")
    directory: Place | None = Field(None, description="where *.schema.json are; unset: the shipped forms")
    catalogue: Place | None = Field(None, description="where the catalogues' *.csv are; unset: the shipped ones")


def _parse_device(device: object) -> object:
    # Every variable is text, so "2" is the second device and not a device whose name holds a 2.
    return int(device) if isinstance(device, str) and device.isdecimal() else device


SoundDevice = Annotated[Annotated[str, Field(min_length=1)] | StrictInt | None, BeforeValidator(_parse_device)]
"""Sounddevice's name or number of a device; None is its default."""


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
    finished_ms: int = Field(220, ge=220, le=5000, description="the same where the form is complete, ms")
    unfinished_ms: int = Field(
        1500, ge=100, le=5000, description="the same before the entry is whole, or in a number, ms"
    )
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
        None,
        pattern=r"^((KEY|BTN)_[A-Z0-9_]+|[0-9]{1,3})$",
        description="the key that is held to talk, by its Linux name",
    )
    talk_device: Place | None = Field(None, description="the input device of the key; unset: any that has it")
    wake_phrase: _WakePhrase | None = Field(
        None, description="what an utterance begins with that is meant for the device"
    )
    wake_window_s: float = Field(
        8, ge=0, le=120, description="so long after an utterance the next needs no phrase, seconds"
    )
    vad: Vad = Vad()
    endpoint: Endpoint = Endpoint()

    @model_validator(mode="after")
    def _require_wake_phrase(self) -> Self:
        if self.mode is ListeningMode.WAKE_PHRASE and self.wake_phrase is None:
            raise ValueError("mode is wake-phrase, but wake_phrase is not set; choose two words or more")
        return self


class Scan(Section):
    """A barcode scanner that types what it reads."""

    device: Place | None = Field(None, description="the scanner's input device; unset: there is none")
    layout: Literal["us"] = Field("us", description="the keyboard that the scanner is set to be")
    separator: Literal["f8", "ctrl+]", "alt+029"] = Field("f8", description="the key that it types for GS, ASCII 29")
    prefix: str = Field("", max_length=16, pattern=r"^[ -~]*$", description="what it types before each code")
    suffix: str = Field("", max_length=16, pattern=r"^[ -~]*$", description="what it types behind each code")
    symbology: bool = Field(True, description="it types AIM's identifier before each code, such as ]C1")
    sends_separators: bool = Field(False, description="a label has shown that it types the separators")


class VoiceKind(StrEnum):
    """The speech synthesiser: espeak-ng on the device, or a vendor."""

    ESPEAK = "espeak"
    OPENAI = "openai"
    ELEVENLABS = "elevenlabs"
    AZURE = "azure"


class ReadbackPolicy(StrEnum):
    """Which entries are read back."""

    ALWAYS = "always"
    UNSURE = "unsure"


class SpokenLanguage(StrEnum):
    """The languages that prompts and readbacks are spoken in."""

    _ignore_ = ["_members", "_code"]  # noqa: RUF012 - as Enum has it
    _members = vars()
    for _code in LANGUAGES:
        _members[_code] = _code


class Speak(Section):
    """The device's voice: earcons, readbacks and questions."""

    enabled: bool | Literal["auto"] = Field("auto", description="auto: whenever there is a speaker to be heard")
    device: SoundDevice = Field(None, description="sounddevice's name or number of the speaker; unset: the default")
    language: SpokenLanguage = Field(SpokenLanguage(OWN), description="the language of prompts and readbacks")
    read_back: ReadbackPolicy = Field(
        ReadbackPolicy.ALWAYS, description="which entries are read back, beside the sound that tells"
    )
    volume_db: float = Field(0, ge=-24, le=6, description="louder or softer than usual, dB")
    rate: float = Field(1.0, ge=0.6, le=2.0, description="faster or slower than usual, times; espeak only")
    voice: VoiceKind = Field(VoiceKind.ESPEAK, description="who speaks")
    client: TableName | None = Field(None, description="which of understand.clients speaks, for a service")
    model: str | None = Field(None, description="the service's model, on Azure OpenAI the deployment")
    speaker: str | None = Field(None, description="the service's voice, by the service's own name or id")

    @model_validator(mode="after")
    def _require_voice_keys(self) -> Self:
        needed = {
            VoiceKind.ESPEAK: (),
            VoiceKind.OPENAI: ("client", "model", "speaker"),
            VoiceKind.ELEVENLABS: ("client", "model", "speaker"),
            VoiceKind.AZURE: ("client", "speaker"),
        }[self.voice]
        if missing := [key for key in needed if getattr(self, key) is None]:
            unset = "is not set; set it" if len(missing) == 1 else "are not set; set them"
            raise ValueError(f"voice is {self.voice}, but {' and '.join(missing)} {unset}, or voice = espeak")
        return self


class MicrophoneWatch(Section):
    """Thresholds for faults of the microphone, and the command that is run at a fault."""

    stall_s: float = Field(
        30, ge=1, le=600, description="a microphone that gives no sound for this long ends the agent, seconds"
    )
    zeros_s: float = Field(
        1.5, ge=0.5, le=600, description="so long nothing but zeros from a microphone is no fault, seconds"
    )
    gated_zeros_s: float = Field(
        300, ge=0.5, le=3600, description="the same with a headset that has shown to send zeros between words, seconds"
    )
    fault_command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="run at each fault of the microphone, and when it is over"
    )


class SettleBy(StrEnum):
    """What settles an event of the outbox."""

    RECEIPT = "receipt"
    BROKER = "broker"


class ClipPolicy(StrEnum):
    """Which recordings leave the device."""

    NEVER = "never"
    ON_REQUEST = "on_request"
    UNCLEAR = "unclear"


_FLOORED = r"^(roster|expected|catalogue/.+)$"  # The names that `floors` may have.


class Deliver(Section):
    """Settings for delivery to the inventory."""

    prefix: Prefix = Field("dockvoice", description="first level(s) of every topic")
    settle: SettleBy = Field(
        SettleBy.RECEIPT, description="what ends the debt: the inventory's receipt, or the broker's PUBACK"
    )
    receipt_timeout_s: float = Field(
        20, ge=1, le=3600, description="sent, not settled for so long: sent again, seconds"
    )
    window: int = Field(16, ge=1, le=1000, description="events on the way at one time, at most")
    keep_session: bool = Field(
        True, description="the broker keeps the session of an absent device; false: each connection is a new client"
    )
    control: bool = Field(False, description="take orders (mute, talk) from the device's control topic")
    decisions_key: Place | None = Field(
        None, description="public key (PEM) of who decides, announces and names operators for a site; unset: nobody"
    )
    floors: dict[Annotated[str, Field(pattern=_FLOORED)], Annotated[int, Field(ge=0)]] | None = Field(
        None, description="the lowest version taken of roster, expected and catalogue/KIND; unset: any"
    )
    clips: ClipPolicy = Field(
        ClipPolicy.ON_REQUEST, description="which recordings are sent: none, those asked for, or what is unclear too"
    )
    mqtt: Mqtt = Mqtt()

    def lowest_version(self, name: str) -> int:
        """The lowest accepted version of `roster`, `expected` or `catalogue/KIND`, from `floors`; 0 without one."""
        return (self.floors or {}).get(name, 0)

    @model_validator(mode="after")
    def _refuse_broker_settling_by_mqtt_311(self) -> Self:
        if self.settle is SettleBy.BROKER and self.mqtt.version is MqttVersion.V311:
            raise ValueError(
                'settle is "broker", but mqtt.version is "3.1.1", in which a broker acknowledges what it refuses; '
                'set mqtt.version = "5", or settle = "receipt"'
            )
        return self
