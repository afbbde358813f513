"""One table: every connector beside every fault of the other side. Counted there: nothing lost, nothing twice.

Some pallets are received at a dock; one is cancelled, one is corrected, and where the other side refuses one, it is
between two others. The clock is set forward to whatever is due next, so an hour takes no hour.
"""

from __future__ import annotations

import base64
import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook as Receiver

from inventory.connect.csv_folder import CsvFolder, CsvFolderSettings
from inventory.connect.engine import PostingLoop, RoundCounts
from inventory.connect.erpnext import ErpNext, ErpNextSettings
from inventory.connect.ledger import Ledger, load_posting
from inventory.connect.odoo import Odoo, OdooSettings
from inventory.connect.ports import Away, Connector, Posting
from inventory.connect.tryton import Tryton as TrytonConnector
from inventory.connect.tryton_rpc import TrytonSettings
from inventory.connect.webhook import Webhook, WebhookSettings
from inventory.forms import load_forms, load_roles
from inventory.repository import Store
from inventory.settings import InventorySettings
from tests.dictated import amended, cancelled, identity, recorded
from tests.erp.erpnext_server import KEY, SECRET, OtherErpNext
from tests.erp.faults import Answers500, DiesBeforeTheAnswer, DoesNothing, Doubles, DownForAnHour, Fault, Killed, Slow
from tests.erp.ledgers import Clock
from tests.erp.odoo_server import KEY as ODOO_KEY
from tests.erp.odoo_server import REFERENCE, OtherOdoo
from tests.erp.tryton import NAME, PASSWORD, SUPPLIER, USER, Tryton, tryton
from tests.sharing import ROOT
from tests.store import reader
from tests.tiers import sized

__all__ = ["tryton"]

FORM = "receive"
FORMS, READ = load_forms(InventorySettings().forms), reader(ROOT)
LEFT_ALONE_S = 30.0
MOST_ROUNDS = 600  # Some hundred are taken where the other side is down for an hour.
WHSEC = "whsec_" + base64.b64encode(b"a secret of twenty-four bytes").decode()
PALLETS = sized(test=4, nightly=8)
NAMES = {"units": {"CS": "Box", "EA": "Units"}, "orders": ["P{}"]}

Said = tuple[str, Decimal]  # A pallet and its cases, as it stands.


class Other(Protocol):
    """A system that is posted into, and can be counted in."""

    def connector(self) -> Connector:
        """A new one, as after a start of ours."""
        ...

    def stands(self, dock: Dock) -> Counter[Said]:
        """What stands there now, by pallet: each as often as it is there."""
        ...


# What was said at the dock


@dataclass
class Dock:
    """The inventory's own tables, and what is to stand elsewhere."""

    store: Store
    run: str = field(default_factory=lambda: uuid4().hex[:8])
    """What its events begin with: a real server of all tests remembers those of others."""
    sequence: int = 0
    truth: dict[str, Said] = field(default_factory=dict)
    pallets: dict[str, str] = field(default_factory=dict)  # Of every event that was ever said, the pallet.

    def receives(self, pallet: int, cases: int, **fields: Any) -> str:
        return self._said(recorded(self._next()), pallet, cases, fields)

    def corrects(self, number: int, pallet: int, cases: int) -> str:
        del self.truth[self._id(identity(1, number))]
        return self._said(amended(self._next(), number), pallet, cases, {})

    def cancels(self, number: int) -> None:
        del self.truth[self._id(identity(1, number))]
        event = cancelled(self._next(), number)
        event["data"]["form"] = event["subject"] = FORM
        self._apply(event)

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence

    def _id(self, known: str) -> str:
        return self.run + known[8:]

    def _said(self, event: dict[str, Any], pallet: int, cases: int, fields: dict[str, Any]) -> str:
        given = {"pallet_id": f"{pallet:04}", "quantity": cases, "uom": "CS", "item": "A100", "order": "00012"}
        event["data"] |= {"form": FORM, "fields": given | fields}
        event["subject"] = FORM
        said = self._apply(event)
        self.pallets[said] = f"{pallet:04}"
        self.truth[said] = (f"{pallet:04}", Decimal(cases))
        return said

    def _apply(self, event: dict[str, Any]) -> str:
        event["id"] = self._id(event["id"])
        event["data"] |= {
            name: self._id(event["data"][name]) for name in ("amends", "cancels") if name in event["data"]
        }
        self.store.apply(READ(event))
        return str(event["id"])


