"""The scribe: a ledger that would count what is wrong and what is lost, and shifts that end right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from dockvoice_protocol.records import FieldValue
from edge.config import Settings
from lab.scoring import read_manifest
from lab.scribe.__main__ import default_rules, run_trailer
from lab.scribe.shift import TrailerUnloading
from lab.scribe.spoken import ShiftRecordings, SpeakingOperator, open_hearing, select_recordings
from lab.scribe.wording import Load
from tests.rows import each_of

LOADS = [Load("742", 12, "B"), Load("743", 4, "C")]


class Books(TrailerUnloading):
    """A trailer whose journal holds what the test says."""

    written: Sequence[Mapping[str, FieldValue]]

    def recorded_entries(self) -> Sequence[Mapping[str, FieldValue]]:
        return self.written


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    trailer = Books(default_rules(), tmp_path, Random(1))
    with closing(trailer.device.journal):
        yield trailer


@pytest.mark.parametrize(
    ("recorded", "right", "wrong", "lost"),
    [
        ([], 0, 0, 2),
        ([LOADS[0].fields()], 1, 0, 1),
        ([load.fields() for load in LOADS], 2, 0, 0),
        ([LOADS[0].fields(), LOADS[1].fields() | {"quantity": 5}], 1, 1, 1),
        ([LOADS[0].fields(), LOADS[0].fields(), LOADS[1].fields()], 2, 1, 0),
        ([LOADS[0].fields(), {"pallet_id": "999", "quantity": 1, "dock": "A"}], 1, 1, 1),
    ],
)
def test_the_ledger_counts_what_is_not_as_it_was_meant(
    books: Books, recorded: Sequence[Mapping[str, FieldValue]], right: int, wrong: int, lost: int
) -> None:
    books.written = recorded
    books.count_outcomes(LOADS, {"742", "743"})
    ledger = books.ledger
    assert (ledger.right, len(ledger.wrong), len(ledger.lost)) == (right, wrong, lost)


def test_what_was_put_aside_aloud_is_not_lost(books: Books) -> None:
    books.written = [LOADS[0].fields()]
    books.device.aside.add("743")
    books.count_outcomes(LOADS, {"742", "743"})
    assert (books.ledger.aside, books.ledger.lost) == (1, [])


@each_of("seed", ["20261121/1", "20261121/2", "20261121/3"])
def test_a_shift_ends_with_nothing_wrong_and_nothing_lost(seed: str) -> None:
    ledger, said = run_trailer(seed)
    assert (ledger.wrong, ledger.lost) == ([], []), "\n".join(said)


@pytest.fixture
def recorded(repository: Path) -> ShiftRecordings:
    return select_recordings(read_manifest(repository / "tests/data/speech/demo/manifest.jsonl"))


def test_of_a_set_whole_pallets_and_talk_are_spoken(recorded: ShiftRecordings) -> None:
    assert Load("5451", 4, "A") in [one.load for one in recorded.sentences]
    assert [clip.text for clip in recorded.talk] == ["where did you put the tape gun"]


def test_a_trailer_that_is_spoken_in_noise_ends_with_nothing_wrong_and_nothing_lost(
    recorded: ShiftRecordings, tmp_path: Path
) -> None:
    random = Random(4)
    with open_hearing(Settings()) as heard:
        trailer = TrailerUnloading(heard.rules(), tmp_path, random, SpeakingOperator(heard, recorded, random))
        ledger = trailer.unload(1)
    assert (ledger.right, ledger.wrong, ledger.lost) == (1, [], []), "\n".join(trailer.device.said)
