"""A program that the tests start as a fork is, but for its start, as one that Python itself started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes.starting import TRIED, Forked, Started, can_be_forked, way

TOLD = """
import json, os, sys, threading
print(json.dumps([sys.argv[1:], sys.stdin.read(), os.getcwd(), dict(os.environ), __name__, sys.stdout.line_buffering,
    sorted(os.listdir("/proc/self/fd")), threading.active_count(), os.getsid(0) == os.getpid(), os.getppid()]))
print("beside", file=sys.stderr)
"""


@pytest.mark.parametrize(
    "program",
    [TOLD, "raise SystemExit(7)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit('why')"],
    ids=["told", "code", "signal", "words"],
)
def test_it_ends_and_tells_as_one_that_python_started(program: str, tmp_path: Path) -> None:
    ended = []
    ways: tuple[Any, ...] = (Started, subprocess.Popen)
    for start in ways:
        with start(
            [sys.executable, "-c", program, "one", "two words"],
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
            text=True,
            cwd=tmp_path,
            env={**os.environ, "TOLD": "é\n"},
            start_new_session=True,
        ) as process:
            ended.append((process.communicate("said"), process.returncode))
    assert ended[0] == ended[1]


@pytest.mark.parametrize(
    ("command", "besides"),
    [(("strace", sys.executable), {}), ((sys.executable,), {"LD_PRELOAD": "x"}), ((sys.executable,), {"LANG": "x"})],
)
def test_what_would_begin_otherwise_is_started_by_python(command: tuple[str, ...], besides: dict[str, str]) -> None:
    assert not can_be_forked(command, {**os.environ, **besides})


@pytest.mark.parametrize("version", [(3, 10), (3, 12), (4, 0)])
def test_with_a_python_that_was_not_tried_nothing_of_its_own_is_touched(version: tuple[int, int]) -> None:
    assert way(version) is subprocess.Popen
    assert {way(tried) for tried in TRIED} == {Forked}
