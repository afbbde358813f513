"""The `dockvoice` command as a user runs it: a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DOCKVOICE = [sys.executable, "-m", "edge"]


def dockvoice(*arguments: str | Path, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; what it printed and its exit code."""
    command = [*DOCKVOICE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def started(arguments: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """Start the command, its output in `log`; the caller ends it."""
    with log.open("ab") as output:
        return subprocess.Popen([*DOCKVOICE, *map(str, arguments)], stdout=output, stderr=output)
