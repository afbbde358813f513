"""`dockvoice connect` beside a real Tryton, as its user meets it: he tries, pulls, posts and looks; and is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import Misconfigured, Unfinished
from inventory.cli.main import commands as inventory_commands
from inventory.connect.command import commands
from inventory.repository import Store
from tests.dictated import recorded
from tests.erp.tryton import LOT_NEEDED, PASSWORD, SUPPLIER, Line, Tryton, tryton
from tests.erp.tryton_dock import SETTINGS, Dock
from tests.integration.test_office_decides import keys
from tests.servers.postgresql import PostgreSQL
from tests.sharing import ROOT
from tests.sound.hearing_device import SITE
from tests.store import reader
from tests.waiting import until

__all__ = ["tryton"]

NUMBER = "47100"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKVOICE_CONNECT_TRYTON__PASSWORD", PASSWORD)


def connect(config: Path, *words: str) -> Result:
    return CliRunner().invoke(commands, [*words, "--config", str(config)])


def employ(tryton: Tryton, name: str, number: str) -> None:
    party = tryton.model("party.party")(name=name, code=number)
    party.save()
    (company,) = tryton.model("company.company").find([])
    tryton.model("company.employee")(party=party, company=company).save()


def test_its_user_tries_it_pulls_posts_and_looks(
    tryton: Tryton, postgresql: PostgreSQL, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    (announced,) = tryton.announce("5501", [Line("A200", 24, "Unit")])
    employ(tryton, "Ana", NUMBER)
    with Dock(tmp_path, tryton, postgresql, free_port, keys(tmp_path)) as dock:
        text = dock.settings.read_text().replace('pull = ["expected"]', 'pull = ["expected", "items", "operators"]')
        text = text.replace('user = "dockvoice"', f'user = "dockvoice"\nsupplier = "{SUPPLIER}"')
        dock.settings.write_text(text)

        def run(*words: str) -> Result:
            return connect(dock.config, *words, "--settings", str(dock.settings))

        assert connect(dock.config, "status").stdout == "no connector has posted anything yet\n"
        assert connect(dock.config, "status", "--json").stdout == ""  # one object for each connector: none

        lacking = run("try", "tryton", "--item", LOT_NEEDED, "--place", "12")
        assert isinstance(lacking.exception, Unfinished), lacking
        assert str(lacking.exception).endswith("you must provide a stock lot.; see --lot")
        tried = run("try", "tryton", "--place", "12")
        assert tried.exit_code == 0, tried
        assert tried.stdout.startswith(f"Tryton 8.2 at {tryton.url}/wh as dockvoice, with packages\n")
        assert f"trailer/5501: 1 line expected\n  pallet {announced.pallet}: 24 EA of A200" in tried.stdout
        assert "is posted\n" in tried.stdout
        assert tried.stdout.endswith("is taken back\n")

        with dock.device("dock-1") as (device, _):
            told = run("pull", "tryton", "--publish").stdout
            assert re.search(
                r"^trailer/5501: version \d+, 1 line\nitems: version \d+, .*\nitems.units: .*\nroster: version ", told
            ), told
            until(lambda: device.expects > 0, "the device did not take the list: is it signed?")
        assert run("pull", "tryton", "--publish").stdout == "nothing has changed\n"
        of_site = ("--site", SITE, "--config", str(dock.config), "--json")
        for kind, row in (("items", '"value": "A100"'), ("items.units", '"factor": "12"')):
            shown = CliRunner().invoke(inventory_commands, ["catalogue", "show", kind, *of_site])
            assert row in shown.stdout, shown
        shown = CliRunner().invoke(inventory_commands, ["expect", *of_site])
        assert "trailer/5501" in shown.stdout, shown
        shown = CliRunner().invoke(inventory_commands, ["roster", *of_site, "--sign", str(tmp_path / "office.key")])
        assert NUMBER in shown.stdout, shown

        for number, item in enumerate(("A100", LOT_NEEDED), 1):
            event = recorded(number, at=(SITE, "dock-3"))
            event["data"] |= {"form": "receive-notice"}
            event["subject"] = "receive-notice"
            event["data"]["fields"] = {
                "pallet_id": f"74{number}",
                "item": item,
                "quantity": 4,
                "uom": "EA",
                "door": "12",
            }
            dock.store.apply(reader(ROOT)(event))
        dock.connector.start()
        until(lambda: "1 posted, 1 declined" in connect(dock.config, "status").stdout, dock.connector.log)
        counted = connect(dock.config, "status", "tryton").stdout
        assert counted.startswith("tryton: 0 due, 1 posted, 1 declined, 0 reversed, 0 void\n1 posting open")
        (one,) = [json.loads(line) for line in connect(dock.config, "status", "--json").stdout.splitlines()]
        assert (one["connector"], one["posted"], one["declined"]) == ("tryton", 1, 1)
        assert [(row["pallet"], row["why"]) for row in one["open"]] == [("742", "lot_missing")]
        assert one["open"][0]["event_id"] not in run("pull", "tryton").stdout  # its draft announces nothing


def test_who_is_wrong_is_told_which_file_and_key_what_was_found_and_what_there_is(
    tryton: Tryton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, file = tmp_path / "inventory.toml", tmp_path / "connect" / "tryton.toml"
    config.write_text(f'database = "sqlite:///{tmp_path}/inventory.db"\n')
    with closing(Store.open(f"sqlite:///{tmp_path}/inventory.db")):
        pass
    file.parent.mkdir()
    right = SETTINGS.format(site=SITE, url=tryton.url)
    wrong = {
        (f'url = "{tryton.url}"', 'url = "erp:8000"'): (f"{file}: tryton.url: ", 'found "erp:8000"', "https://"),
        ("timeout_s", 'warehouse = "X"\ntimeout_s'): (f"({file}): [tryton] warehouse: found 'X', there are WH",),
        ("poll_s", "pol_s"): (f"{file}: pol_s: no such key; did you mean poll_s?",),
    }
    for (what, other), told in wrong.items():
        assert right.count(what) == 1, what
        file.write_text(right.replace(what, other))
        _see(config, Misconfigured, *told)
    names = right.replace('"Case of 12"', '"Crate"').replace('"DOCK-14"', '"D14"')
    file.write_text(names.replace("timeout_s", 'supplier = "ACM"\ntimeout_s'))
    units = (f"({file}): [tryton.units] CS: there is no unit 'Crate', there are ", "Case of 6")
    places = ("[tryton.places] 14: there is no location 'D14', there are DOCK-12, DOCK-14",)
    _see(config, Misconfigured, *units, *places, "[tryton] supplier: there is no party of code 'ACM'")
    file.write_text(right.replace(tryton.url, "http://127.0.0.1:9"))
    _see(config, Unfinished, f"tryton ({file}): http://127.0.0.1:9: ", "is the server at [tryton] url")
    file.write_text(right.replace('"wh"', '"nowhere"').replace("timeout_s = 60", "timeout_s = 3"))
    _see(config, Unfinished, f"({file}): {tryton.url}: gave no answer within 3 s", "'nowhere'", "see [tryton] database")
    file.write_text(right)
    monkeypatch.setenv("DOCKVOICE_CONNECT_TRYTON__PASSWORD", "wrong")
    _see(config, Misconfigured, f"({file}): {tryton.url}/wh", "mend [tryton] user and password")
    monkeypatch.delenv("DOCKVOICE_CONNECT_TRYTON__PASSWORD")
    _see(config, Misconfigured, f"{file}: tryton.password: must be given", "$DOCKVOICE_CONNECT_TRYTON__PASSWORD")


def _see(config: Path, kind: type[Exception], *told: str) -> None:
    fault = connect(config, "try", "tryton", "--look-only").exception
    assert isinstance(fault, kind), fault
    for one in told:
        assert one in str(fault), fault
