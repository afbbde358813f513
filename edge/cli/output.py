"""What commands print: lines and tables on stdout, what goes wrong on stderr."""

from __future__ import annotations

import logging
import sys


def log_warnings() -> None:
    """Let warnings and errors of the running parts appear on stderr, a line each."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")


def line(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
