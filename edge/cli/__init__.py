"""The `dockvoice` command: `main` lists and ends it, each other module has a command or a group of them."""

from dockvoice_protocol.command import main

__all__ = ["main"]
