"""Files that come with the program: `schemas` and `config`, wherever it is installed."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from dockvoice_protocol.errors import Misconfigured


def shipped(name: str) -> Path:
    """The directory `name` (`schemas` or `config`) that came with the program.

    Inside the wheel it lies in `dockvoice_protocol/shipped`; in a checkout, at its own place in the tree.

    Raises Misconfigured.
    """
    package = Path(str(resources.files("dockvoice_protocol")))
    inside = package / "shipped" / name
    if inside.is_dir():
        return inside
    tree = package.parent.parent / name
    if tree.is_dir():
        return tree
    raise Misconfigured(f"{tree}: the shipped {name} are missing; install dockvoice-protocol again")
