"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once.

Precedence, highest first: environment (`DOCKVOICE_DELIVER__MQTT__HOST=…`), credentials (files in
`$CREDENTIALS_DIRECTORY`), the TOML file, the defaults below. `config/edge.toml` lists every key with its unit and
default; a test holds the two together.
"""

from __future__ import annotations

import os
import tomllib
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from edge.errors import Misconfigured

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""A site, device or client name: it becomes an MQTT topic level, so neither `/`, `+` nor `#`."""


class Section(BaseModel):
    """A table of the settings file: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    minimum_speech_ms: int = Field(200, ge=20, le=2000, description="less speech than this is a click or a cough, ms")
    maximum_ms: int = Field(30_000, ge=2000, le=90_000, description="hard end of one utterance, ms")


class Hear(Section):
    """The ear: the sound device and how speech is cut out."""

    device: str | int | None = Field(
        None, description="sounddevice's name or number of the microphone; unset: the default"
    )
    vad: Vad = Vad()
    endpoint: Endpoint = Endpoint()


class Forms(Section):
    """What may be said."""

    active: Name = Field("pallet-move", description="the form operators fill")
    directory: Path | None = Field(None, description="where *.schema.json are; unset: the shipped forms")
    catalogue: Path | None = Field(None, description="where the catalogues' *.csv are; unset: the shipped ones")


class Engine(StrEnum):
    """The on-device recognisers."""

    VOSK = "vosk"
    POCKETSPHINX = "pocketsphinx"


class Understand(Section):
    """The interpreter."""

    engine: Engine | Literal["auto"] = Field("auto", description="auto: vosk where its weights are, else pocketsphinx")
    model: Name = Field("small-en-us", description="which weights of `dockvoice models list` vosk uses")
    models_directory: Path | None = Field(None, description="where weights are kept; unset: ~/.cache/dockvoice/models")


class Agree(Section):
    """What it takes to be sure."""

    minimum_confidence: float = Field(0.9, ge=0, le=1, description="a field resting on a word below this is asked for")


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
    username: str | None = Field(None, description="the broker's user name")
    password: SecretStr | None = Field(None, description="better given as the credential or variable, not in the file")
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


class Deliver(Section):
    """The way to the inventory."""

    prefix: str = Field("dockvoice", pattern=r"^[^+#\s]+$", description="first level(s) of every topic")
    settle: Settle = Field(
        Settle.RECEIPT, description="what ends the debt: the inventory's receipt, or the broker's PUBACK"
    )
    receipt_timeout_s: float = Field(
        20, ge=1, le=3600, description="sent, not settled for so long: sent again, seconds"
    )
    window: int = Field(16, ge=1, le=1000, description="events on the way at one time, at most")
    mqtt: Mqtt = Mqtt()


class Watch(Section):
    """The agent's own health."""

    stall_s: float = Field(5, ge=1, le=60, description="a microphone silent for this long ends the agent, seconds")


class _Layered(BaseSettings):
    """The order in which sources win; the file's content arrives as init arguments."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then credentials, then the file."""
        return (env_settings, _Credentials(settings_cls), init_settings)


class _Credentials(EnvSettingsSource):
    """systemd's `LoadCredential=`: each file of $CREDENTIALS_DIRECTORY is named as the environment variable would be."""

    def _load_env_vars(self) -> dict[str, str | None]:
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory or not Path(directory).is_dir():
            return {}
        prefix = self.env_prefix.lower()
        files = (path for path in Path(directory).iterdir() if path.name.lower().startswith(prefix))
        return {path.name.lower(): path.read_text(encoding="utf-8").rstrip("\n") for path in files}


class Settings(_Layered):
    """Everything the agent can be told."""

    model_config = SettingsConfigDict(env_prefix="DOCKVOICE_")

    site: Name = Field("site", description="the site's name, second level of every topic")
    device: Name = Field("device", description="this device's name, unique on the site: it owns a sequence of events")
    operator: str | None = Field(None, description="who speaks, as it goes on record; unset: nobody is named")
    state_directory: Path | None = Field(
        None, description="journal and recordings; unset: $STATE_DIRECTORY, else ~/.local/state/dockvoice"
    )
    hear: Hear = Hear()
    forms: Forms = Forms()
    understand: Understand = Understand()
    agree: Agree = Agree()
    deliver: Deliver = Deliver()
    watch: Watch = Watch()

    repairs: ClassVar[str] = "every key is explained in config/edge.toml"

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
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dockvoice" / "models"

    @property
    def forms_directory(self) -> Path:
        """Where the form files are."""
        return self.forms.directory or shipped("schemas") / "forms"

    @property
    def catalogue_directory(self) -> Path:
        """Where the catalogue files are."""
        return self.forms.catalogue or shipped("config") / "catalogue"


S = TypeVar("S", bound=_Layered)


def load(model: type[S], path: Path | None, **overrides: Any) -> S:
    """Read `path` (None: defaults only) into `model`; `overrides` from the command line win over the file.

    Raises Misconfigured with one line naming the file and every key at fault.
    """
    content = _toml(path) if path is not None else {}
    try:
        return model(**_merged(content, overrides))
    except ValidationError as fault:
        faults = "; ".join(_told(error) for error in fault.errors(include_url=False))
        where = str(path) if path is not None else "settings"
        raise Misconfigured(f"{where}: {faults} ({getattr(model, 'repairs', 'see config/')})") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"{path}: no such file; name another with --config") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault}); it must be a readable UTF-8 file") from None
    except tomllib.TOMLDecodeError as fault:
        raise Misconfigured(f"{path}: is not TOML: {fault}; mend that line") from None


def _merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _told(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"{key}: no such key"
    found = error["input"]
    secret = "password" in key or isinstance(found, dict)
    return f"{key}: {error['msg']}" + ("" if secret else f", found {found!r}")


def shipped(name: str) -> Path:
    """The directory `name` (`schemas`, `config` or `recordings`) that came with the program.

    Inside the wheel it lies in `edge/shipped`; in a checkout, at its own place in the tree.
    """
    package = Path(str(resources.files("edge")))
    inside = package / "shipped" / name
    if inside.is_dir():
        return inside
    tree = package.parent / {"recordings": "tests/data/speech/demo"}.get(name, name)
    if tree.is_dir():
        return tree
    raise Misconfigured(f"{tree}: the shipped {name} are missing; install dockvoice again")
