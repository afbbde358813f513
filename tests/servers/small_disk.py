"""A disk of a few megabytes, of the test's own: a tmpfs in a mount namespace that ends with the process in it.

And, where no disk is wanted for it, a journal for which there is no room.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import subprocess
import sys
from pathlib import Path

from edge.keep.journal import Journal
from tests.processes.starting import run
from tests.sharing import ROOT

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000


def live_on_small_disk(program: str, life: str, directory: Path, kilobytes: int) -> str:
    """Run `python program life directory`, where `directory` is a disk of that size; what it printed.

    Fails with what it said when it does not end well.
    """
    mount_point = directory / "disk"
    mount_point.mkdir()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.servers.small_disk",
        f"{kilobytes}k",
        mount_point,
        program,
        life,
    ]
    ended = run(command, 120, cwd=ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def mount_for_this_process(kilobytes: str, mount_point: str) -> None:
    """What is mounted is seen by this process and its children alone, and gone with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    # Who is not root may mount in a user namespace of his own.
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)):
        raise OSError(ctypes.get_errno(), "unshare")
    if user:
        for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(line, encoding="ascii")
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", f"size={kilobytes}", "tmpfs", mount_point]):
        subprocess.run(["mount", *words], check=True)


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


if __name__ == "__main__":
    mount_for_this_process(*sys.argv[1:3])
    sys.argv = [*sys.argv[3:], sys.argv[2]]
    runpy.run_path(sys.argv[0], run_name="__main__")
