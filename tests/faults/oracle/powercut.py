"""A power cut: the disk as it is left when what nobody synced is gone.

A model of a disk that promises no more than POSIX does. What is durable is a file's content since its last sync, and a
name since its directory's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.oracle.faults import SYNCS
from tests.faults.oracle.syscalls import CONTENT, NAMES, STRANGE, Call

MAPPED = "-shm"
"""Ends the name of SQLite's shared memory: written without system calls, never synced, made anew after a crash."""


@dataclass(frozen=True)
class _Change:
    """Data that replaces what is at `offset`; None: the file ends there."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        content.extend(bytes(max(0, self.offset - len(content))))
        if self.data is None:
            del content[self.offset :]
        else:
            content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[_Change] = field(default_factory=list)

    def change(self, change: _Change) -> None:
        change.apply(self.content)
        self.pending.append(change)

    def sync(self) -> None:
        self.durable = bytes(self.content)
        self.pending.clear()


class Disk:
    """The files below `root` after the calls it was given, and how much of them is durable."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._named: dict[Path, _File | None] = {}  # By the name they have now; None is a directory.
        self._durable: dict[Path, _File | None] = {}  # By the name they would have after a power cut.

    def take(self, call: Call) -> None:
        """What `call` changes."""
        paths = [path for path in call.paths if self._ours(path)]
        assert not (paths and call.name in STRANGE), f"the model of the disk lacks {call.name}({call.arguments})"
        if call.name in SYNCS and call.open:
            self._sync(call.open[0])
        elif call.name in CONTENT and call.open and (file := self._named.get(call.open[0])):
            file.change(_change(call, len(file.content)))
        elif call.name in NAMES and paths:
            self._name(call, paths)

    def _name(self, call: Call, paths: list[Path]) -> None:
        match call.name:
            case "mkdir":
                self._named[paths[0]] = None
            case "rename":
                self._named[paths[1]] = self._named.pop(paths[0])
            case "unlink":
                self._named.pop(paths[0], None)
            case "openat" if "O_CREAT" in call.arguments:
                file = self._named.setdefault(paths[-1], _File())
                if file and "O_TRUNC" in call.arguments:
                    file.change(_Change(0, None))

    def leave(self, target: Path, chance: random.Random | None = None) -> None:
        """Write what a power cut leaves below `target`; with `chance`, half of what was not synced arrived too."""
        for path, file in sorted(self._durable.items()):
            if not all(parent in self._durable for parent in path.parents if self._root in parent.parents):
                continue
            place = target / path.relative_to(self._root)
            if file is None:
                place.mkdir(mode=0o700)
            else:
                content = bytearray(file.durable)
                for change in file.pending:
                    if chance is not None and chance.random() < 0.5:
                        change.apply(content)
                place.touch(mode=0o600)  # as the agent makes its files
                place.write_bytes(content)

    def _ours(self, path: Path) -> bool:
        return path.is_relative_to(self._root) and not path.name.endswith(MAPPED)

    def _sync(self, path: Path) -> None:
        if file := self._named.get(path):
            file.sync()
            return
        for name in {*self._named, *self._durable}:
            if name.parent == path and name in self._named:
                self._durable[name] = self._named[name]
            elif name.parent == path:
                del self._durable[name]


def _change(call: Call, end: int) -> _Change:
    """What a call of `CONTENT` does to a file that is `end` bytes long."""
    *_, number = call.numbers
    match call.name:
        case "ftruncate":
            return _Change(number, None)
        case "fallocate":
            return _Change(end, bytes(max(0, call.numbers[-2] + number - end)))
        case "pwrite64":
            return _Change(number, call.quoted[0][: call.result])
        case _:  # files that are only written are written from their beginning to their end
            return _Change(end, call.quoted[0][: call.result])
