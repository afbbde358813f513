import errno
import os
import stat
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dockvoice_protocol.records import ExpectedLine, Operator, PlaceKind, ReceivingPlace
from inventory.connect.csv_folder import CsvFolder, CsvFolderSettings
from inventory.connect.ports import Away, PulledItem, PulledUnit
from tests.erp.postings import BEGAN, posting
from tests.unit.test_plain_file import directories_answer

EXPECTED = "notice,trailer,door,pallet,item,quantity,uom,lot_needed\n"
ITEMS = "item,title,base,lot_needed,unit,factor\n"
TRAILER = ReceivingPlace(PlaceKind.TRAILER, "5501")
DOOR = ReceivingPlace(PlaceKind.DOOR, "12")


class Folder:
    """A folder, and a clock that stands until it is moved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = BEGAN
        self.files = self.opened()

    def opened(self) -> CsvFolder:
        return CsvFolder("files", CsvFolderSettings(folder=self.path, operator_forms=("receive",)), lambda: self.now)

    def drop(self, name: str, text: str, *, quiet_s: float = 60) -> Path:
        (self.path / "in").mkdir(exist_ok=True)
        file = self.path / "in" / name
        file.write_text(text, encoding="utf-8")
        changed = (self.now - timedelta(seconds=quiet_s)).timestamp()
        os.utime(file, (changed, changed))
        return file

    def names(self, under: str) -> list[str]:
        # Behind the moment at which it was moved.
        return sorted(file.name.partition("-")[2] for file in (self.path / "in" / under).iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("name", ["expected.csv.part", ".expected.csv", "~expected.csv", "expected.csv.filepart"])
def test_a_file_that_is_not_finished_is_left_alone(folder: Folder, name: str) -> None:
    file = folder.drop(name, EXPECTED + "45,5501,,742,A100,24,CS,yes\n")
    assert folder.files.pull().expected is None
    assert file.exists()


def test_a_file_that_is_still_being_copied_is_left_until_it_is_quiet(folder: Folder) -> None:
    folder.drop("expected.csv", EXPECTED, quiet_s=1)
    pulled = folder.files.pull()
    assert (pulled.expected, [*pulled.omitted]) == (None, [])
    folder.drop("expected.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n", quiet_s=5)
    assert folder.files.pull().expected == {TRAILER: (ExpectedLine("45", "742", "A100", 24, "CS", True),)}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"items-\xff.csv", "items-\ufffd.csv"),
        (b"items-\x1b[2J\n\xe2\x80\xaegnp.csv", "items-\ufffd[2J\ufffd\ufffdgnp.csv"),
        (b"items-" + b"a" * 245 + b".csv", "items-" + "a" * 245 + ".csv"),
    ],
    ids=["no text", "no plain text", "as long as may be"],
)
@pytest.mark.parametrize(("says", "to"), [("x\n", "refused"), (ITEMS + "A100,Tea,CS,no,,\n", "archive")])
def test_a_file_is_taken_or_refused_whatever_it_is_called(
    folder: Folder, name: bytes, shown: str, says: str, to: str
) -> None:
    folder.drop(os.fsdecode(name), says)
    pulled = folder.files.pull()
    assert [one.what for one in pulled.omitted] == ([f"file {shown}"] if to == "refused" else [])
    assert (pulled.items is None) == (to == "refused")
    assert [file for file in (folder.path / "in").iterdir() if file.is_file()] == []
    for told in (folder.path / "in" / "refused").glob("*.faults.txt"):
        assert told.read_text("utf-8").startswith(f"{folder.path}/in/{shown}: ")


def test_a_bad_row_is_named_and_nothing_of_its_file_is_taken(folder: Folder) -> None:
    folder.drop("expected-1.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n45,5501,,743,A100,many,CS,yes\n")
    pulled = folder.files.pull()
    assert pulled.expected is None
    (omitted,) = pulled.omitted
    assert omitted.what == "file expected-1.csv"
    assert "expected-1.csv: line 3, column quantity: found 'many'; allowed is a number above 0" in omitted.why
    assert folder.names("refused") == ["expected-1.csv", "expected-1.csv.faults.txt"]
    assert folder.names("archive") == []
    assert [*folder.files.pull().omitted] == []  # it is told once


def test_every_fault_of_a_file_is_beside_it(folder: Folder) -> None:
    folder.drop("items.csv", ITEMS + ",Tomatoes,EA,yes,,\nA100,Tomatoes,each,perhaps,CS,0\n")
    (omitted,) = folder.files.pull().omitted
    assert "; and 3 more, in " in omitted.why
    (told,) = (folder.path / "in" / "refused").glob("*.faults.txt")
    lines = told.read_text().splitlines()
    assert [line.split(": found")[0].rpartition("items.csv: ")[2] for line in lines] == [
        "line 2, column item",
        "line 3, column base",
        "line 3, column lot_needed",
        "line 3, column factor",
    ]


def test_a_file_that_nobody_knows_is_refused(folder: Folder) -> None:
    folder.drop("stock.csv", "a,b\n1,2\n")
    (omitted,) = folder.files.pull().omitted
    assert "Its name must be one of expected*.csv, withdrawn*.csv, items*.csv, operators*.csv" in omitted.why


def test_a_file_takes_the_place_of_what_stood_for_its_places_and_of_no_others(folder: Folder) -> None:
    folder.drop("expected-1.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n46,,12,800,A200,2.5,KGM,no\n")
    folder.files.pull()
    folder.drop("expected-2.csv", EXPECTED + "45,5501,,743,A100,30,CS,yes\n")
    expected = folder.files.pull().expected
    assert expected == {
        TRAILER: (ExpectedLine("45", "743", "A100", 30, "CS", True),),
        DOOR: (ExpectedLine("46", "800", "A200", 2.5, "KGM", False),),
    }
    assert folder.names("archive") == ["expected-1.csv", "expected-2.csv"]
    assert folder.opened().pull().expected == expected  # also after a restart


def test_two_files_that_contradict_each_other_leave_what_stood(folder: Folder) -> None:
    folder.drop("expected-1.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n")
    folder.files.pull()
    folder.drop("expected-2.csv", EXPECTED + "46,,12,742,A100,24,CS,yes\n")
    pulled = folder.files.pull()
    assert pulled.expected == {TRAILER: (ExpectedLine("45", "742", "A100", 24, "CS", True),)}
    (omitted,) = pulled.omitted
    assert "expected-2.csv: with what was announced before" in omitted.why
    assert "'742' is expected at door/12, and at trailer/5501" in omitted.why


def test_what_has_left_is_withdrawn_by_name(folder: Folder) -> None:
    folder.drop("expected-1.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n")
    folder.files.pull()
    folder.drop("withdrawn-1.csv", "trailer,door\n5501,\n")
    assert folder.files.pull().expected == {}
    folder.drop("withdrawn-2.csv", "trailer,door\n5501,12\n")
    (omitted,) = folder.files.pull().omitted
    assert "line 2, columns trailer and door: name one trailer, or one door" in omitted.why


def test_items_come_with_their_units(folder: Folder) -> None:
    folder.drop("items.csv", ITEMS + "A100,Tomatoes,EA,yes,CS,12\nA100,Tomatoes,EA,yes,PL,480\nA200,Fish,KGM,no,,\n")
    assert folder.files.pull().items == [
        PulledItem("A100", "Tomatoes", "EA", (PulledUnit("CS", Decimal(12)), PulledUnit("PL", Decimal(480))), True),
        PulledItem("A200", "Fish", "KGM", (), False),
    ]


def test_a_later_list_takes_the_place_of_the_earlier_one_also_in_the_other_format(folder: Folder) -> None:
    folder.drop("items.json", '[{"item": "A1", "title": "One", "base": "EA", "lot_needed": "no"}]')
    folder.files.pull()
    folder.drop("items.csv", ITEMS + "A2,Two,EA,no,,\n")
    assert [one.code for one in folder.files.pull().items or ()] == ["A2"]
    folder.drop("items.json", '[{"item": "A3", "title": "Three", "base": "EA", "lot_needed": "no"}]')
    assert [one.code for one in folder.files.pull().items or ()] == ["A3"]


def test_operators_may_be_given_forms_that_there_are(folder: Folder) -> None:
    folder.drop("operators.csv", "name,number,forms\nana,17,receive\n")
    assert folder.files.pull().operators == (Operator("ana", "17", (), None, ("receive",)),)
    folder.drop("operators.csv", "name,number,forms\nben,18,load\n")
    pulled = folder.files.pull()
    assert pulled.operators == (Operator("ana", "17", (), None, ("receive",)),)
    assert "column forms: found 'load'; allowed are the inventory's forms, receive" in pulled.omitted[0].why


def test_files_are_taken_in_the_order_in_which_they_were_written(folder: Folder) -> None:
    folder.drop("items-b.csv", ITEMS + "OLD,Old,EA,no,,\n", quiet_s=90)
    folder.drop("items-a.csv", ITEMS + "NEW,New,EA,no,,\n", quiet_s=30)
    assert [one.code for one in folder.files.pull().items or ()] == ["NEW"]


def test_a_kill_before_a_file_is_archived_takes_it_once_more_and_changes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.drop("expected-1.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n")

    class Killed(BaseException):
        pass

    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if "archive" in str(target):
            raise Killed
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(Killed):
            folder.files.pull()
    pulled = folder.opened().pull()
    assert pulled.expected == {TRAILER: (ExpectedLine("45", "742", "A100", 24, "CS", True),)}
    assert [*pulled.omitted] == []
    assert folder.names("archive") == ["expected-1.csv"]


def test_a_share_whose_directories_cannot_be_synced_is_read_all_the_same(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    directories_answer(errno.EINVAL, monkeypatch)
    folder.drop("expected-1.csv", EXPECTED + "45,5501,,742,A100,24,CS,yes\n")
    pulled = folder.files.pull()
    assert pulled.expected == {TRAILER: (ExpectedLine("45", "742", "A100", 24, "CS", True),)}
    assert ([*pulled.omitted], folder.names("archive")) == ([], ["expected-1.csv"])


FOREIGN = "Sup3rS3cretPassword"


def test_no_link_is_followed_and_nothing_that_is_no_file_is_opened(folder: Folder, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{FOREIGN}\n")
    folder.files.pull()
    (folder.path / "in" / "items-a.csv").symlink_to(secret)
    (folder.path / "in" / "expected-b.json").symlink_to(secret)
    (folder.path / "in" / "items-d.csv").symlink_to("/dev/zero")
    os.mkfifo(folder.path / "in" / "items-c.csv")
    folder.now += timedelta(days=400)
    pulled = folder.files.pull()
    assert (pulled.items, [*pulled.omitted], folder.names("refused")) == (None, [], [])
    own = folder.path / ".dockvoice" / "taken" / "items.csv"
    own.symlink_to(secret)
    assert folder.files.pull().items is None


def test_a_file_that_becomes_a_link_while_it_is_taken_is_not_followed(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{FOREIGN}\n")
    file = folder.drop("items.csv", ITEMS)
    folder.now += timedelta(days=1)
    monkeypatch.setattr("inventory.connect.csv_in.is_plain_file", lambda path: path == file)
    file.unlink()
    file.symlink_to(secret)
    os.utime(file, (1, 1), follow_symlinks=False)
    (omitted,) = folder.files.pull().omitted
    assert "is a link, which is not followed here" in omitted.why
    assert FOREIGN not in omitted.why


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("operators.csv", f"{FOREIGN},{FOREIGN}\n"),
        ("withdrawn.json", f'[{{"{FOREIGN}": 1}}]'),
        ("items.json", FOREIGN),
        ("items.csv", f'"{FOREIGN}'),
    ],
)
def test_what_another_file_says_stands_in_no_fault_and_no_log(folder: Folder, name: str, text: str) -> None:
    """A hard link may lead to any file that the connector can read: of what is not laid out as ours nothing is told."""
    folder.drop(name, text)
    (omitted,) = folder.files.pull().omitted
    faults = [one for one in (folder.path / "in" / "refused").iterdir() if one.name.endswith(".faults.txt")]
    assert FOREIGN not in omitted.why
    assert [FOREIGN in one.read_text() for one in faults] == [False]


def test_the_folders_group_can_fetch_and_drop_under_the_umask_of_the_unit(folder: Folder) -> None:
    before = os.umask(0o077)
    try:
        folder.files.pull()
        folder.files.post(posting(1), None)
        folder.files.close()
        folder.drop("items.csv", "nonsense\n")
        folder.files.pull()
    finally:
        os.umask(before)

    def mode(path: Path) -> str:
        return f"{stat.S_IMODE(path.stat().st_mode):o}"

    (made,) = (folder.path / "out").iterdir()
    (faults,) = (folder.path / "in" / "refused").glob("*.faults.txt")
    assert [mode(folder.path / name) for name in ("out", "in", "in/refused", "in/archive", ".dockvoice")] == [
        *("770", "770", "750", "750", "700")
    ]
    assert (mode(made), mode(faults)) == ("640", "640")


def test_a_folder_of_ours_that_is_a_link_is_told(folder: Folder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder.path / ".dockvoice").symlink_to(elsewhere)
    with pytest.raises(Away, match="is a link or a file, where a folder must be"):
        folder.files.pull()
    with pytest.raises(Away, match="is a link or a file"):
        folder.files.post(posting(1), None)
    assert [*elsewhere.iterdir()] == []
