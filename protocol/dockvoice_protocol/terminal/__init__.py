"""What people read on a terminal or in a log: lines on stdout and stderr, plain text, tables that fit, exit codes."""

from __future__ import annotations

import logging
import sys

from dockvoice_protocol.terminal.plain_text import escape_lines

EXIT_CODES = (
    "Exit codes: 0 done; 1 what was looked at is not as it must be; 2 wrong usage; 66 a file is missing or "
    "unreadable; 69 something outside (broker, sound card) is not there now; 74 the disk refused; 75 not finished or "
    "already running: try again; 78 a setting, form or catalogue must be corrected; 130 interrupted."
)
"""The epilogue of every command's help that can fail in these ways."""


def log_warnings_to_stderr(*info_loggers: logging.Logger) -> None:
    """Set up logging: warnings and errors go to stderr, a line each; of `info_loggers` everything from INFO on."""
    from dockvoice_protocol.terminal.tables import configure_logging

    configure_logging(sys.stderr, logging.WARNING, "%(levelname)s %(message)s")
    for one in info_loggers:
        one.setLevel(logging.INFO)


def print_lines(text: str) -> None:
    """Print a line, or several, on stdout with unsafe characters escaped."""
    if sys.stdout is not None:  # None: the program was started without one
        sys.stdout.write(escape_lines(text) + "\n")


def print_to_stderr(text: str) -> None:
    """Print a remark on stderr, beside what programs read, with unsafe characters escaped."""
    if sys.stderr is not None:
        sys.stderr.write(escape_lines(text) + "\n")
        sys.stderr.flush()
