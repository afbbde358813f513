"""The `dockvoice` command: `main` ends it, `hearing` has what hears, the others a group of commands each."""

from edge.cli.main import main

__all__ = ["main"]
