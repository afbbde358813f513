"""What may be set about the way to the inventory: `[deliver]`."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from edge.config.mqtt import Mqtt, MqttVersion
from edge.config.section import Section


def _topic_prefix(prefix: str) -> str:
    # MQTT 5, 4.7: + and # are wildcards, and topics that begin with $ belong to the broker.
    if not re.fullmatch(r"[^+#/\s$][^+#/\s]*(/[^+#/\s]+)*", prefix):
        raise ValueError("topic levels are allowed, joined by one /, without +, # or spaces, and no $ first")
    return prefix


class Settle(StrEnum):
    """What ends the debt of an outbox row."""

    RECEIPT = "receipt"
    BROKER = "broker"


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
