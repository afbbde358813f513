"""The version of the four distributions, made of what is in them, and that they require each other in it.

0.1.0.dev917+c4f21a09b3d is what was made of commit 917 on the way to 0.1.0; behind the plus stands the beginning of the
SHA-256 of all files that go into the wheels. Other contents have another version, whether or not they were committed;
the same contents have the same one on each machine that has the history. Without git the number is that of the sdist,
else 0: it only says which of two is newer.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

NEXT = "0.1.0"
TREE = Path(__file__).parent

PARTS = (
    *("protocol", "edge", "inventory", "lab", "schemas", "config", "tests/data/speech/trailer"),
    *("pyproject.toml", "LICENSE", "README.md"),
)
"""What the wheels hold, and how they are made."""


def version() -> str:
    """Of the tree as it is now, in which the wheels are built or installed."""
    contents = hashlib.sha256()
    for path in _files():
        contents.update(f"{path.relative_to(TREE)}\0{path.stat().st_size}\0".encode())
        contents.update(path.read_bytes())
    # A letter first: a part of digits alone would be read as a number, and lose its zeros.
    return f"{NEXT}.dev{_number()}+c{contents.hexdigest()[:10]}"


def _files() -> Iterator[Path]:
    for part in PARTS:
        found = [TREE / part] if (TREE / part).is_file() else sorted((TREE / part).rglob("*"))
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _number() -> int:
    """How many commits are behind this tree; what the sdist says of it, where it is one; 0 where nothing tells it."""
    told = ""
    git = shutil.which("git")
    if git and (TREE / ".git").exists():  # a tree without it may lie in another's
        count = [git, "rev-list", "--count", "HEAD"]
        told = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            count, cwd=TREE, capture_output=True, text=True, check=False
        ).stdout
    elif (sdist := TREE / "PKG-INFO").exists():
        stands = re.search(r"^Version: .*\.dev(\d+)", sdist.read_text(encoding="utf-8"), re.MULTILINE)
        told = stands[1] if stands else ""
    return int(told or 0)


class OfOneVersion(MetadataHookInterface):
    """Adds the `dependencies` of this hook's table, and the distributions of `ours` in the version that is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put it where hatchling looks for it."""
        ours = [f"{name}=={metadata['version']}" for name in self.config["ours"]]
        metadata["dependencies"] = [*ours, *self.config.get("dependencies", [])]
