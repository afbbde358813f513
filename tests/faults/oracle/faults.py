"""What can be done to a process and its disk from outside: system calls that kill or fail, a false clock, a small disk.

Each kind of `Under` is a way to start a program so that the fault befalls it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Under:
    """What stands before a command, and what is added to its environment."""

    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


NOTHING = Under()

SYNCS = ("fsync", "fdatasync")
"""By the first a recording and its name are made durable, by the second SQLite's log and file."""


def interleaved(calls: Mapping[str, int]) -> list[tuple[str, int]]:
    """The 1st, 2nd, 3rd … of each call up to the number given for it, the calls mixed evenly."""
    each = [(call, nth) for call, most in calls.items() for nth in range(1, most + 1)]
    return sorted(each, key=lambda one: one[1] / calls[one[0]])


def killed_at(call: str, number: int) -> Under:
    """SIGKILL when a thread enters the system call `call` for the `number`th time, before the kernel carries it out."""
    return _strace(call, f"signal=SIGKILL:when={number}")


def failing(call: str, number: int, error: str, *, onwards: bool = False) -> Under:
    """The `number`th system call `call` of each thread fails with `error` (EIO, EROFS), and does nothing.

    `onwards`: so does every one after it.
    """
    when = f"{number}+" if onwards else f"{number}"
    return _strace(call, f"error={error}:when={when}", "--seccomp-bpf")  # which makes all other calls fast


def _strace(call: str, fault: str, *options: str) -> Under:
    # strace leaves signals alone that it injected through seccomp; hence seccomp only where errors are.
    return Under(
        ("strace", "-f", "-qq", *options, "-o", "/dev/null", f"--trace={call}", f"--inject={call}:{fault}", "--")
    )


SEEN_S = 1
"""Seconds after which a step is seen. libfaketime could look into its file whenever it is asked for the time; but
threads that wait for one another ask it without a pause."""


class Clock:
    """The wall clock of a process, which can be stepped while it runs; its monotonic clock stays true."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.step("+0")

    def step(self, offset: str) -> None:
        """Let it show the true time and `offset`, as libfaketime writes it: `+1d`, `-1d`, `+0`."""
        changed = self._path.with_suffix(".new")
        changed.write_text(f"{offset}\n", encoding="ascii")
        changed.replace(self._path)  # never read half written

    @property
    def under(self) -> Under:
        """How to start a program that lives by this clock."""
        library = files("libfaketime") / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
        return Under(
            environment={
                "LD_PRELOAD": str(library),
                "FAKETIME_TIMESTAMP_FILE": str(self._path),
                "FAKETIME_CACHE_DURATION": str(SEEN_S),
                "DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        )


class SmallDisk:
    """A file system of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_only(self) -> None:
        """Refuse every write, as a kernel does with a file system it found damaged."""
        self._remount("ro")

    def writable(self) -> None:
        """Allow writing again."""
        self._remount("rw")

    def _remount(self, option: str) -> None:
        _as_root("mount", "-o", f"remount,{option}", str(self.path))


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A new disk of this size, mounted at `path` until the context ends."""
    path.mkdir()
    owner = f"uid={os.getuid()},gid={os.getgid()},mode=700"
    _as_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,{owner}", "dockvoice-oracle", str(path))
    try:
        yield SmallDisk(path)
    finally:
        _as_root("umount", "--lazy", str(path))


def _as_root(*command: str) -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    done = subprocess.run([*sudo, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()} (a disk can only be made by root)"
