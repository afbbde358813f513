"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once."""

from dockvoice_protocol.config.sections import LEVEL, Mqtt, MqttVersion, Name, Place, Prefix, Section, broker_address
from dockvoice_protocol.config.sources import Layered, load
from dockvoice_protocol.config.units import (
    Unit,
    create_directory,
    create_file,
    demand_owner,
    is_of_a_service,
    state_place,
    user_named,
)
from dockvoice_protocol.plain_file import shipped
