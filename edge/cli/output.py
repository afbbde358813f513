"""What commands print: lines and tables on stdout, what goes wrong on stderr."""

from __future__ import annotations

import logging
import sys

from rich.console import Console, RenderableType


def log_warnings() -> None:
    """Let warnings and errors of the running parts appear on stderr, a line each."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")


def show(table: RenderableType) -> None:
    """Print a table for people."""
    Console(highlight=False).print(table)


def line(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
