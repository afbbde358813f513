"""Settings that agent and inventory share: names, places, the broker."""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.terminal.plain_text import LONGEST, is_plain


def _require_path(path: object) -> object:
    # An empty path would be the working directory of a service, or the settings file's own.
    if path == "":
        raise ValueError("should name a file or a directory, found nothing")
    return path


Place = Annotated[Path, BeforeValidator(_require_path)]  # A file or a directory.


def _require_plain_text(name: str) -> str:
    if not is_plain(name) or len(name) > LONGEST:
        raise ValueError(
            f"letters, digits, marks and blanks are allowed, {LONGEST} at most, no control or invisible characters"
        )
    return name


Person = Annotated[str, Field(min_length=1), AfterValidator(_require_plain_text)]
"""An operator's name as it goes on record: plain text by the schemas of events."""


class Section(BaseModel):
    """A table of the settings file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")  # The name of a site or a device.


def _require_topic_level(name: str) -> str:
    if not LEVEL.fullmatch(name):
        raise ValueError("letters, digits, - and _ are allowed, a letter or digit first, 63 at most")
    return name


Name = Annotated[str, AfterValidator(_require_topic_level)]
"""A site, device or client name: an MQTT topic level, so neither `/`, `+` nor `#`."""


class MqttVersion(StrEnum):
    """The MQTT version to use: 5, 3.1.1, or tried in turn."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


class Mqtt(Section):
    """Settings of the connection to the broker."""

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
    insecure: bool = Field(
        False,
        description="take a link that others can read on the way: no TLS beyond this machine, or a password",
    )
    ca_file: Place | None = Field(
        None, description="authority that signed the broker's certificate; unset: the system's"
    )
    certificate_file: Place | None = Field(None, description="the client's certificate, for mutual TLS")
    key_file: Place | None = Field(None, description="the client's private key, for mutual TLS")
    keepalive_s: int = Field(15, ge=5, le=3600, description="a dead link is noticed within twice this, seconds")
    reconnect_maximum_s: float = Field(
        3, ge=1, le=600, description="longest wait between two tries to connect, seconds"
    )

    @model_validator(mode="after")
    def _refuse_ineffective(self) -> Self:
        """Refuse settings without effect, such as a CA file without TLS: the link would be in the clear."""
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError("a certificate file is given, but tls is false; set tls = true")
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file is given without certificate_file; give both")
        if self.password and not self.username:
            raise ValueError("password is given without username; give both")
        return self

    @property
    def exposed(self) -> str | None:
        """What others on the network could read or forge, in words; None for a private link."""
        if self.tls:
            return None
        if self.password is not None:
            return "the password goes in the clear"
        return None if _is_loopback(self.host) else f"all that is said goes to {self.host} in the clear"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"  # RFC 6761: the name of this machine and of no other


def _require_topic_prefix(prefix: str) -> str:
    # MQTT 5, 4.7: + and # are wildcards, and topics that begin with $ belong to the broker.
    if not (re.fullmatch(r"[^+#/\s$][^+#/\s]*(/[^+#/\s]+)*", prefix) and is_plain(prefix)):
        raise ValueError(
            "topic levels are allowed, joined by one /, without +, #, spaces or control characters, and no $ first"
        )
    return prefix


Prefix = Annotated[str, AfterValidator(_require_topic_prefix)]  # The first level or levels of every topic.


def parse_broker_address(given: str) -> dict[str, str]:
    """Parse HOST, HOST:PORT, or an IPv6 address in brackets into the settings `host` and `port`.

    Raises Misconfigured for anything else.
    """
    parts = urlsplit(f"//{given}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.netloc != given or parts.username is not None:
        raise Misconfigured(f"--broker: found {given!r}, allowed is HOST or HOST:PORT, for example localhost:1883")
    return {"host": host} if port is None else {"host": host, "port": str(port)}
