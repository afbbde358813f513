"""Settings of the inventory: the broker, the database and the forms.

Loaded with `dockvoice_protocol.config.load_settings`. Precedence, highest first: the command line, the environment
(`DOCKVOICE_INVENTORY_DATABASE=…`, `DOCKVOICE_INVENTORY_MQTT__HOST=…`), credentials (files of the same names in
`$CREDENTIALS_DIRECTORY`), the TOML file, the defaults below. `config/inventory.toml` lists every key; a test compares
the two.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from dockvoice_protocol import systemd
from dockvoice_protocol.config import LayeredSettings, Mqtt, MqttVersion, Name, Place, Prefix, Section, SecuredLink
from dockvoice_protocol.instants import find_zone
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.systemd import Unit, default_state_directory, is_service_directory, refuse_root_for_others
from inventory.words import check_language


class DossierSettings(Section):
    """`[dossier]`: signed files of what trailers brought."""

    key: Place | None = Field(None, description="the private key that signs dossiers: Ed25519, PEM")
    folder: Place | None = Field(
        None, description="where one is written as soon as a trailer is closed; unset: nowhere"
    )
    language: Annotated[str, AfterValidator(partial(check_language, "dossier"))] = Field(
        "en", description="what their page is in"
    )
    receipts: tuple[str, ...] = Field(
        ("receive",), description="forms whose entries are receipts, beside those that say what they expect"
    )
    damages: tuple[str, ...] = Field(("damage",), description="forms whose entries report damage beside a receipt")

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.folder is not None and self.key is None:
            raise ValueError("folder is set without key: no dossier goes out unsigned; name a private key")
        return self


def _time_zone(name: str) -> str:
    return find_zone(name).key


def _web_address(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.username:
        raise ValueError("the beginning of an address is allowed, such as https://dock.example")
    return given


class ConsoleSettings(Section):
    """`[console]`: the supervisors' web pages."""

    host: str = Field("127.0.0.1", min_length=1, description="the address on which it listens")
    port: int = Field(8088, ge=1, le=65535, description="the port on which it listens")
    address: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None, description="how browsers reach it, such as https://dock.example; unset: http, on host and port"
    )
    key: Place | None = Field(None, description="the private key that signs decisions: Ed25519, PEM")
    zone: Annotated[str, AfterValidator(_time_zone)] = Field("UTC", description="the site's time zone")
    language: Annotated[str, AfterValidator(partial(check_language, "frame"))] = Field(
        "en", description="where a browser asks for none of ours"
    )
    session_hours: float = Field(10, gt=0, le=168, description="so long a sign-in lasts, hours")
    silent_minutes: float = Field(30, gt=0, le=10_000, description="a device without a link for so long is an alarm")
    per_operator: bool = Field(
        False, description="whether figures are shown of single operators; else of five together at the least"
    )
    proxy: str | None = Field(
        None, min_length=1, description="the address of the proxy before it; limits go by the addresses that this saw"
    )
    proxy_header: str | None = Field(
        None, pattern="^[A-Za-z0-9-]+$", description="the header in which that proxy says who has signed in at it"
    )

    @model_validator(mode="after")
    def _believed(self) -> Self:
        if self.proxy_header is not None and self.proxy is None:
            raise ValueError("proxy_header is set without proxy: anybody could send it; name the proxy's address")
        return self


class ApiSettings(Section):
    """`[api]`: the REST API for other systems."""

    host: str = Field("127.0.0.1", min_length=1, description="the address on which it listens")
    port: int = Field(8089, ge=1, le=65535, description="the port on which it listens")
    address: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None, description="how programs reach it, such as https://dock-api.example; unset: http, on host and port"
    )
    per_minute: float = Field(600, ge=1, le=1_000_000, description="requests of one token within a minute, at most")


class ClipSettings(Section):
    """`[clips]`: the recordings that devices sent."""

    folder: Place | None = Field(None, description="where they are; unset: clips in the state directory")
    days: int = Field(30, ge=1, le=3650, description="kept for so long, days")
    budget_mb: float = Field(1000, ge=1, le=1_000_000, description="all of them together, MB; the oldest go")
    free_mb: float = Field(
        500, ge=0, le=1_000_000, description="so much of the disk is left to everything else, MB; else they wait"
    )


class ConsumerSettings(Section):
    """`[consumer]`: batches, and sharing among consumers."""

    batch: int = Field(
        500, ge=1, le=10_000, description="so many messages are on the way here at most, and are applied at once"
    )
    share: Name | None = Field(
        None, description="consumers that name the same share the events among them; unset: each gets all"
    )
    hold_s: float = Field(
        10, ge=0.1, le=600, description="what another of them has yet to bring is waited for so long, seconds"
    )


