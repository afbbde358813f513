"""The device as a process: conversations held step by step through `dockvoice talk --plays -`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Json = dict[str, Any]


class Device:
    """One process, which holds one conversation after the other."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edge", "talk", "--plays", "-"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, told: Json) -> Json:
        """The answer to one line of the protocol. Raises RuntimeError where that is an error, or the device died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: Json = json.loads(line) if line else {"error": "the device ended"}
        if "error" in answer:
            raise RuntimeError(f"{told}: {answer['error']}")
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate()
