"""Settings of a connector: a file of its own beside the inventory's, and the installed kinds.

Precedence: options, the environment (`DOCKVOICE_CONNECT_TRYTON__PASSWORD=...`), systemd credentials of the same names,
the file. Database and broker are those of the inventory's settings. A kind is an entry point in the group
`dockvoice.connectors` that names its settings class; other distributions can add kinds.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dockvoice_protocol import systemd
from dockvoice_protocol.config import LayeredSettings, Name, Place
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.systemd import Unit
from inventory.connect.ports import Connector


class ConnectionSettings(LayeredSettings):
    """Settings of every connector. Each kind has a subclass with its own table, which creates its connector."""

    model_config = SettingsConfigDict(env_prefix="DOCKVOICE_CONNECT_")

    kind: str | None = Field(None, description="which kind it is; unset: the name of the connector says it")
    site: Name = Field(description="the site whose entries are posted")
    forms: tuple[str, ...] = Field(
        ("receive", "receive-notice", "unload"), min_length=1, description="forms whose entries are posted"
    )
    since: datetime | None = Field(
        None, description="what the inventory received before is not posted; unset: all of it, from the first entry on"
    )
    not_received: tuple[str, ...] = Field(
        ("refused",), description="exceptions with which a pallet was turned away: nothing of it is posted"
    )
    key: Place | None = Field(
        None, description="the private key that signs refusals and lists for devices; unset: [console] key"
    )
    pull: tuple[Literal["expected", "items", "operators"], ...] = Field(
        (), description="what is pulled and published to the devices while it runs"
    )
    pull_minutes: float = Field(5, ge=0.05, le=1440, description="how often it is pulled, minutes")
    poll_s: float = Field(1, ge=0.05, le=3600, description="how often it is looked what is to be posted, seconds")
    left_alone_s: float = Field(
        30,
        ge=0.1,
        le=3600,
        description="so long after a call without an answer the other system may still be at work on it, seconds",
    )

    option: ClassVar[str] = "--settings"
    repairs: ClassVar[str] = "every key is explained in config/connect/"
    unit: ClassVar[Unit | None] = Unit(
        settings=systemd.SETTINGS / "connect",
        credentials={
            ("tryton", "password"): "dockvoice-connect.%i.tryton-password",
            ("odoo", "key"): "dockvoice-connect.%i.odoo-key",
            ("erpnext", "secret"): "dockvoice-connect.%i.erpnext-secret",
            ("webhook", "secret"): "dockvoice-connect.%i.webhook-secret",
            ("webhook", "old_secret"): "dockvoice-connect.%i.webhook-old-secret",
        },
    )

    @abstractmethod
    def connector(self) -> Connector:
        """The connector that these settings describe. Raises Misconfigured."""


_GROUP = "dockvoice.connectors"


def connector_kinds() -> dict[str, EntryPoint]:
    """The installed kinds by name; none is imported."""
    return {one.name: one for one in sorted(entry_points(group=_GROUP))}


def settings_class_of_kind(kind: str, path: object) -> type[ConnectionSettings]:
    """The settings class of a kind named by the file at `path`. Raises Misconfigured."""
    installed = connector_kinds()
    if kind not in installed:
        raise Misconfigured(f"{path}: kind is {kind!r}, allowed are {', '.join(installed)}; set kind")
    try:
        found: type[ConnectionSettings] = installed[kind].load()
    except (ImportError, AttributeError) as fault:
        named = f"{_GROUP} {kind} = {installed[kind].value!r}"
        raise Misconfigured(f"{path}: {named} cannot be loaded: {fault}; install its distribution again") from None
    return found