class Posted:
    """The loop of a connector over the dock's tables, started anew whenever it was killed."""

    def __init__(self, dock: Dock, other: Other, clock: Clock) -> None:
        self.dock, self.other, self.clock = dock, other, clock
        self.kills = self.rounds = 0
        self.ledger = Ledger("other", "north", [FORM], dock.store.transaction, clock)

    def until_nothing_is_due(self) -> None:
        of = load_roles(FORMS, [FORM])
        while self.rounds < MOST_ROUNDS:
            connector = self.other.connector()
            try:
                engine = PostingLoop(
                    self.ledger, connector, partial(self._posting, of), self.clock, left_alone_s=LEFT_ALONE_S
                )
                self._turns(engine, connector)
                connector.close()
            except Killed:
                self.kills += 1
            else:
                return
        raise AssertionError(f"it goes on for ever: {self.ledger.count_by_state()}, {self.ledger.load_open(3)}")

    def _turns(self, engine: PostingLoop, connector: Connector) -> None:
        while self.rounds < MOST_ROUNDS:
            self.rounds += 1
            done = engine.run_round()
            with suppress(Away):  # as the service does: it looks again
                connector.flush_old_batch()
            if done == RoundCounts():
                waiting = [row.due_at for row in self.ledger.load_open(100) if row.state == "due"]
                if not waiting:
                    return
                # One may be due long since, and wait for another of its pallet.
                self.clock.now = min((at for at in waiting if at > self.clock.now), default=self.clock.now)

    def _posting(self, of: dict[str, dict[str, Any]], event_id: str) -> Posting:
        with self.dock.store.transaction() as transaction:
            return load_posting(transaction, event_id, of)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dock(tmp_path: Path, clock: Clock) -> Iterator[Dock]:
    with closing(Store.open(f"sqlite:///{tmp_path / 'inventory.db'}", now=clock)) as store:
        yield Dock(store)


# The other systems


class FakedOdoo:
    def __init__(self, fault: Callable[..., Fault], clock: Clock, _: pytest.FixtureRequest) -> None:
        self.there = OtherOdoo("18.0")
        self.there.uoms[2]["name"] = "Box"
        self.there.order("P00012", (self.there.product("A100"), 10_000, 2))
        self.fault = fault(httpx.MockTransport(self.there), self._changes, clock)

    @staticmethod
    def _changes(request: httpx.Request) -> bool:
        asked = json.loads(request.content)["params"]
        if asked["service"] != "object":
            return False
        model, method = asked["args"][3:5]
        return (method in {"write", "button_validate", "process"} and model != "stock.package") or "returns" in method

    def connector(self) -> Connector:
        given = {"url": "http://odoo.example", "database": "wh", "user": "dock", "key": ODOO_KEY, **NAMES}
        return Odoo("odoo", OdooSettings.model_validate(given), transport=self.fault)

    def stands(self, _: Dock) -> Counter[Said]:
        lines = self.there.tables["stock.move.line"].values()
        packages = self.there.tables[self.there.package_model]
        back = {one["return_id"][0] for one in self.there.pickings(picking_type_code="outgoing", state="done")}
        done = [one for one in self.there.pickings(picking_type_code="incoming", state="done") if one["id"] not in back]
        assert all(one[REFERENCE] for one in done)
        found = [
            (packages[line["result_package_id"]]["name"], Decimal(str(line["quantity"])))
            for picking in done
            for line in lines
            if line["picking_id"] == picking["id"]
        ]
        assert sum(self.there.stock().values()) == sum(cases for _, cases in found) * 12
        return Counter(found)

    def refuses(self, dock: Dock) -> str:
        return dock.receives(799, 5, order="99999")


