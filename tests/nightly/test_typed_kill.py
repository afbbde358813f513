"""kill -9 of an agent that is being typed to: what it said was on disk becomes an entry, once, at the next start.

The kill falls at random between the line and its verdict: some sentences are decided by then, some are on disk and no
more, and of the last one nobody was told.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from edge.keep.journal import Journal
from tests.tiers import SEED

KILLS = 8
SENTENCES = 8
"""In one breath: the verdicts come after the lines."""

LONGEST_S = 0.03
"""From the last word that one is on disk to the kill: about what it takes to conclude them all."""


def settings(directory: Path) -> Path:
    file = directory / "edge.toml"
    file.write_text(
        f'device = "typed"\nstate_directory = "{directory}"\n[deliver.mqtt]\nhost = "127.0.0.1"\nport = 1\n'
    )
    return file


def started(file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.typing_to_it", str(file)]
    with (file.parent / "log").open("a") as log:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)


def typed_and_killed(file: Path, wanted: int, then_s: float) -> int:
    """Type, and kill when so many are known to be on disk; returns how many were, as far as anybody was told."""
    process = started(file)
    assert process.stdin is not None
    assert process.stdout is not None
    sentences = (f"pallet {number:04d}, twelve units, dock B\n" for number in range(SENTENCES))
    process.stdin.writelines(sentences)
    process.stdin.flush()
    told = sum(process.stdout.readline() == "kept\n" for _ in range(wanted))
    time.sleep(then_s)  # the random moment itself, not a wait for anything
    process.kill()
    return told + process.communicate()[0].count("kept\n")


def concluded(file: Path) -> None:
    process = started(file)
    process.communicate("", timeout=60)
    assert process.returncode == 0, (file.parent / "log").read_text()


def test_what_was_typed_before_a_kill_is_recorded_exactly_once(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    unread = []
    for number in range(KILLS):
        directory = tmp_path / str(number)
        directory.mkdir()
        file = settings(directory)
        kept = typed_and_killed(file, chance.randrange(1, SENTENCES + 1), chance.uniform(0, LONGEST_S))
        with Journal.open(directory) as journal:
            unread.append(len(list(journal.queries.unread())))
        for _ in range(2):
            concluded(file)
        with Journal.inspect(directory) as journal:
            entries = Counter(str(entry.fields["pallet_id"]) for entry in journal.queries.entries(limit=100))
            assert list(journal.queries.unread()) == []
        assert set(entries.values()) == {1}
        assert {f"{one:04d}" for one in range(kept)} <= set(entries), f"killed when {kept} were told to be on disk"
    print(f"{KILLS} kills, with {unread} sentences on disk and not decided; lost 0, doubled 0")
    assert any(unread), "no kill fell between a sentence and its verdict"
