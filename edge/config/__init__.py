"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once.

`settings` says what may be set, `layers` how the sources are laid over each other, `faults` how what is wrong is told,
`places` where the shipped files and a broker are. The rooms import from here.
"""

from edge.config.layers import Layered, load
from edge.config.places import broker_address, shipped
from edge.config.settings import (
    Agree,
    Deliver,
    Endpoint,
    Engine,
    Forms,
    Hear,
    Keep,
    Mqtt,
    MqttVersion,
    Name,
    Section,
    Settings,
    Settle,
    Understand,
    Vad,
    VadKind,
    Watch,
)

__all__ = [
    "Agree",
    "Deliver",
    "Endpoint",
    "Engine",
    "Forms",
    "Hear",
    "Keep",
    "Layered",
    "Mqtt",
    "MqttVersion",
    "Name",
    "Section",
    "Settings",
    "Settle",
    "Understand",
    "Vad",
    "VadKind",
    "Watch",
    "broker_address",
    "load",
    "shipped",
]
