"""The `dockvoice` command: `main` lists and ends it, each other module has a command or a group of them."""

from edge.cli.main import main

__all__ = ["main"]
