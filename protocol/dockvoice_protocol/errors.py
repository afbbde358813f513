"""Errors, typed by what the caller must do next.

A message says where, what was found, what is allowed, and what to do. It is read on a terminal or in the service's
journal, so it is one line and never carries a secret. `exit_code` follows sysexits.h, which systemd and shell scripts
know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class DockvoiceError(Exception):
    """An error with a clear one-line message. Abstract: one of its subclasses is raised."""

    exit_code: ClassVar[int] = 70


class Misconfigured(DockvoiceError):
    """A person must correct a setting, a form or a catalogue; trying again changes nothing. Exit code 78."""

    exit_code = 78


class ManyFaults(Misconfigured):
    """Several faults in one file; `faults` has a line for each."""

    def __init__(self, message: str, faults: Sequence[str]) -> None:
        """`message` has all of them in one line."""
        super().__init__(message)
        self.faults = tuple(faults)


class UnreadableInput(DockvoiceError):
    """An input file is missing, or is not what it should be; choose another one. Exit code 66."""

    exit_code = 66


class Unavailable(DockvoiceError):
    """An external service (broker, database, model, sound card) is unavailable; try again. Exit code 69."""

    exit_code = 69


class StorageFailed(DockvoiceError):
    """The disk refused: free space, correct permissions or replace it before recording anything. Exit code 74."""

    exit_code = 74


def describe_os_error(fault: OSError | UnicodeError) -> str:
    """The reason of a failed read or write, without errno, and without bytes that may belong to a secret."""
    return (fault.strerror or type(fault).__name__) if isinstance(fault, OSError) else "not UTF-8 text"


def permission_error(fault: PermissionError) -> UnreadableInput:
    """The error for a file that this user may not access."""
    return UnreadableInput(
        f"{fault.filename}: {describe_os_error(fault)}; run this as the user whose file it is (runuser -u)"
    )


class AlreadyRunning(DockvoiceError):
    """Another process owns the journal or the device; stop that one first. Exit code 75."""

    exit_code = 75


class Unfinished(DockvoiceError):
    """The work is stored safely but not finished in time: run the command again to continue. Exit code 75."""

    exit_code = 75
