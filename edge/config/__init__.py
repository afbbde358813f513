"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once.

`settings` says what may be set, table by table (`hearing`, `understanding`, …), `layers` how the sources are laid over
each other, `faults` how what is wrong is told, `places` where the shipped files and a broker are. The rooms import from
here.
"""

from edge.config.agreeing import Agree, PolicyName
from edge.config.cloud import (
    EU_REGIONS,
    GOOGLE_WIRE,
    ClientKind,
    ClientSettings,
    InterpreterKind,
    InterpreterSettings,
    KeyHeader,
    TableName,
)
from edge.config.delivering import Deliver, Settle
from edge.config.forms import Forms
from edge.config.hearing import Endpoint, Hear, ListeningMode, Vad, VadKind
from edge.config.keeping import Keep
from edge.config.layers import Layered, load
from edge.config.mqtt import Mqtt, MqttVersion
from edge.config.naming import Name
from edge.config.places import broker_address, shipped, state_place
from edge.config.section import Section
from edge.config.settings import Settings
from edge.config.sound_device import SoundDevice
from edge.config.speaking import Language, ReadBack, Speak, VoiceKind
from edge.config.transcribing import Detail, Parser, TranscriberKind, TranscriberSettings
from edge.config.understanding import Engine, Mode, Understand
from edge.config.watching import Watch

__all__ = [
    "EU_REGIONS",
    "GOOGLE_WIRE",
    "Agree",
    "ClientKind",
    "ClientSettings",
    "Deliver",
    "Detail",
    "Endpoint",
    "Engine",
    "Forms",
    "Hear",
    "InterpreterKind",
    "InterpreterSettings",
    "Keep",
    "KeyHeader",
    "Language",
    "Layered",
    "ListeningMode",
    "Mode",
    "Mqtt",
    "MqttVersion",
    "Name",
    "Parser",
    "PolicyName",
    "ReadBack",
    "Section",
    "Settings",
    "Settle",
    "SoundDevice",
    "Speak",
    "TableName",
    "TranscriberKind",
    "TranscriberSettings",
    "Understand",
    "Vad",
    "VadKind",
    "VoiceKind",
    "Watch",
    "broker_address",
    "load",
    "shipped",
    "state_place",
]