class FakedErpNext:
    def __init__(self, fault: Callable[..., Fault], clock: Clock, _: pytest.FixtureRequest) -> None:
        self.there = OtherErpNext()
        self.there.item("A100", Box=12)
        self.there.order("P00012", ("A100", 10_000, "Box"))
        self.fault = fault(httpx.MockTransport(self.there), self._changes, clock)

    @staticmethod
    def _changes(request: httpx.Request) -> bool:
        return request.method != "GET" and "make_purchase_receipt" not in str(request.url)

    def connector(self) -> Connector:
        given = {"url": "http://erp.example", "key": KEY, "secret": SECRET, **NAMES}
        return ErpNext("erpnext", ErpNextSettings.model_validate(given), transport=self.fault)

    def stands(self, _: Dock) -> Counter[Said]:
        assert not self.there.receipts(docstatus=0)  # no draft that nobody will finish
        done = self.there.receipts(docstatus=1)
        found = [
            (one["remarks"].partition("pallet ")[2].partition(",")[0], Decimal(str(one["items"][0]["qty"])))
            for one in done
        ]
        assert sum(self.there.stock().values()) == sum(cases for _, cases in found) * 12
        return Counter(found)

    def refuses(self, dock: Dock) -> str:
        return dock.receives(799, 5, order="99999")


class RealTryton:
    """The server itself, as its own client sees it."""

    CHANGES = ("create", "receive", "do", "wait", "assign_try", "cancel")

    def __init__(self, fault: Callable[..., Fault], clock: Clock, request: pytest.FixtureRequest) -> None:
        self.server: Tryton = request.getfixturevalue("tryton")
        self.fault = fault(httpx.HTTPTransport(), self._changes, clock)

    def _changes(self, request: httpx.Request) -> bool:
        model, _, method = str(json.loads(request.content)["method"]).rpartition(".")
        return model.startswith("model.stock.shipment.in") and method in self.CHANGES

    def connector(self) -> Connector:
        given = {"url": self.server.url, "database": NAME, "user": USER, "password": PASSWORD, "supplier": SUPPLIER}
        return TrytonConnector(TrytonSettings.model_validate({**given, "units": {"CS": "Case of 12"}}), self.fault)

    def stands(self, dock: Dock) -> Counter[Said]:
        ours = ("reference", "like", f"{dock.run}-%")
        done = self.server.model("stock.shipment.in").find([ours, ("state", "=", "done")])
        returns = self.server.model("stock.shipment.in.return").find([ours, ("state", "=", "done")])
        back = Counter(str(one.reference) for one in returns)
        assert max(back.values(), default=1) == 1
        found = [one for one in done if f"{one.reference} {one.number}" not in back]
        assert len(found) == len(done) - len(returns)
        return Counter((dock.pallets[one.reference], _cases(one)) for one in found)


def _cases(shipment: Any) -> Decimal:
    (move,) = [one for one in shipment.moves if one.from_location.type == "supplier"]
    assert (move.product.code, move.unit.name, move.state) == ("A100", "Case of 12", "done")
    return Decimal(str(move.quantity))


class ReceivedMessages:
    """A receiver as the standard asks for: it verifies, and drops an id that it knows."""

    def __init__(self, fault: Callable[..., Fault], clock: Clock, _: pytest.FixtureRequest) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.fault = fault(httpx.MockTransport(self._receive), lambda _: True, clock)

    def _receive(self, request: httpx.Request) -> httpx.Response:
        told = Receiver(WHSEC).verify(request.content, dict(request.headers))
        if told["data"]["pallet"] == "0799":
            return httpx.Response(422, json={"reason": "item_unknown", "message": "no such item"})
        self.messages.setdefault(request.headers["webhook-id"], told)
        return httpx.Response(200, json={"id": request.headers["webhook-id"]})

    def connector(self) -> Connector:
        given = {"url": "http://wms.example/in", "secret": WHSEC, "proof": "echo"}
        return Webhook("wms", WebhookSettings.model_validate(given), transport=self.fault)

    def stands(self, _: Dock) -> Counter[Said]:
        return _standing([message["data"] | {"deed": message["type"]} for message in self.messages.values()])

    def refuses(self, dock: Dock) -> str:
        return dock.receives(799, 5)


