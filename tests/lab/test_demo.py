from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import FieldValue
from lab.demo.command import LostAndDoubled, compare_records
from lab.demo.office import DemoConsole
from lab.demo.servers import BrokerKind, DemoBroker, DemoInventory, free_port
from tests.processes.command import called
from tests.rows import each_of
from tests.servers.ports import held_port

PALLET: dict[str, FieldValue] = {"pallet_id": "007", "quantity": 12, "uom": "CS"}
OWED = {"a": PALLET, "b": PALLET}


def row(event_id: str, **changed: FieldValue) -> dict[str, Any]:
    return {"event_id": event_id, "fields": {**PALLET, **changed}}


@each_of(
    ("rows", "expected"),
    [
        ([row("a")], LostAndDoubled(recorded=2, lost=1, doubled=0)),
        ([row("a"), row("b"), row("b")], LostAndDoubled(recorded=2, lost=0, doubled=1)),
        ([row("a"), row("b"), row("c")], LostAndDoubled(recorded=2, lost=0, doubled=1)),
        ([row("a"), row("b", uom="EA")], LostAndDoubled(recorded=2, lost=1, doubled=1)),
        ([row("a"), row("b", pallet_id="7")], LostAndDoubled(recorded=2, lost=1, doubled=1)),
        ([], LostAndDoubled(recorded=2, lost=2, doubled=0)),
    ],
)
def test_what_the_table_lacks_or_has_too_much_is_counted(rows: list[dict[str, Any]], expected: LostAndDoubled) -> None:
    counted = compare_records(OWED, rows)
    assert counted == expected
    assert not counted.is_complete


def test_all_there_once_is_whole() -> None:
    counted = compare_records(OWED, [row("a"), row("b")])
    assert counted.is_complete
    assert str(counted) == "recorded 2, lost 0, doubled 0"


def test_a_console_that_is_not_installed_is_told_before_anything_is_played(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.web.terminal.EXTRA_PACKAGES", ("no_such_module",))
    ended = called("demo", capfd=capfd)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr == "dockvoice: no_such_module: not installed; pip install 'dockvoice-inventory[console]'\n"


def test_a_case_that_does_not_wait_is_told_with_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.demo.office._SHOWN_WITHIN_S", 0.0)
    inventory = DemoInventory(tmp_path, DemoBroker(BrokerKind.AUTO, tmp_path))
    with DemoConsole(tmp_path, inventory) as office:
        with pytest.raises(Unavailable, match=r"http://127.0.0.1:\d+/reviews/demo/demo/x: 404"):
            office.check_review_decidable("/reviews/demo/demo/x")
        office.password = "another"  # noqa: S105 - of nobody
        with pytest.raises(Unavailable, match=": 401"):
            office.check_review_decidable("/reviews/demo/demo/x")


def test_a_server_of_the_demo_has_a_port_that_no_outgoing_connection_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert free_port() < outgoing
    with held_port() as port:
        monkeypatch.setattr("lab.demo.servers._PORTS", range(port, port + 1))
        with pytest.raises(Unavailable, match=f"each port from {port} to {port} is in use"):
            free_port()
