from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge.keep import device_key
from edge.keep.device_key import KEY
from inventory.cli.main import commands
from inventory.records import Buffered
from inventory.repository import Store
from inventory.store import outbox
from inventory.store.outbox import Message, MessageKind
from tests.dictated import ANOTHER, amended, identity, recorded
from tests.store import reader


@pytest.fixture
def database(tmp_path: Path, repository: Path) -> str:
    """Three entries, the second one amended, and the sixth event before its turn."""
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    read = reader(repository)
    with closing(Store.open(url)) as store:
        for message in (recorded(1), recorded(2), amended(3, 2, quantity=15), recorded(6)):
            store.apply(read(message))
    return url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def test_rows_as_json_lines_of_which_the_limit_keeps_the_latest(database: str) -> None:
    (latest,) = run("rows", "--json", "--limit", "1", "--database", database).stdout.splitlines()
    rows = [json.loads(line) for line in run("rows", "--json", "--database", database).stdout.splitlines()]
    assert [(row["sequence"], row["state"]) for row in rows] == [(1, "current"), (2, "amended"), (3, "current")]
    assert json.loads(latest) == rows[2]
    assert rows[2].pop("received_at").endswith("Z")
    assert rows[2] == {
        "event_id": identity(1, 3),
        "site": "north",
        "device": "dock-3",
        "sequence": 3,
        "form": "pallet-move",
        "fields": {"pallet_id": "0742", "quantity": 15, "dock": "B"},
        "operator": "op-17",
        "recorded_at": "2026-11-20T07:15:02.417Z",
        "state": "current",
        "replaces": identity(1, 2),
    }