def _standing(told: list[dict[str, Any]]) -> Counter[Said]:
    """What an importer makes of it, in the order in which it came. What takes back comes behind what it takes back."""
    found: dict[str, Said] = {}
    for one in told:
        if one["deed"].endswith("reversal"):
            del found[one["of"]]
        else:
            assert one["reference"] not in found
            assert one["of"] not in found  # what is corrected was taken back before
            found[one["reference"]] = (one["pallet"], Decimal(one["quantity"]))
    return Counter(found.values())


# The table

WRONG: dict[str, Callable[..., Fault]] = {
    "down for an hour": DownForAnHour,
    "slow": Slow,
    "answers 500": Answers500,
    "doubles": Doubles,
    "dies before the answer": DiesBeforeTheAnswer,
}

OVER_HTTP: dict[str, tuple[type[Any], DoesNothing]] = {
    "odoo": (FakedOdoo, DoesNothing({"jsonrpc": "2.0", "id": 1, "result": True})),
    "erpnext": (FakedErpNext, DoesNothing({"data": {"name": "MAT-PRE-1", "docstatus": 1}, "message": {}})),
    "tryton": (RealTryton, DoesNothing({"id": 1, "result": [999_999]})),
    "webhook": (ReceivedMessages, DoesNothing()),
}


def all_that_is_said(dock: Dock, posted: Posted, pallets: int = PALLETS) -> None:
    """So many pallets; one is corrected before they are posted, one cancelled and one corrected again behind that."""
    for number in range(1, pallets + 1):
        dock.receives(740 + number, 10 + number)
    dock.corrects(1, 741, 99)
    posted.until_nothing_is_due()
    dock.cancels(2)
    dock.corrects(pallets + 1, 760, 7)  # another pallet, too
    posted.until_nothing_is_due()


def counted_there(dock: Dock, posted: Posted, other: Other, *, declined: int = 0) -> None:
    assert other.stands(dock) == Counter(dock.truth.values())
    counts = posted.ledger.count_by_state()
    assert counts["due"] == 0
    assert counts["declined"] == declined
    assert counts["posted"] == len(dock.truth)


NOTHING = "answers 200 and does nothing"
# The real server takes ten seconds for each: by day what doubles, against which nothing but its own reference stands.
OF_TRYTON = sized(test=("doubles",), nightly=(*WRONG, NOTHING))
CELLS = [(name, wrong) for name in OVER_HTTP for wrong in (*WRONG, NOTHING) if name != "tryton" or wrong in OF_TRYTON]


@pytest.mark.parametrize(("name", "wrong"), CELLS)
def test_nothing_is_lost_and_nothing_is_there_twice(
    dock: Dock, clock: Clock, request: pytest.FixtureRequest, name: str, wrong: str
) -> None:
    kind, does_nothing = OVER_HTTP[name]
    other = kind(WRONG.get(wrong, does_nothing), clock, request)
    posted, began = Posted(dock, other, clock), clock.now
    all_that_is_said(dock, posted, 2 if name == "tryton" else PALLETS)
    counted_there(dock, posted, other)
    assert other.fault.struck >= 3
    print(f"{name}, {wrong}: {other.fault.struck} times, {other.fault.requests} requests, {posted.kills} kills")
    if wrong == "down for an hour":
        assert clock.now - began >= timedelta(hours=1)
        assert other.fault.struck < 400  # it was asked less and less
    assert (posted.kills > 0) is (wrong == "dies before the answer")


