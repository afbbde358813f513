"""The kinds of connectors: each is an entry point that names a class of settings, which makes its connector.

A distribution adds a kind by an entry point of its own in the group `dockvoice.connectors`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.settings import ConnectionSettings

GROUP = "dockvoice.connectors"


def kinds() -> dict[str, EntryPoint]:
    """Every kind that is installed, by its name; none of them is imported."""
    return {one.name: one for one in sorted(entry_points(group=GROUP))}


def settings_of(kind: str, path: object) -> type[ConnectionSettings]:
    """The settings of a kind that the file at `path` names. Raises Misconfigured."""
    installed = kinds()
    if kind not in installed:
        raise Misconfigured(f"{path}: kind is {kind!r}, allowed are {', '.join(installed)}; set kind")
    try:
        found: type[ConnectionSettings] = installed[kind].load()
    except (ImportError, AttributeError) as fault:
        named = f"{GROUP} {kind} = {installed[kind].value!r}"
        raise Misconfigured(f"{path}: {named} cannot be loaded: {fault}; install its distribution again") from None
    return found
