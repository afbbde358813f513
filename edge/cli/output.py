"""What commands print: lines and tables on stdout, what goes wrong on stderr."""

from __future__ import annotations

import logging
import sys


def log_warnings(*besides: logging.Logger) -> None:
    """Let warnings and errors of the running parts appear on stderr, a line each; all that goes `besides` as well."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    for one in besides:
        one.setLevel(logging.INFO)


def line(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
