"""kill -9 of an agent that is being typed to: what it said was on disk becomes an entry, once, at the next start.

The kill falls at random between the line and its verdict: some sentences are decided by then, some are on disk and no
more, and of the last one nobody was told.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.keep.journal import Journal
from tests.reading.gs1_labels import keyed
from tests.tiers import SEED

KILLS = 8
SENTENCES = 8  # In one breath: the verdicts come after the lines.

LONGEST_S = 0.03  # From the last word that one is on disk to the kill: about what it takes to conclude them all.

NUMBERS = [f"{number:04d}" for number in range(SENTENCES)]
PALLETS = [keyed(f"3761303211{number:07d}") for number in range(SENTENCES)]
FORMS = Path(__file__).parent.parent / "unit" / "tables"

INPUT = {
    "typed": ("", NUMBERS, [f"pallet {number}, twelve units, dock B\n" for number in NUMBERS]),
    "scanned": (
        '[forms]\ndirectory = "{forms}"\nactive = "labels"\n',
        PALLETS,
        [f"]C100{pallet}3712\n" for pallet in PALLETS],
    ),
}
"""What is told besides, which pallets there are, and what comes of each."""


def settings(directory: Path, besides: str) -> Path:
    file, forms = directory / "edge.toml", directory / "forms"
    forms.mkdir()
    shutil.copy(FORMS / "labels.schema.json", forms)
    mqtt = '[deliver.mqtt]\nhost = "127.0.0.1"\nport = 1\n'
    file.write_text(f'device = "typed"\nstate_directory = "{directory}"\n{mqtt}{besides.format(forms=forms)}')
    return file


def started(file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.typing_to_it", str(file)]
    with (file.parent / "log").open("a") as log:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)


def typed_and_killed(file: Path, lines: Sequence[str], wanted: int, then_s: float) -> int:
    """Type, and kill when so many are known to be on disk; returns how many were, as far as anybody was told."""
    process = started(file)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.writelines(lines)
    process.stdin.flush()
    told = sum(process.stdout.readline() == "kept\n" for _ in range(wanted))
    time.sleep(then_s)  # the random moment itself, not a wait for anything
    process.kill()
    return told + process.communicate()[0].count("kept\n")


def concluded(file: Path) -> None:
    process = started(file)
    process.communicate("", timeout=60)
    assert process.returncode == 0, (file.parent / "log").read_text()


@pytest.mark.parametrize("how", INPUT)
def test_what_was_typed_or_scanned_before_a_kill_is_recorded_exactly_once(how: str, tmp_path: Path) -> None:
    besides, pallets, lines = INPUT[how]
    chance = random.Random(SEED)
    unread = []
    for number in range(KILLS):
        directory = tmp_path / str(number)
        directory.mkdir()
        file = settings(directory, besides)
        kept = typed_and_killed(file, lines, chance.randrange(1, SENTENCES + 1), chance.uniform(0, LONGEST_S))
        with Journal.open(directory) as journal:
            unread.append(len(list(journal.queries.unread_utterances())))
        for _ in range(2):
            concluded(file)
        with Journal.inspect(directory) as journal:
            entries = Counter(
                str(entry.fields["pallet_id" if how == "typed" else "pallet"])
                for entry in journal.queries.entries(limit=100)
            )
            assert list(journal.queries.unread_utterances()) == []
        assert set(entries.values()) == {1}
        assert set(pallets[:kept]) <= set(entries) <= set(pallets), f"killed when {kept} were told to be on disk"
    print(f"{KILLS} kills, with {unread} sentences on disk and not decided; lost 0, doubled 0")
    assert any(unread), "no kill fell between a sentence and its verdict"
