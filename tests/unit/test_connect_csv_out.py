import csv
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.csv_folder import CsvFolder, CsvFolderSettings
from inventory.connect.csv_out import COLUMNS, escape_formula, unescape_formula
from inventory.connect.ports import Away, Declined, DocumentState, Posting
from tests.erp.ledgers import Clock
from tests.erp.postings import because, posting
from tests.tiers import sized


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock, **settings: Any) -> CsvFolder:
    return CsvFolder("files", CsvFolderSettings(folder=folder, **settings), now=clock)


def rows(folder: Path) -> Iterator[dict[str, str]]:
    for file in sorted((folder / "out").iterdir()):
        with file.open(encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)


def references(folder: Path) -> list[str]:
    return [row["reference"] for row in rows(folder)]


def test_a_folder_that_is_not_mounted_is_away_and_is_not_made(tmp_path: Path, clock: Clock) -> None:
    missing = tmp_path / "share"
    files = opened(missing, clock)
    with pytest.raises(Away, match=r"share is not there; mount it, or make it"):
        files.post(posting(), None)
    assert not missing.exists()
    missing.mkdir()
    assert files.post(posting(), None).state is DocumentState.DONE


def test_nobody_sees_a_file_before_it_is_whole(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path, clock, batch_lines=3)
    files.post(posting(1), None)
    files.post(posting(2), None)
    assert [*rows(tmp_path)] == []
    files.post(posting(3), None)
    assert references(tmp_path) == [posting(number).reference for number in (1, 2, 3)]


def test_what_was_told_is_in_a_file_a_minute_later_though_nothing_else_comes(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path, clock, batch_s=60)
    files.post(posting(), None)
    clock.now += timedelta(seconds=59)
    files.flush_old_batch()
    assert references(tmp_path) == []
    clock.now += timedelta(seconds=1)
    files.flush_old_batch()
    assert references(tmp_path) == [posting().reference]


def test_a_line_says_what_was_said(tmp_path: Path, clock: Clock) -> None:
    said = posting(1, pallet="007", quantity=Decimal("2.50"), unit="KGM", lot="L-7", operator=None)
    opened(tmp_path, clock, batch_lines=1).post(said, None)
    (row,) = rows(tmp_path)
    assert tuple(row) == COLUMNS
    assert row["pallet"] == "007"
    assert (row["quantity"], row["unit"], row["lot"]) == ("2.50", "KGM", "L-7")
    assert (row["operator"], row["deed"], row["at"]) == ("", "receipt", "2026-11-22T08:01:00.000Z")


def test_a_correction_and_a_reversal_have_references_of_their_own_and_name_what_they_are_of(
    tmp_path: Path, clock: Clock
) -> None:
    files = opened(tmp_path, clock, batch_lines=3)
    first, second = posting(1), posting(2, amends=posting(1).reference)
    done = files.post(first, None)
    # The event that takes it back is the one that stands in its place: the two lines must not have one reference.
    taken = files.reverse(first, done, because(2, amended=True))
    files.post(second, None)
    assert taken.state is DocumentState.REVERSED
    found = [(row["deed"], row["reference"], row["of"], row["why"]) for row in rows(tmp_path)]
    assert found == [
        ("receipt", first.reference, "", ""),
        ("reversal", f"{first.reference}-reversal", first.reference, "amended"),
        ("correction", second.reference, first.reference, ""),
    ]


