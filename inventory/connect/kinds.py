"""The kinds of connectors: of each its settings, and the connector that these make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dockvoice_protocol.config import demand_owner
from inventory.connect.ports import Connector
from inventory.connect.settings import ConnectionSettings


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
