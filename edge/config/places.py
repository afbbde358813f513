"""Where things are: the files that came with the program, its state, and a broker named on the command line."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from edge.errors import Misconfigured


def shipped(name: str) -> Path:
    """The directory `name` (`schemas` or `config`) that came with the program.

    Inside the wheel it lies in `edge/shipped`; in a checkout, at its own place in the tree. Raises Misconfigured.
    """
    package = Path(str(resources.files("edge")))
    inside = package / "shipped" / name
    if inside.is_dir():
        return inside
    tree = package.parent / name
    if tree.is_dir():
        return tree
    raise Misconfigured(f"{tree}: the shipped {name} are missing; install dockvoice again")


def state_place() -> Path:
    """Where state is kept if no setting says otherwise: $STATE_DIRECTORY, as systemd gives it, else the user's own."""
    # systemd gives a colon-separated list when a unit names several; the first is ours.
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dockvoice"


def broker_address(given: str) -> dict[str, str]:
    """The settings `host` and, if given, `port` in HOST, HOST:PORT, or an IPv6 address in brackets before the colon.

    Raises Misconfigured for anything else.
    """
    parts = urlsplit(f"//{given}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.netloc != given or parts.username is not None:
        raise Misconfigured(f"--broker: found {given!r}, allowed is HOST or HOST:PORT, for example localhost:1883")
    return {"host": host} if port is None else {"host": host, "port": str(port)}