def test_what_is_asked_for_again_is_told_once(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path, clock, batch_lines=2)
    document = files.post(posting(), None)
    files.post(posting(), None)
    files.reverse(posting(), document, because(9))
    files.reverse(posting(), document, because(9))
    assert [row["deed"] for row in rows(tmp_path)] == ["receipt", "reversal"]
    (found,) = opened(tmp_path, clock).find(posting())
    assert found.state is DocumentState.REVERSED


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Counts what changes the disk, and ends the process at one of them."""

    def __init__(self, killed_at: int) -> None:
        self.killed_at = killed_at
        self.taken = 0

    def counted(self, real: Any) -> Any:
        def call(*given: Any, **how: Any) -> Any:
            self.taken += 1
            if self.taken == self.killed_at:
                raise Killed
            return real(*given, **how)

        return call


def tell_all(files: CsvFolder, wanted: list[Posting]) -> None:
    for one in wanted:
        if not files.find(one):
            files.post(one, None)
    files.close()


@pytest.mark.parametrize("form", ["csv", "xlsx"][: sized(quick=1, test=2, nightly=2)])
def test_killed_between_any_two_steps_each_line_is_in_one_file_once(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    wanted = [posting(number) for number in range(1, 6)]
    killed_at, steps = 0, Steps(0)
    while steps.taken >= killed_at:
        killed_at, steps = killed_at + 1, Steps(killed_at + 1)
        folder = tmp_path / str(killed_at)
        folder.mkdir()
        with monkeypatch.context() as patched:
            for where, name in ((Path, "rename"), (Path, "unlink"), (os, "fsync")):
                patched.setattr(where, name, steps.counted(getattr(where, name)))
            with suppress(Killed):
                tell_all(opened(folder, clock, batch_lines=2, format=form), wanted)
        tell_all(opened(folder, clock, batch_lines=2, format=form), wanted)
        assert sorted(_all_references(folder / "out", form)) == [one.reference for one in wanted], killed_at
    assert killed_at > 20  # so many moments there are, at the least


def _all_references(folder: Path, form: str) -> Iterator[str]:
    for file in folder.iterdir():
        assert file.suffix == f".{form}"
        if form == "csv":
            with file.open(encoding="utf-8", newline="") as text:
                yield from (row["reference"] for row in csv.DictReader(text))
        else:
            book = load_workbook(file)
            yield from (str(row[0].value) for row in book.active.iter_rows(min_row=2))


def test_a_line_that_a_power_cut_left_half_is_told_anew(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path, clock, batch_lines=9)
    files.post(posting(1), None)
    files.post(posting(2), None)
    batch = tmp_path / ".dockvoice" / "batch.csv"
    batch.write_bytes(batch.read_bytes()[:-20])
    again = opened(tmp_path, clock, batch_lines=2)
    assert again.find(posting(1))
    assert not again.find(posting(2))
    again.post(posting(2), None)
    assert references(tmp_path) == [posting(1).reference, posting(2).reference]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    files = opened(tmp_path, clock, batch_lines=3)
    files.post(posting(1), None)
    before = (tmp_path / ".dockvoice" / "batch.csv").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Away, match="No space left on device"):
            files.post(posting(2), None)
    assert (tmp_path / ".dockvoice" / "batch.csv").read_bytes() == before
    files.post(posting(2), None)
    files.post(posting(3), None)
    assert references(tmp_path) == [posting(number).reference for number in (1, 2, 3)]


def test_a_batch_of_another_version_is_not_written_behind(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / ".dockvoice").mkdir()
    (tmp_path / ".dockvoice" / "batch.csv").write_text("reference,pallet\r\n1,742\r\n")
    with pytest.raises(Misconfigured, match=r"batch\.csv: is no batch of this version; move it away"):
        opened(tmp_path, clock).post(posting(), None)


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+1", "-7", "@SUM(A1)", "  =1", "'7", "'=1"])
def test_no_spreadsheet_finds_a_formula_in_what_was_said(tmp_path: Path, clock: Clock, text: str) -> None:
    opened(tmp_path, clock, batch_lines=1).post(posting(lot=text), None)
    (row,) = rows(tmp_path)
    assert row["lot"] == f"'{text}"
    assert unescape_formula(row["lot"]) == text
    assert unescape_formula(escape_formula("L7")) == "L7"


def test_a_control_character_is_declined_and_holds_up_nothing(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path, clock, batch_lines=1)
    with pytest.raises(Declined, match="lot: holds a control character"):
        files.post(posting(1, lot="A\x00B", fields={}), None)
    files.post(posting(2), None)
    assert references(tmp_path) == [posting(2).reference]


def test_a_workbook_keeps_zeros_and_holds_no_formula(tmp_path: Path, clock: Clock) -> None:
    said = posting(pallet="007", lot="=1+1", quantity=Decimal("2.5"))
    opened(tmp_path, clock, batch_lines=1, format="xlsx").post(said, None)
    (file,) = (tmp_path / "out").iterdir()
    header, row = load_workbook(file).active.iter_rows()
    found = {str(name.value): cell for name, cell in zip(header, row, strict=True)}
    assert (found["pallet"].value, found["pallet"].data_type) == ("007", "s")
    assert (found["lot"].value, found["lot"].data_type) == ("=1+1", "s")
    assert (found["quantity"].value, found["quantity"].data_type) == (2.5, "n")