class SaslMechanism(StrEnum):
    """How a user shows a password to Kafka."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class KafkaSettings(SecuredLink):
    """`[kafka]`: events from a Kafka topic."""

    servers: str | None = Field(
        None, min_length=3, description="HOST:PORT[,HOST:PORT...]; unset: events come over MQTT alone"
    )
    topic: str = Field("dockvoice.entries", min_length=1, description="where a bridge writes the devices' entries")
    group: Name = Field("dockvoice-inventory", description="consumers of one group share the topic's partitions")
    session_s: float = Field(
        10, ge=6, le=300, description="the partitions of a consumer that is gone go to others after so long, seconds"
    )
    applied: str | None = Field(
        None, min_length=1, description="the topic to which applied events are written; unset: nowhere"
    )
    mechanism: SaslMechanism = Field(
        SaslMechanism.SCRAM_SHA_512, description="how the user shows the password, where there is one"
    )

    @property
    def hosts(self) -> list[str]:
        """As for `SecuredLink`."""
        every = self.servers.split(",") if self.servers else []
        return [one.strip().rpartition(":")[0].strip("[]") or one.strip() for one in every]

    @property
    def sends_password(self) -> bool:
        """As for `SecuredLink`: with SCRAM what is sent was computed from it."""
        return bool(self.servers and self.password) and self.mechanism is SaslMechanism.PLAIN

    @property
    def protocol(self) -> str:
        """Kafka's name for TLS and a user, each with or without."""
        return ("SASL_" if self.username else "") + ("SSL" if self.tls else "PLAINTEXT")


class InventorySettings(LayeredSettings):
    """All settings of the receiving side."""

    model_config = SettingsConfigDict(env_prefix="DOCKVOICE_INVENTORY_")

    prefix: Prefix = Field("dockvoice", description="first level(s) of every topic")
    client_id: Name = Field(
        "dockvoice-inventory", description="this consumer's name at the broker, which keeps its messages under it"
    )
    database: SecretStr | None = Field(
        None, min_length=1, description="SQLAlchemy URL; unset: the file inventory.db in the state directory"
    )
    state_directory: Place | None = Field(
        None,
        description="where inventory.db is; unset: $STATE_DIRECTORY, else the unit's, else ~/.local/state/dockvoice",
    )
    forms_directory: Place | None = Field(None, description="where *.schema.json are; unset: the shipped forms")
    keys_directory: Place | None = Field(
        None, description="the public keys of the devices that may enter; unset: keys in the state directory"
    )
    trust_first_use: bool = Field(
        False, description="enrol the key that a device without any first shows on its status topic"
    )
    message_kb: float = Field(256, ge=1, le=100_000, description="a larger message is put aside, kB")
    rejected_mb: float = Field(50, ge=1, le=100_000, description="all that is put aside together, MB; the oldest goes")
    rejected_days: int = Field(30, ge=1, le=3650, description="what is put aside is kept for so long, days")
    mqtt: Mqtt = Mqtt()
    consumer: ConsumerSettings = ConsumerSettings()
    kafka: KafkaSettings = KafkaSettings()
    dossier: DossierSettings = DossierSettings()
    console: ConsoleSettings = ConsoleSettings()
    api: ApiSettings = ApiSettings()
    clips: ClipSettings = ClipSettings()

    @model_validator(mode="after")
    def _can_share(self) -> Self:
        if self.consumer.share is not None and self.mqtt.version is MqttVersion.V311:
            raise ValueError("consumer.share is set, and mqtt.version is 3.1.1, which shares nothing; set 5 or auto")
        return self

    repairs: ClassVar[str] = "every key is explained in config/inventory.toml"
    unit: ClassVar[Unit | None] = Unit(
        settings=systemd.SETTINGS,
        state=systemd.STATE / "dockvoice-inventory",
        credentials={
            ("database",): "dockvoice-inventory.database",
            ("mqtt", "password"): "dockvoice-inventory.mqtt-password",
            ("kafka", "password"): "dockvoice-inventory.kafka-password",
        },
    )

    @property
    def state(self) -> Path:
        """The directory of the embedded database."""
        return self.state_directory or default_state_directory(self.unit_state_directory)

    def demand_owner(self) -> None:
        """Raise Misconfigured if root would serve from a service's own directory, where root's files would remain."""
        if is_service_directory(self.state):
            refuse_root_for_others(self.state)

    @property
    def database_url(self) -> str:
        """The database's SQLAlchemy URL. It may hold a password and must not be logged."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.state.absolute() / 'inventory.db'}"

    @property
    def clips_folder(self) -> Path:
        """The directory of recordings."""
        return self.clips.folder or self.state / "clips"

    @property
    def keys(self) -> Path:
        """The directory of the devices' public keys."""
        return self.keys_directory or self.state / "keys"

    @property
    def forms(self) -> Path:
        """The directory of the forms."""
        return self.forms_directory or shipped_directory("schemas") / "forms"
