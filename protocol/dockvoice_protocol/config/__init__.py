"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once."""

from dockvoice_protocol.config.sections import (
    LEVEL,
    Mqtt,
    MqttVersion,
    Name,
    Place,
    Prefix,
    Section,
    parse_broker_address,
)
from dockvoice_protocol.config.sources import Layered, load_settings
from dockvoice_protocol.config.units import (
    Unit,
    create_directory,
    create_file,
    default_state_directory,
    is_service_directory,
    refuse_root_for_others,
    user_name,
)
from dockvoice_protocol.plain_file import shipped_directory
