"""The process that bears the programs of the tests: it has imported and read what they need; each is a fork of it.

`python -m tests.processes.fork_server FD`: orders come, and the numbers of processes go, by the socket of that number.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import runpy
import socket
import struct
import sys
import termios
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.rough import surrounding_phrases
from edge.understand.local.vosk import load_model

MODULES = (
    "edge.agent.app",
    "edge.agent.doctor",
    "dockvoice_protocol.command",
    "edge.cli.queue",
    "edge.cli.run",
    "edge.keep.journal",
    "edge.understand.local.factory",
    "inventory.cli.main",
    "inventory.cli.service",
    "lab.evaluate_command",
    "lab.standin.server",
    "pytest",
)
"""What takes long to import. None of them opens a sound device, or starts a thread, as it is imported."""

FORMS = Path(__file__).parent.parent.parent / "schemas" / "forms"
WEIGHTS = Path(os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", "")) / "small-en-us"
"""What most programs read as they start; one with other forms or weights reads those itself."""

STANDARD = 3  # File descriptors: input, output, errors.

LENGTH = struct.Struct("<q")


def read(line: socket.socket, length: int) -> bytes:
    """So many bytes; fewer where nobody is at the other end any more."""
    whole = b""
    while len(whole) < length and (piece := line.recv(length - len(whole))):
        whole += piece
    return whole


def next_child(line: socket.socket) -> Mapping[str, Any] | None:
    """Wait for an order and fork: in the child, what it is to be; None, in the mother, where nobody orders any more."""
    while True:
        head, files, _, _ = socket.recv_fds(line, LENGTH.size, STANDARD)
        if not head:
            return None
        order = read(line, *LENGTH.unpack(head))
        reading, writing = os.pipe()
        # Whoever ordered it is to be its parent: he is given the children of a parent that has ended.
        if (between := os.fork()) == 0:
            if (number := os.fork()) == 0:
                for own, file in enumerate(files):
                    os.dup2(file, own)
                for file in (*files, reading, writing, line.detach()):
                    os.close(file)
                return dict(json.loads(order))
            os.write(writing, LENGTH.pack(number))
            os._exit(0)
        os.waitpid(between, 0)
        line.sendall(os.read(reading, LENGTH.size))
        for file in (*files, reading, writing):
            os.close(file)


def warm_up() -> None:
    """Read what each child would read again, a second of its start: forms, phrases, weights."""
    load_forms(FORMS)
    surrounding_phrases(language_named("en"))
    if WEIGHTS.is_dir():
        load_model(WEIGHTS)


def become(child: Mapping[str, Any]) -> None:
    """Run the program as Python would have started it."""
    if child["session"]:
        os.setsid()
        if os.isatty(0):  # what a person sits at sends signals to those who are led
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(child["environment"])
    time.tzset()
    os.chdir(child["directory"])
    # As Python opens them when it starts: what they lead to decides how they are buffered.
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    how, *words = child["words"]
    match how:
        case "-m":
            sys.argv = words
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        case "-c":
            program, *rest = words
            sys.argv = ["-c", *rest]
            sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(program, "<string>", "exec"), sys.modules["__main__"].__dict__)  # noqa: S102 - a test's own
        case path:
            sys.argv = [path, *words]
            runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    for module in MODULES:
        import_module(module)
    warm_up()
    gc.collect()
    gc.freeze()  # the children leave these pages alone
    opened = (sys.stdin, sys.stdout, sys.stderr)  # kept: without them the files beneath are closed
    if (asked := next_child(socket.socket(fileno=int(sys.argv[1])))) is not None:
        become(asked)
