"""Database access for the commands of `dockvoice console` and `dockvoice api`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from dockvoice_protocol.errors import Misconfigured
from inventory.cli.options import Given, user_name
from inventory.settings import InventorySettings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from inventory.store.request_database import RequestDatabase

_Opener = Callable[[InventorySettings], "AbstractContextManager[RequestDatabase]"]
"""Opens the database, and creates missing tables."""

EXTRA_PACKAGES = ("argon2", "jinja2", "multipart", "starlette", "uvicorn")  # Installed by the extra [console].


def demand_extra() -> None:
    """Raise Misconfigured unless the packages of the extra [console] are installed."""
    if missing := [name for name in EXTRA_PACKAGES if find_spec(name) is None]:
        raise Misconfigured(f"{', '.join(missing)}: not installed; pip install 'dockvoice-inventory[console]'")


@contextmanager
def open_transaction(given: Given, opener: _Opener, *, reads: bool = False) -> Iterator[Connection]:
    """One transaction; with `reads` a read-only one."""
    with opener(given.settings) as opened, opened.read() if reads else opened.open() as transaction:
        yield transaction


@contextmanager
def audited(given: Given, opener: _Opener, deed: str, about: str, **details: object) -> Iterator[Connection]:
    """One transaction that ends with a line of the audit log."""
    from inventory.audit import audit_log  # noqa: PLC0415 - `--help` waits for no SQLAlchemy
    from inventory.web.resources import load_console_signer  # noqa: PLC0415 - as above

    signer = load_console_signer(given.settings)
    with open_transaction(given, opener) as transaction:
        yield transaction
        done = audit_log.UserAction(user_name(), "terminal", deed, about, details)
        audit_log.record_action(transaction, done, datetime.now(UTC), signer)
