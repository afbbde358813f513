"""A life recorded system call by system call: every change it makes to a file, and every sync, in order (strace)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.oracle.faults import SYNCS, Under

CONTENT = ("write", "pwrite64", "ftruncate", "fallocate")
NAMES = ("openat", "rename", "unlink", "mkdir")
"""With `SYNCS`, every call by which the agent, Python and SQLite change a file, its name, or what is durable."""

LEDGER = "writev"  # The call by which the ledger is written, and nothing else.

STRANGE = (
    *("creat", "link", "linkat", "renameat", "renameat2", "unlinkat", "rmdir", "mkdirat", "truncate"),
    *("pwritev", "pwritev2", "sendfile", "copy_file_range", "sync_file_range"),
)
"""Calls that would change a file too, and that the model of the disk does not know: it must not overlook them."""

LONGEST = 1_000_000  # Bytes of one write that strace shows: all of them.

_LINE = re.compile(r"(\d+) +(?:<\.\.\. \w+ resumed>)?(.*)")
_UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+)")
_OPEN = re.compile(r"<((?:\\x..)+)>")
_NUMBER = re.compile(r", (\d+)")
_QUOTED = re.compile(r'"((?:\\x..)*)"')


@dataclass(frozen=True)
class Call:
    """One system call that succeeded: its paths and its data, decoded."""

    name: str
    result: int
    open: tuple[Path, ...]  # The files its descriptors stand for, in order.
    quoted: tuple[bytes, ...]  # Its strings: names and data.
    arguments: str  # As strace wrote them, for its flags.

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it is about: those of its descriptors, then those it names."""
        return (*self.open, *(Path(os.fsdecode(name)) for name in self.quoted))

    @property
    def numbers(self) -> list[int]:
        """Its numbers, a descriptor at the first place excepted."""
        return [int(number) for number in _NUMBER.findall(self.arguments)]


def recorded(log: Path) -> Under:
    """How to start a program so that every change it makes to a file is recorded in `log`."""
    how = ("strace", "-f", "-qq", "-y", "-xx", "--seccomp-bpf", "-s", f"{LONGEST}", "-o", f"{log}")
    return Under((*how, f"--trace={','.join((*CONTENT, *NAMES, *SYNCS, LEDGER, *STRANGE))}", "--"))


def read(log: Path) -> Iterator[Call]:
    """The calls in the order in which they ended."""
    begun: dict[str, str] = {}
    for line in log.read_text(encoding="ascii").splitlines():
        if not (found := _LINE.fullmatch(line)):
            continue
        thread, told = found.groups()
        told = begun.pop(thread, "") + told
        if told.endswith(_UNFINISHED):
            begun[thread] = told.removesuffix(_UNFINISHED)
        elif found := _CALL.match(told):
            yield Call(
                found[1],
                int(found[3]),
                tuple(Path(os.fsdecode(_decoded(path))) for path in _OPEN.findall(told)),
                tuple(map(_decoded, _QUOTED.findall(found[2]))),
                found[2],
            )


def noted(calls: Iterable[Call]) -> Iterator[bytes]:
    """What was entered into the ledger by these calls."""
    return (call.quoted[0] for call in calls if call.name == LEDGER)


def _decoded(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.replace("\\x", ""))
