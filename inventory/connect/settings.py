"""What a connector can be told: a file of its own, beside the inventory's, with what every kind of them has.

Loaded with `edge.config.load`: options, then the environment (`DOCKVOICE_CONNECT_TRYTON__PASSWORD=...`), then systemd's
credentials of the same names, then the file. The database and the broker are those of the inventory's own settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from edge.config import Layered, Name, Place, Unit, demand_owner, units
from inventory.connect.ports import Connector


class ConnectionSettings(Layered):
    """What every connector can be told. A kind adds a table of its own."""

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

    repairs: ClassVar[str] = "every key is explained in config/connect/"
    unit: ClassVar[Unit | None] = Unit(
        settings=units.SETTINGS / "connect",
        credentials={
            ("tryton", "password"): "dockvoice-connect.%i.tryton-password",
            ("odoo", "key"): "dockvoice-connect.%i.odoo-key",
            ("erpnext", "secret"): "dockvoice-connect.%i.erpnext-secret",
            ("webhook", "secret"): "dockvoice-connect.%i.webhook-secret",
            ("webhook", "old_secret"): "dockvoice-connect.%i.webhook-old-secret",
        },
    )


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """A kind of connector."""

    settings: Callable[[], type[ConnectionSettings]]
    connector: Callable[[Any], Connector]  # Of the settings of its kind.


def _tryton_settings() -> type[ConnectionSettings]:
    from inventory.connect.tryton_books import TrytonConnection  # noqa: PLC0415 - who has another loads none of it

    return TrytonConnection


def _tryton(settings: Any) -> Connector:
    from inventory.connect.tryton import Tryton  # noqa: PLC0415 - see above

    return Tryton(settings.tryton)


def _odoo_settings() -> type[ConnectionSettings]:
    from inventory.connect.odoo import OdooConnection  # noqa: PLC0415 - see above

    return OdooConnection


def _odoo(settings: Any) -> Connector:
    from inventory.connect.odoo import Odoo  # noqa: PLC0415 - see above

    return Odoo("odoo", settings.odoo)


def _erpnext_settings() -> type[ConnectionSettings]:
    from inventory.connect.erpnext import ErpNextConnection  # noqa: PLC0415 - see above

    return ErpNextConnection


def _erpnext(settings: Any) -> Connector:
    from inventory.connect.erpnext import ErpNext  # noqa: PLC0415 - see above

    return ErpNext("erpnext", settings.erpnext)


def _webhook_settings() -> type[ConnectionSettings]:
    from inventory.connect.webhook import WebhookConnection  # noqa: PLC0415 - see above

    return WebhookConnection


def _webhook(settings: Any) -> Connector:
    from inventory.connect.webhook import Webhook  # noqa: PLC0415 - see above

    return Webhook("webhook", settings.webhook)


def _csv_settings() -> type[ConnectionSettings]:
    from inventory.connect.csv_folder import CsvConnection  # noqa: PLC0415 - see above

    return CsvConnection


def _csv(settings: Any) -> Connector:
    from inventory.connect.csv_folder import CsvFolder  # noqa: PLC0415 - see above

    if settings.csv.folder.is_dir():  # what is not mounted is waited for
        demand_owner(settings.csv.folder)
    return CsvFolder("csv", settings.csv)


KINDS: Mapping[str, ConnectorKind] = {
    "tryton": ConnectorKind(_tryton_settings, _tryton),
    "odoo": ConnectorKind(_odoo_settings, _odoo),
    "erpnext": ConnectorKind(_erpnext_settings, _erpnext),
    "csv": ConnectorKind(_csv_settings, _csv),
    "webhook": ConnectorKind(_webhook_settings, _webhook),
}
"""By the name that a connector has where its file says no other."""