def test_rows_in_a_pipe_are_a_line_each(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = run("rows", "--database", database).stdout
    assert sum("pallet_id=0742 quantity=15 dock=B" in line for line in shown.splitlines()) == 1


def test_count_and_options_may_stand_before_it(database: str) -> None:
    assert json.loads(run("--database", database, "count", "--json").stdout)["rows"] == 2
    counts = {"rows": 2, "amended": 1, "cancelled": 0, "events": 3, "repeated": 0, "refused": 0, "rejected": 0}
    nothing = {"events": 0, "devices": 0, "since": None}
    assert json.loads(run("count", "--json", "--database", database).stdout) == counts | {"waiting": nothing}
    assert [line.split() for line in run("count", "--database", database).stdout.splitlines()] == [
        [name, str(number)] for name, number in counts.items()
    ]


def test_gaps_are_told_to_programs_and_people(database: str) -> None:
    (told,) = [json.loads(line) for line in run("gaps", "--json", "--database", database).stdout.splitlines()]
    assert told.pop("heard_at").endswith("Z")
    assert told == {"site": "north", "device": "dock-3", "handled": 3, "highest": 6, "missing": [4, 6], "held": None}
    shown = run("gaps", "--database", database).stdout
    assert "1 device, 1 with a gap" in shown
    assert "4 to 6" in shown
    assert "held" not in shown


def test_what_is_pending_is_listed_and_a_script_sees_that_it_is_stuck(database: str) -> None:
    message = Message(MessageKind.EXPECTED, "north", "", "door/12", "topic", b"{}", ANOTHER.public)
    assert run("pending", "--database", database).exit_code == 0
    with closing(Store.open(database)) as store, store.transaction() as transaction:
        rows = outbox.insert_messages(transaction, [message], datetime.now(UTC) - timedelta(hours=1))
        outbox.record_failure(transaction, rows, "not authorized")
    told = run("pending", "--json", "--database", database)
    line = json.loads(told.stdout)
    assert (told.exit_code, line["kind"], line["number"], line["stuck"]) == (1, "expected_list", 1, True)
    assert "not authorized" in run("pending", "--database", database).stdout


def test_work_is_dropped_when_a_person_says_so(database: str) -> None:
    with closing(Store.open(database)) as store, store.transaction() as transaction:
        outbox.insert_work(transaction, MessageKind.ERP_POSTING, [("north", "tryton", "1")], datetime.now(UTC))
    arguments = ["pending", "--drop", "erp_posting", "--database", database]
    for answer, number in (("n\n", 1), ("y\n", 0)):
        told = CliRunner().invoke(commands, arguments, input=answer)
        assert "erp_posting: 1, the oldest since" in told.stdout
        assert len(run("pending", "--json", "--database", database).stdout.splitlines()) == number


@pytest.fixture
def held(database: str, repository: Path) -> str:
    """Numbers 5 and 6 of the device wait for its 4, and the 2 of another for its 1: consumers share the work."""
    read = reader(repository)
    moments = iter([datetime(2026, 11, 22, 8, 0, n, tzinfo=UTC) for n in range(20)])
    with closing(Store.open(database, now=lambda: next(moments))) as store:
        for one in (recorded(6), recorded(5), recorded(2, at=("north", "dock-4"))):
            assert [became for _, became in store.batches.try_apply_all([read(one)], hold=True) or ()] == [Buffered()]
    return database


def test_count_tells_what_waits_for_what_comes_before_it(held: str) -> None:
    waits = json.loads(run("count", "--json", "--database", held).stdout)["waiting"]
    since = waits.pop("since")
    assert (waits, since[:17], since[-1]) == ({"events": 3, "devices": 2}, "2026-11-22T08:00:", "Z")
    *_, line = run("count", "--database", held).stdout.splitlines()
    assert line.split() == ["waiting", "3", "of", "2", "devices,", "since", "2026-11-22", since[11:19], "UTC"]


def test_gaps_tell_what_is_held_behind_them(held: str) -> None:
    lines = [json.loads(line) for line in run("gaps", "--json", "--database", held).stdout.splitlines()]
    told = {line["device"]: line["held"] for line in lines}
    assert [(one["events"], one["first"]) for one in told.values()] == [(2, 5), (1, 2)]
    assert told["dock-3"]["since"] < told["dock-4"]["since"]
    shown = " ".join(run("gaps", "--database", held).stdout.split())
    assert "held of these, UTC" in shown
    assert "2, from 5 on, since 2026-11-22 08:00:0" in shown


def test_what_was_held_and_given_up_waits_no_more(held: str) -> None:
    with closing(Store.open(held, now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))) as store:
        assert len(store.batches.drop_expired_and_apply_due(timedelta(minutes=1))) == 3
    assert json.loads(run("count", "--json", "--database", held).stdout)["waiting"]["events"] == 0
    assert "waiting" not in run("count", "--database", held).stdout
    lines = [json.loads(line) for line in run("gaps", "--json", "--database", held).stdout.splitlines()]
    assert [(line["missing"], line["held"]) for line in lines] == [([4, 6], None), ([1, 2], None)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("asn.csv",), "found None, allowed is the name of the devices' site"),
        (("asn.csv", "--site", "no/rth"), "found 'no/rth', allowed is the name of the devices' site"),
        (("asn.csv", "--site", "north"), "must be given: devices take it only with a signature"),
        (("asn.csv", "--site", "north", "--sign", "asn.csv"), "is no Ed25519 private key"),
        (("asn.csv", "--received"), "give FILE, --withdraw or --received, one of them"),
        (("--withdraw", "door/12", "--site", "north"), "must be given: devices take it only with a signature"),
        (("--received", "--sign", "office.key", "--config", "moves.toml"), "no form is compared with expected lists"),
        (("--withdraw", "door/12", "--site", "north", "--sign", "office.key"), "published are none"),
        (("bad.csv", "--site", "north", "--sign", "office.key"), "bad.csv: line 2, column quantity: found '0'"),
        (("bad.csv", "--site", "north", "--sign", "office.key"), "bad.csv: 2 faults; nothing was published"),
        (("none.csv", "--site", "north", "--sign", "office.key"), "none.csv: cannot be read"),
    ],
)
def test_what_is_expected_is_published_only_where_all_of_it_is_right(
    arguments: tuple[str, ...],
    told: str,
    database: str,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("moves").mkdir()
    shutil.copy(repository / "schemas" / "forms" / "pallet-move.schema.json", "moves")
    Path("moves.toml").write_text("forms_directory = 'moves'\n", encoding="utf-8")
    header = "notice,trailer,door,pallet,item,quantity,uom,lot_needed\n"
    Path("asn.csv").write_text(header + "4550012,5501,,742,A100,24,CS,yes\n", encoding="utf-8")
    Path("bad.csv").write_text(header + "4550012,5501,,742,A100,0,CS,\n", encoding="utf-8")
    device_key.load_or_create(tmp_path)
    (tmp_path / KEY).rename("office.key")
    done = run("expect", *arguments, "--database", database)
    assert done.exit_code != 0
    assert told in " ".join(f"{done.output} {done.exception}".replace("│", " ").split())
    assert run("expect", "--json", "--database", database).stdout == ""
