"""The `dockvoice` command as a user runs it, in a process of its own or in that of the tests; and what a process
answers, line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.command import main
from tests.processes.starting import Started, run

DOCKVOICE = [sys.executable, "-m", "edge"]


def dockvoice(*arguments: str | Path, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; what it printed and its exit code."""
    return run([*DOCKVOICE, *arguments], timeout_s)


def called(*arguments: str | Path, capfd: pytest.CaptureFixture[str]) -> subprocess.CompletedProcess[str]:
    """The same in the process of the tests, for what ends before it begins to work: it takes milliseconds."""
    command, code = [*map(str, arguments)], 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["dockvoice", *command])
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(command, code, *capfd.readouterr())


def started(arguments: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """Start the command, its output in `log`; the caller ends it."""
    with log.open("ab") as output:
        return Started([*DOCKVOICE, *map(str, arguments)], stdout=output, stderr=output)


def answer(child: subprocess.Popen[str]) -> dict[str, Any]:
    """The next thing the child says; pytest's own time limit ends a wait for nothing."""
    assert child.stdout is not None
    said: dict[str, Any] = json.loads(child.stdout.readline() or '{"ended": true}')
    return said