@pytest.mark.parametrize("name", [name for name in OVER_HTTP if name != "tryton"])
def test_one_that_is_refused_holds_up_no_other(
    dock: Dock, clock: Clock, request: pytest.FixtureRequest, name: str
) -> None:
    other = OVER_HTTP[name][0](Fault, clock, request)
    dock.receives(741, 11)
    refused = other.refuses(dock)
    del dock.truth[refused]
    dock.receives(742, 12)
    posted = Posted(dock, other, clock)
    posted.until_nothing_is_due()
    counted_there(dock, posted, other, declined=1)
    (told,) = posted.ledger.load_open(5)
    assert (told.event_id, told.why) == (refused, "item_unknown" if name == "webhook" else "order_unknown")


# The CSV folder: its faults are those of a disk and of a share


class Files:
    """A folder, and who imports its files: each is read as it stands, and removed at once."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        folder.mkdir()
        self.folder, self.clock = folder, clock
        self.lines: list[dict[str, Any]] = []
        self.importing = True

    def connector(self) -> Connector:
        return CsvFolder("files", CsvFolderSettings(folder=self.folder, batch_lines=3), now=self.clock)

    def take(self) -> None:
        for file in sorted((self.folder / "out").iterdir(), key=lambda one: one.stat().st_mtime_ns):
            with file.open(encoding="utf-8", newline="") as text:
                self.lines += csv.DictReader(text)
            file.unlink()

    def stands(self, _: Dock) -> Counter[Said]:
        self.take()
        # It knows nothing of references: what comes twice would be counted twice.
        assert [count for count in Counter(one["reference"] for one in self.lines).values() if count > 1] == []
        return _standing(self.lines)


@pytest.fixture
def files(tmp_path: Path, clock: Clock) -> Files:
    return Files(tmp_path / "share", clock)


def test_a_share_that_is_not_mounted_for_an_hour(dock: Dock, clock: Clock, files: Files) -> None:
    away, back = files.folder.with_name("unmounted"), clock.now + timedelta(hours=1)
    files.folder.rename(away)

    class Mounted(Posted):
        def _posting(self, of: dict[str, dict[str, Any]], event_id: str) -> Posting:
            if clock.now >= back and away.exists():
                away.rename(files.folder)
            return super()._posting(of, event_id)

    posted = Mounted(dock, files, clock)
    all_that_is_said(dock, posted)
    counted_there(dock, posted, files)
    assert clock.now >= back


@pytest.mark.parametrize("name", ["full", "broken"])
def test_a_disk_that_fails_now_and_then(
    dock: Dock, clock: Clock, files: Files, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number, told = {"full": (28, "No space left on device"), "broken": (5, "Input/output error")}[name]
    real, calls = os.fsync, 0

    def fails(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls % 4 == 1:
            raise OSError(number, told)
        real(descriptor)

    posted = Posted(dock, files, clock)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        all_that_is_said(dock, posted)
    files.connector().close()
    counted_there(dock, posted, files)


def test_killed_between_the_line_and_its_answer(
    dock: Dock, clock: Clock, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And between any other two steps at the disk: each seventh is the last one of its process."""
    calls = 0

    def dies(real: Any) -> Any:
        def call(*given: Any, **how: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls % 7 == 3:
                raise Killed
            found = real(*given, **how)
            if calls % 7 == 5:
                raise Killed
            return found

        return call

    posted = Posted(dock, files, clock)
    with monkeypatch.context() as patched:
        for where, name in ((Path, "rename"), (os, "fsync")):
            patched.setattr(where, name, dies(getattr(where, name)))
        all_that_is_said(dock, posted)
    assert posted.kills > 5
    files.connector().close()
    counted_there(dock, posted, files)


def test_a_file_that_somebody_takes_away_at_once_is_not_written_anew(dock: Dock, clock: Clock, files: Files) -> None:
    posted = Posted(dock, files, clock)
    all_that_is_said(dock, posted)
    files.take()
    again = Posted(dock, files, clock)
    again.ledger = Ledger("again", "north", [FORM], dock.store.transaction, clock)  # whose notes were lost
    again.until_nothing_is_due()
    counted_there(dock, again, files)
