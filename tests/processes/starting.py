"""Programs of the tests: by day they are forks of a process that has imported what they need (`fork_server.py`).

A run starts programs some hundreds of times, and what each would import takes longer than what most of them do then.
Such a child has all that makes a process: a number, memory, files, signals and an end of its own. Only how it came by
its modules, the shipped forms and the recogniser's weights is another; at night, beside sound, and where something
stands before the command (strace, another user, another clock), or with a version of Python not tried yet, Python
itself is started.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import signature
from pathlib import Path
from threading import Lock
from typing import Any

from tests.processes.fork_server import LENGTH, read
from tests.sharing import ROOT, WITH_SOUND, Sound
from tests.tiers import TIER, Tier

OURS = ("LD_", "PYTHON", "LC_", "LANG")  # How the names of variables begin that change a program before its first line.

PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")

PR_SET_CHILD_SUBREAPER = 36

TRIED = {(3, 11)}
"""Versions of Python whose Popen was looked at: the step that makes the process is its own affair, and may change."""


class Forked(subprocess.Popen[Any]):
    """A program of Python in a process of its own; all but its start is as `subprocess` has it."""

    def _execute_child(self, *how: Any) -> None:
        usual = super()._execute_child  # type: ignore[misc] # typeshed has nothing private
        given = signature(usual).bind(*how).arguments
        words, environment = list(map(str, given["args"])), given["env"] or os.environ
        if not can_be_forked(words, environment):
            usual(*how)
            return
        order = {
            "words": words[1:],
            "environment": dict(environment),
            "directory": str(given["cwd"] or Path.cwd()),
            "session": given["start_new_session"],
        }
        files = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        self.pid = mother().bear(order, [own if file == -1 else file for own, file in enumerate(files)])
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in PIPES))  # type: ignore[attr-defined]


def way(version: tuple[int, int]) -> type[subprocess.Popen[Any]]:
    """What starts programs with this version of Python: with one that was not tried its own Popen, which is slower."""
    return Forked if version in TRIED else subprocess.Popen


Started = way(sys.version_info[:2])


def can_be_forked(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether nothing but its imports would be another in a fork. What hears and speaks is timed, and no fork."""
    names = [name for name in {*environment, *os.environ} if name.startswith(OURS)]
    alike = all(environment.get(name) == os.environ.get(name) for name in names)
    timed = WITH_SOUND.isdisjoint({Sound.NONE})
    ordinary = TIER is Tier.NIGHTLY or Started is not Forked
    return not ordinary and not timed and words[0] == sys.executable and alike


def run(
    command: Sequence[str | Path], timeout_s: float = 60, told: str | None = None, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with what it is told on its input; what it printed and its exit code."""
    how |= {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if told is not None:
        how["stdin"] = subprocess.PIPE
    with Started(list(map(str, command)), **how) as process:
        try:
            printed, complaints = process.communicate(told, timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, printed, complaints)


class Mother:
    """The process that has imported everything, and this end of the line to it."""

    def __init__(self) -> None:
        # So that a child of hers, whose parent ends at once, is ours: killed, waited for and counted as any other.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._line, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.processes.fork_server", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT)
        self._one_at_a_time = Lock()

    def bear(self, order: Mapping[str, Any], files: Sequence[int]) -> int:
        """Start a program with these as its input, output and errors; the number of its process."""
        told = json.dumps(order).encode()
        with self._one_at_a_time:
            socket.send_fds(self._line, [LENGTH.pack(len(told))], files)
            self._line.sendall(told)
            (number,) = LENGTH.unpack(read(self._line, LENGTH.size))
        return int(number)

    def end(self) -> None:
        """She bears no more children; those that live go on."""
        self._line.close()
        self._process.wait()


@cache
def mother() -> Mother:
    """The one of this process."""
    one = Mother()
    atexit.register(one.end)
    return one
