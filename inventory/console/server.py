"""The console's server: runs until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from socket import socket

import uvicorn
from starlette.applications import Starlette

from dockvoice_protocol.hash_chain import Signer
from inventory.clips.clip_folder import ClipFolder
from inventory.clips.clips import ClipStore
from inventory.console import accounts
from inventory.console.app import create_app
from inventory.console.context import ConsoleResources
from inventory.console.live import Broadcaster
from inventory.console.sounds import DeviceSounds, NoSounds, Sounds
from inventory.forms import load_forms
from inventory.settings import ConsoleSettings, InventorySettings
from inventory.store.books import RequestDatabase
from inventory.store.keys import KeyDirectory
from inventory.web.resources import load_console_signer, open_database_with_tables
from inventory.web.serving import LOOPBACK, run_server, server_config

log = logging.getLogger("console")


def serve(settings: InventorySettings, port: int | None = None) -> None:
    """Serve pages. Raises Misconfigured, Unavailable or StorageFailed where it cannot start."""
    settings.demand_owner()
    ours = settings.console
    at, signer = port or ours.port, load_console_signer(settings)
    if signer is None:
        log.warning("console.key is not set: nothing can be decided here; name a private key")
    if ours.host not in LOOPBACK and not (ours.address or "").startswith("https:"):
        log.warning("console.host is %s without https: passwords can be read on the way; use a proxy", ours.host)
    with open_database_with_tables(settings) as opened:
        _warn_of_accounts_unlike_settings(opened, ours)
        resources = ConsoleResources(
            settings,
            opened,
            load_forms(settings.forms),
            KeyDirectory(settings.keys),
            signer,
            lambda: datetime.now(UTC),
            _create_sounds(settings, opened, signer),
        )
        server = Server(create_app(resources), ours.host, at)
        log.info("open %s", ours.address or f"http://{ours.host}:{at}")
        run_server(server)
        log.info("stopped")


def _warn_of_accounts_unlike_settings(books: RequestDatabase, ours: ConsoleSettings) -> None:
    """Log accounts that sign in otherwise than the settings suggest."""
    with books.read() as transaction:
        users = accounts.load_users(transaction)
    by_proxy = ", ".join(one.name for one in users if not one.by_password)
    by_password = ", ".join(one.name for one in users if one.by_password)
    if by_proxy and ours.proxy_header is None:
        log.warning("console.proxy_header is not set: %s, added with --by-proxy, cannot sign in; name it", by_proxy)
    if by_password and ours.proxy_header is not None:
        message = "%s signs nobody in who has a password: %s go on using theirs; for the proxy add them with --by-proxy"
        log.warning(message, ours.proxy_header, by_password)


class Server(uvicorn.Server):
    """Uvicorn that closes the event streams before it waits for open requests."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        """`app` is that of `create`; with port 0 the system chooses one."""
        self._broadcaster: Broadcaster = app.state.broadcaster
        super().__init__(server_config(app, host, port))

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Close the streams, then shut down."""
        self._broadcaster.close()
        await super().shutdown(sockets)


def _create_sounds(settings: InventorySettings, books: RequestDatabase, signer: Signer | None) -> Sounds:
    if signer is None:
        return NoSounds()
    folder = ClipFolder(settings.clips_folder, settings.clips.free_mb)
    return DeviceSounds(ClipStore(books.engine, lambda: datetime.now(UTC)), folder, signer, settings.prefix)
