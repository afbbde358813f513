"""What may be set about the broker: `[deliver.mqtt]`, and `[mqtt]` of the inventory."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from edge.config.section import Section


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
