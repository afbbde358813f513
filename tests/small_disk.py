"""A disk of a few megabytes, of the test's own: a tmpfs in a mount namespace that ends with the process in it.

And, where no disk is wanted for it, a journal for which there is no room.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from edge.keep.journal import Journal

_LIFE = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && exec "$3" "$4" "$5" "$2"'


def live_on_small_disk(program: str, life: str, directory: Path, kilobytes: int) -> str:
    """Run `python program life directory`, where `directory` is a disk of that size; what it printed.

    Fails with what it said when it does not end well.
    """
    mount_point = directory / "disk"
    mount_point.mkdir()
    # Who is not root may mount in a user namespace of his own.
    own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    arguments = [f"{kilobytes}k", str(mount_point), sys.executable, program, life]
    ended = subprocess.run(
        [*own, "sh", "-c", _LIFE, "sh", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


class Ballast:
    """A file of somebody else's that takes all the room of a disk, or gives it back."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "ballast"

    def take(self, leave: int = 0) -> None:
        """Take all the space but `leave` bytes."""
        with self._path.open("ab", buffering=0) as file:
            for size in (65536, 4096):
                while True:
                    try:
                        file.write(bytes(size))
                    except OSError:
                        break
            file.truncate(max(0, self._path.stat().st_size - leave))

    def give(self) -> None:
        """Free it."""
        self._path.unlink(missing_ok=True)


class full:  # noqa: N801 - reads as what it is: `with full(journal)`
    """While inside, SQLite finds no room for another page, as on a full disk (SQLITE_FULL)."""

    def __init__(self, journal: Journal) -> None:
        self._db = journal._db

    def __enter__(self) -> None:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count = {pages}")

    def __exit__(self, *fault: object) -> None:
        self._db.execute("PRAGMA max_page_count = 1000000")
