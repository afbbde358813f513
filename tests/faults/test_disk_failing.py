"""A disk whose calls fail again and again (EIO, EROFS): what was acknowledged is there once, in order, in both copies.

After a refusal the connection is not trusted: the life closes the journal and opens it anew, as a restart would. Run as
a program, this file is that life; strace makes its system calls fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from dockvoice_protocol.errors import StorageFailed
from edge.keep import audit, evidence
from edge.keep.entry_log import ENTRIES
from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, render, utterance
from tests.tiers import sized

LEAST = 25  # Entries that a life brings through before it ends.

MOST_REFUSALS = 200  # A life that is refused so often gets nowhere: each of its openings meets the fault again.

BY_DAY = [("pwrite64", 149, "EIO"), ("fsync", 5, "EIO"), ("rename", 5, "EROFS")]
"""SQLite's writes and syncs; those of a recording, and its name."""


@pytest.mark.parametrize(
    ("call", "every", "error"),
    sized(
        test=BY_DAY,
        nightly=[
            *(*BY_DAY, ("fdatasync", 11, "EIO"), ("write", 5, "EIO")),
            *(("pwrite64", 211, "EROFS"), ("ftruncate", 7, "EIO")),
        ],
    ),
)
def test_what_was_acknowledged_is_there_once_and_in_order(call: str, every: int, error: str, tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    ended = subprocess.run(
        ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", f"--trace={call}",
         f"--inject={call}:error={error}:when={every}+{every}", sys.executable, __file__, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = [line.split(" ", 1) for line in ended.stdout.splitlines()]
    bodies = [what for kind, what in told if kind == "committed"]
    refusals = [what for kind, what in told if kind == "refused"]
    assert refusals, "no call failed"
    with Journal.open(tmp_path) as journal:
        due = journal.outbox.load_due(10_000)
        assert [row.sequence for row in due] == list(range(1, len(due) + 1))
        assert [row.body for row in due if row.body in set(bodies)] == bodies
        assert audit.verify(journal.trail).broken is None
        assert journal.queries.counts().utterances == len(evidence.list_recordings(tmp_path))
        assert len((tmp_path / ENTRIES).read_bytes().splitlines()) == len(due)
    assert not list(tmp_path.glob("journal.broken*")), "a refusal is no damage"
    print(f"{call} {error}: {len(refusals)} refusals, {len(bodies)} acknowledged; lost 0, doubled 0")


def live(directory: Path) -> None:
    """Keep and commit; after a refusal open the journal anew and go on with what is unread."""
    numbers, done, refused = count(), 0, 0
    while done < LEAST:
        assert refused < MOST_REFUSALS
        try:
            with Journal.open(directory) as journal:
                for said in journal.queries.unread_utterances():
                    done += acknowledged(
                        journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render).body
                    )
                while done < LEAST:
                    said = utterance(next(numbers))
                    done += acknowledged(
                        journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render).body
                    )
        except StorageFailed as fault:
            refused += 1
            tell("refused", str(fault))


def acknowledged(body: str) -> int:
    tell("committed", body)
    return 1


def tell(kind: str, what: str) -> None:
    # Not with write(2), which may be what fails.
    os.writev(1, [f"{kind} {what}\n".encode()])


if __name__ == "__main__":
    live(Path(sys.argv[1]))
