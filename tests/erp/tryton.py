"""A real Tryton of the tests' own: its server, its database on the tests' PostgreSQL, set up and looked at by proteus.

To make its database takes a quarter of a minute, so a dump is kept in .cache, by the versions of what made it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import pytest

from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.sharing import ROOT
from tests.waiting import until

MODULES = ("stock_lot", "stock_package")
NAME, USER = "wh", "dockvoice"
PASSWORD, ADMIN_PASSWORD = "a-word-of-the-tests", "another-word-of-the-tests"
SETUP_S, START_S = 900, 180
"""Making the database takes some 20 s, a start 3 s; this is for a machine that is busy with something else."""

SETUP = 3  # Raised with every change to how the database is set up here, so that an old dump is not taken.

SUPPLIER = "ACME"
LOT_NEEDED, LOT_NEEDED_LATER = "A300", "A500"
PADDING = 5  # Digits of a package's number, as a label has them.
FIRST_PACKAGE = 74_210
DOORS = {"12": "DOCK-12", "14": "DOCK-14"}  # Each with the location where it unloads.


@dataclass(frozen=True)
class Made:
    """A product as it is set up."""

    code: str
    unit: str
    lot: bool
    price: Decimal


PRODUCTS = (
    Made("A100", "Unit", False, Decimal("2.50")),
    Made("A200", "Unit", False, Decimal("1.20")),
    Made(LOT_NEEDED, "Unit", True, Decimal("7.00")),
    Made("A400", "Kilogram", False, Decimal("0.80")),
    Made(LOT_NEEDED_LATER, "Unit", False, Decimal("3.00")),
)

CASES = {"Case of 12": 12, "Case of 6": 6}


class Tryton:
    """A server with one database, from entering until leaving the context."""

    def __init__(self, cluster: PostgreSQL) -> None:
        self._cluster = cluster
        self._held = ExitStack()
        self._server: subprocess.Popen[bytes] | None = None
        self.port = self._held.enter_context(held_port())
        self._directory = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="dockvoice-tryton-")))
        self._proteus: Any = None
        self._proteus_session: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        (self._directory / "trytond.conf").write_text(
            f"[database]\nuri = postgresql://tester@127.0.0.1:{self._cluster.port}\n"
            f"[web]\nlisten = 127.0.0.1:{self.port}\n[session]\nmax_attempt = 1000\n"
            f"[password]\nlength = 4\nentropy = 0\n"
        )
        (self._directory / "password").write_text(ADMIN_PASSWORD)
        try:
            dump = _dump()
            with dump.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not dump.exists():
                    self._make(dump)
            self._fill(dump)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def close(self) -> None:
        with self._held:
            self.stop()
            self._cluster.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")

    def start(self) -> None:
        """Start the server and wait until it answers for the database."""
        with (self._directory / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [_program("trytond"), "-c", str(self._directory / "trytond.conf"), "-d", NAME], stdout=log, stderr=log
            )
        until(self._answers, lambda: f"Tryton does not answer: {self.log()}", START_S)

    def stop(self) -> None:
        """As if its machine had failed."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def log(self) -> str:
        return (self._directory / "log").read_text()[-4000:]

    def _answers(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, self.log()
        try:
            with urlopen(f"{self.url}/", timeout=5):  # noqa: S310 - our own server
                return True
        except OSError as fault:
            return getattr(fault, "code", None) is not None

    def _make(self, dump: Path) -> None:
        bare = dump.with_name(f"{_made_by()}.bare")
        if not bare.exists():
            self._install(bare)
        self._fill(bare)
        self.start()
        try:
            _set_up(self.proteus())
        finally:
            self.stop()
            self._proteus = None
        self._cluster.dump(NAME, dump)

    def _install(self, bare: Path) -> None:
        self._empty()
        command = ["-c", str(self._directory / "trytond.conf"), "-d", NAME, "--email", "dock@example.org", "-p"]
        done = subprocess.run(
            [_program("trytond-admin"), *command, "-u", *MODULES, "--activate-dependencies"],
            env={**os.environ, "TRYTONPASSFILE": str(self._directory / "password")},
            capture_output=True,
            text=True,
            timeout=SETUP_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        self._cluster.dump(NAME, bare)

    def _fill(self, dump: Path) -> None:
        self._empty()
        self._cluster.restore(dump, NAME)

    def _empty(self) -> None:
        self._cluster.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        self._cluster.execute(f"CREATE DATABASE {NAME}")

    # What is looked at and changed there, as its own people would.

    def proteus(self) -> Any:
        """Tryton's own client, as its administrator. In a session: to check a password takes a while, each time."""
        from proteus import config

        if self._proteus is None:
            at = f"http://127.0.0.1:{self.port}/{NAME}/rpc/"
            session = config.set_xmlrpc_session(at, "admin", ADMIN_PASSWORD)
            self._proteus = session.__enter__()  # no log-out: the server is gone by then
            self._proteus_session = session
        config._CONFIG.current = self._proteus
        return self._proteus

    def model(self, name: str) -> Any:
        """One of its models, to find and change records."""
        from proteus import Model

        self.proteus()
        return Model.get(name)

    def announce(self, trailer: str, lines: Sequence[Line]) -> list[Line]:
        """A supplier shipment that is a draft, each move on a package. The lines, as Tryton numbers those."""
        found: list[Line] = []
        (sequence,) = self.model("ir.sequence").find([("name", "=", "Stock Package")])
        if sequence.padding != PADDING:
            sequence.padding, sequence.number_next = PADDING, FIRST_PACKAGE
            sequence.save()
        (supplier,) = self.model("party.party").find([("code", "=", SUPPLIER)])
        shipment = self.model("stock.shipment.in")(supplier=supplier, reference=trailer)
        kinds = self.model("stock.package.type")
        kind = next(iter(kinds.find([("name", "=", "Pallet")])), None)
        if kind is None:
            kind = kinds(name="Pallet")
            kind.save()
        (currency,) = self.model("currency.currency").find([("code", "=", "EUR")])
        for line in lines:
            package = self.model("stock.package")(type=kind)
            package.save()
            found.append(replace(line, pallet=package.number))
            (product,) = self.model("product.product").find([("code", "=", line.item)])
            (unit,) = self.model("product.uom").find([("name", "=", line.unit)])
            move = shipment.incoming_moves.new(product=product, quantity=line.quantity, unit=unit)
            move.from_location, move.to_location = supplier.supplier_location, shipment.warehouse_input
            move.unit_price, move.currency, move.package = Decimal("1.5"), currency, package
        shipment.save()
        return found

    def needs_lot(self, item: str, needs: bool = True) -> None:
        """From now on, or no more."""
        (template,) = self.model("product.template").find([("code", "=", item)])
        template.lot_required = ["storage", "supplier"] if needs else []
        template.save()

    def shipments(self, reference: str) -> list[Any]:
        return list(self.model("stock.shipment.in").find([("reference", "=", reference)]))

    def moved(self) -> Counter[tuple[str, str, str | None, str]]:
        """By product, unit, lot and location, what is there by all moves that are done. Through Tryton's own client."""
        found: Counter[tuple[str, str, str | None, str]] = Counter()
        for move in self.model("stock.move").find([("state", "=", "done")]):
            key = move.product.code, move.unit.name, None if move.lot is None else move.lot.number
            for location, sign in ((move.to_location, 1), (move.from_location, -1)):
                if location.type == "storage":
                    found[(*key, location.code)] += sign * move.quantity
        return Counter({key: number for key, number in found.items() if number})

    def quantity(self, item: str, location: str) -> float:
        """What Tryton itself says that there is, in the unit in which the stock is kept."""
        (place,) = self.model("stock.location").find([("code", "=", location)])
        (product,) = self.model("product.product").find([("code", "=", item)])
        with self.proteus().set_context(locations=[place.id], with_childs=False):
            (found,) = self.model("product.product").find([("id", "=", product.id)])
            return float(found.quantity)


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _made_by() -> str:
    return "-".join(version(one) for one in ("trytond", *(f"trytond-{one.replace('_', '-')}" for one in MODULES)))


def _dump() -> Path:
    directory = ROOT / ".cache" / "tryton"
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{_made_by()}-{SETUP}.sql"


def _set_up(settings: Any) -> None:
    """A company with a warehouse, its supplier, products counted in pieces, cases and kilograms, and our user."""
    from proteus import Model

    module = Model.get("ir.module.config_wizard.item")
    for item in module.find([("state", "!=", "done")]):
        item.state = "done"
        item.save()
    currency = Model.get("currency.currency")(name="Euro", symbol="€", code="EUR", rounding=Decimal("0.01"), digits=2)
    currency.save()
    party = Model.get("party.party")
    owner = party(name="Dock")
    owner.save()
    company = Model.get("company.company")(party=owner, currency=currency)
    company.save()
    user_model = Model.get("res.user")
    (admin,) = user_model.find([("login", "=", "admin")])
    admin.companies.append(company)
    admin.company = company
    admin.save()
    settings._context = user_model.get_preferences(True, {})
    supplier = party(name="Acme", code=SUPPLIER)
    supplier.save()
    _products()
    _locations()
    groups = Model.get("res.group")
    ours = user_model(name="Dockvoice", login=USER, password=PASSWORD)
    ours.companies.append(Model.get("company.company")(company.id))
    ours.company = Model.get("company.company")(company.id)
    for name in ("Stock",):
        for group in groups.find([("name", "=", name)]):
            ours.groups.append(group)
    ours.save()


def _products() -> None:
    from proteus import Model

    uom = Model.get("product.uom")
    (unit,) = uom.find([("name", "=", "Unit")])
    for name, factor in CASES.items():
        case = uom(name=name, symbol=name, category=unit.category, factor=float(factor), rate=round(1 / factor, 12))
        case.rounding, case.digits = 1.0, 0
        case.save()
    template_model = Model.get("product.template")
    for one in PRODUCTS:
        (base,) = uom.find([("name", "=", one.unit)])
        template = template_model(name=f"Product {one.code}", type="goods", default_uom=base, code=one.code)
        template.list_price = one.price
        template.lot_required = ["storage", "supplier"] if one.lot else []
        (product,) = template.products
        product.cost_price = one.price
        template.save()


def _locations() -> None:
    from proteus import Model

    location = Model.get("stock.location")
    (storage,) = location.find([("code", "=", "STO")])
    for code in DOORS.values():
        location(name=code, code=code, type="storage", parent=storage).save()


@dataclass(frozen=True)
class Line:
    """A pallet as a supplier shipment announces it."""

    item: str
    quantity: float
    unit: str
    pallet: str = ""


@pytest.fixture(scope="module")
def tryton(postgresql: PostgreSQL) -> Iterator[Tryton]:
    """One server for all tests of a file that need one."""
    with Tryton(postgresql) as server:
        yield server
