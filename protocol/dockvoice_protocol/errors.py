"""The errors of the house, typed by what whoever catches them must do next.

A message says where, what was found, what is allowed, and what to do. It is written for the person who reads it on a
terminal or in the journal of the service, so it is one line and never carries a secret. `exit_code` follows
sysexits.h, which systemd and shell scripts know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class DockvoiceError(Exception):
    """Something this program can say a clear line about. Never raised itself: one of its children is."""

    exit_code: ClassVar[int] = 70


class Misconfigured(DockvoiceError):
    """A person must correct a setting, a form or a catalogue; trying again changes nothing. Exit code 78."""

    exit_code = 78


class ManyFaults(Misconfigured):
    """Several things in one file must be corrected; `faults` has each in a line of its own."""

    def __init__(self, told: str, faults: Sequence[str]) -> None:
        """`told` is all of it in one line."""
        super().__init__(told)
        self.faults = tuple(faults)


class UnreadableInput(DockvoiceError):
    """A file given to a command is missing, or is not what it should be; choose another one. Exit code 66."""

    exit_code = 66


class Unavailable(DockvoiceError):
    """A thing outside this process (broker, database, model, sound card) is not there now; try again. Exit code 69."""

    exit_code = 69


class StorageFailed(DockvoiceError):
    """The disk refused: free space, mend permissions or replace it before anything more is heard. Exit code 74."""

    exit_code = 74


def plainly(fault: OSError | UnicodeError) -> str:
    """Why a file cannot be read or written, without the number, and without bytes that may be a secret's."""
    return (fault.strerror or type(fault).__name__) if isinstance(fault, OSError) else "not UTF-8 text"


def closed_to_us(fault: PermissionError) -> UnreadableInput:
    """A file that this user may not touch, whatever was to be done with it."""
    return UnreadableInput(f"{fault.filename}: {plainly(fault)}; run this as the user whose file it is (runuser -u)")


class AlreadyRunning(DockvoiceError):
    """Another process owns the journal or the device; stop that one first. Exit code 75."""

    exit_code = 75


class Unfinished(DockvoiceError):
    """The work was kept safely but not brought to its end in time: run the command again to go on. Exit code 75."""

    exit_code = 75
