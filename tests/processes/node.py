"""Programs for node, which find what the Makefile has put into .cache/node."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path


def node(repository: Path, program: str, *arguments: str, given: str = "") -> list[object]:
    # Where its modules are found; a name of its own, since other tests ask too.
    script = repository / ".cache" / "node" / f"asked-{os.getpid()}.mjs"
    script.write_text(program)
    ended = subprocess.run(["node", script, *arguments], input=given, capture_output=True, text=True, check=False)
    script.unlink()
    assert ended.returncode == 0, ended.stderr
    said: list[object] = json.loads(ended.stdout)
    return said
