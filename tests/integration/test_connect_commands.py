"""`dockvoice connect` with files and with messages, as a user runs it: real processes, a real receiver."""

from __future__ import annotations

import base64
import csv
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Receiver
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import Unfinished
from edge.keep import device_key
from edge.keep.device_key import KEY
from inventory.cli.main import commands as inventory_commands
from inventory.connect.command import commands
from inventory.repository import Store
from inventory.site.catalogue import SiteCatalogue
from inventory.site.roster import roster_kind
from tests.dictated import cancelled, identity, recorded
from tests.servers.mosquitto import Mosquitto
from tests.sharing import ROOT
from tests.store import reader
from tests.waiting import until

CONNECT = [sys.executable, "-c", "from inventory.connect.command import commands; commands(prog_name='connect')"]
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four bytes").decode()


@dataclass
class Site:
    """The inventory's tables, with a connector's settings beside them."""

    directory: Path
    store: Store

    def apply(self, event: dict[str, Any]) -> None:
        event["data"]["form"] = event["subject"] = "receive"
        if "fields" in event["data"]:
            event["data"]["fields"] = {"pallet_id": "0742", "quantity": 24, "uom": "CS", "item": "A100"}
        self.store.apply(reader(ROOT)(event))

    def settings(self, name: str, text: str) -> None:
        (self.directory / "connect").mkdir(exist_ok=True)
        (self.directory / "connect" / f"{name}.toml").write_text(
            f'site = "north"\npoll_s = 0.05\nleft_alone_s = 0.1\n{text}'
        )

    @property
    def options(self) -> list[str]:
        return ["--config", str(self.directory / "inventory.toml")]

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(commands, [*words, *self.options])

    def log(self, name: str) -> Callable[[], str]:
        return (self.directory / f"{name}.log").read_text

    def running(self, name: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen([*CONNECT, "run", name, *self.options], stdout=log, stderr=log)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    (tmp_path / "inventory.toml").write_text(f'database = "{url}"\n')
    with closing(Store.open(url)) as store:
        yield Site(tmp_path, store)


@dataclass
class Messages:
    """A receiver on a real socket. It is down until it is let up, and drops ids that it knows."""

    up: bool = False
    tried: int = 0
    came: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture
def receiver() -> Iterator[tuple[Messages, str]]:
    messages = Messages()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            messages.tried += 1
            if messages.up:
                told = Receiver(SECRET).verify(body, dict(self.headers))
                messages.came.setdefault(self.headers["webhook-id"], told)
            self.send_response(204 if messages.up else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)  # noqa: TID251 - of the test, joined below
    thread.start()
    yield messages, f"http://127.0.0.1:{server.server_address[1]}/in"
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_are_tried_and_posted_as_a_user_does_it(site: Site) -> None:
    share = site.directory / "share"
    site.settings("csv", f'[csv]\nfolder = "{share}"\nbatch_s = 0\n')
    missing = site.run("try", "csv", "--item", "A100")
    assert isinstance(missing.exception, Unfinished)
    assert "share is not there; mount it, or make it" in str(missing.exception)
    share.mkdir()
    tried = site.run("try", "csv", "--item", "A100")
    assert tried.exit_code == 0, tried
    assert "is taken back" in tried.stdout
    before = {file.name for file in (share / "out").iterdir()}
    site.apply(recorded(1))
    with site.running("csv") as process:
        until(lambda: len({*(share / "out").iterdir()}) > len(before), site.log("csv"))
        process.send_signal(signal.SIGTERM)
    (made,) = [file for file in (share / "out").iterdir() if file.name not in before]
    with made.open(encoding="utf-8", newline="") as text:
        (row,) = csv.DictReader(text)
    assert (row["reference"], row["pallet"], row["quantity"], row["unit"]) == (identity(1, 1), "0742", "24", "CS")


def test_messages_wait_for_a_receiver_that_is_down_and_come_once(site: Site, receiver: tuple[Messages, str]) -> None:
    messages, url = receiver
    site.settings("wms", f'kind = "webhook"\n[webhook]\nurl = "{url}"\nsecret = "{SECRET}"\n')
    site.apply(recorded(1))
    with site.running("wms") as process:
        until(lambda: messages.tried >= 2, site.log("wms"))  # and once more, a little later
        process.kill()
    assert not messages.came
    messages.up = True
    with site.running("wms") as process:
        until(lambda: len(messages.came) == 1, site.log("wms"))
        site.apply(cancelled(2, 1))
        until(lambda: len(messages.came) == 2, site.log("wms"))
        process.send_signal(signal.SIGTERM)
    told = [(one["type"], one["data"]["pallet"]) for one in messages.came.values()]
    assert told == [("dockvoice.receipt", "0742"), ("dockvoice.reversal", "0742")]
    assert SECRET not in site.log("wms")()


EXPECTED = "notice,trailer,door,pallet,item,quantity,uom,lot_needed\n"


def test_a_pull_says_beforehand_what_it_would_change_and_withdraws_only_its_own(
    site: Site, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    share, asn = site.directory / "share", site.directory / "asn.csv"
    (share / "in").mkdir(parents=True)
    device_key.load_or_create(site.directory)
    asn.write_text(f"{EXPECTED}ASN1,5501,,1,A100,24,CS,no\nASN2,5502,,2,A100,24,CS,no\n")

    def drop(name: str, text: str) -> None:
        (share / "in" / name).write_text(text)
        os.utime(share / "in" / name, (1, 1))

    def there() -> dict[str, int]:
        return {str(one.expected.place): len(one.expected.lines) for one in site.store.expected_lists()}

    with Mosquitto(site.directory / "broker", free_port(), persistent=True) as broker:
        config = site.directory / "inventory.toml"
        config.write_text(f"{config.read_text()}[mqtt]\nport = {broker.port}\n")
        sign = f'key = "{site.directory / KEY}"'
        site.settings("csv", f'pull = ["expected"]\n{sign}\n[csv]\nfolder = "{share}"\n')
        published = ("expect", str(asn), "--site", "north", "--sign", str(site.directory / KEY))
        assert CliRunner().invoke(inventory_commands, [*published, *site.options]).exit_code == 0
        drop("expected.csv", f"{EXPECTED}SH1,700123,,9,A100,24,CS,no\n")
        looked = site.run("pull", "csv").stdout
        assert there() == {"trailer/5501": 1, "trailer/5502": 1}
        assert site.run("pull", "csv", "--publish").exit_code == 0
        assert there() == {"trailer/5501": 1, "trailer/5502": 1, "trailer/700123": 1}
        assert "with --publish: trailer/700123: 1 line\n" in looked
        assert "withdrawn" not in looked
        drop("withdrawn.csv", "trailer,door\n700123,\n")
        assert "with --publish: trailer/700123: withdrawn: notice SH1" in site.run("pull", "csv").stdout
        assert site.run("pull", "csv", "--publish").exit_code == 0
        assert there() == {"trailer/5501": 1, "trailer/5502": 1, "trailer/700123": 0}
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "trailer/700123: withdrawn: notice SH1, since csv has it no more" in told


def test_a_pull_takes_out_only_the_items_and_operators_that_it_has_put_there(
    site: Site, free_port: Callable[[], int]
) -> None:
    share = site.directory / "share"
    (share / "in").mkdir(parents=True)
    device_key.load_or_create(site.directory)
    at = site.store.catalogue("north")
    at.put("items", [("line 2", {"value": "B900"})], "ben", "begun", "x.csv")
    at.put("items.units", [("line 2", {"value": "B900", "unit": "CS", "factor": "9", "base": "EA"})], "b", "r", "x.csv")

    def drop(**files: str) -> str:
        for name, text in files.items():
            path = share / "in" / f"{name}.csv"
            path.write_text(text)
            os.utime(path, (1, 1))
        looked = site.run("pull", "csv")
        assert looked.exit_code == 0, looked
        assert site.run("pull", "csv", "--publish").exit_code == 0
        return looked.stdout

    with Mosquitto(site.directory / "broker", free_port(), persistent=True) as broker:
        config = site.directory / "inventory.toml"
        config.write_text(f"{config.read_text()}[mqtt]\nport = {broker.port}\n")
        sign = f'key = "{site.directory / KEY}"'
        site.settings("csv", f'pull = ["items", "operators"]\n{sign}\n[csv]\nfolder = "{share}"\n')
        rosters_of(site).put("roster", [("line 2", {"name": "zoe", "number": "471"})], "ben", "begun", "x.csv")
        looked = drop(items=f"{ITEMS}A100,A,EA,no,CS,12\nA200,B,EA,no,,\n", operators=f"{ROSTER}eva,12,,,\nkim,13,,,\n")
        assert "with --publish: items: 2 added\n" in looked
        assert "with --publish: roster: 2 added\n" in looked
        looked = drop(items=f"{ITEMS}A200,B,EA,no,,\n", operators=f"{ROSTER}kim,13,,,\n")
        assert "with --publish: items: 1 removed (A100)\n" in looked
        assert "with --publish: roster: 1 removed (eva)\n" in looked
    assert [row["value"] for row in at.current("items").rows] == ["A200", "B900"]
    assert [row["value"] for row in at.current("items.units").rows] == ["B900"]
    assert [row["name"] for row in rosters_of(site).history("roster")[0].rows] == ["kim", "zoe"]


ITEMS, ROSTER = "item,title,base,lot_needed,unit,factor\n", "name,number,spoken,language,forms\n"


def rosters_of(site: Site) -> SiteCatalogue:
    return SiteCatalogue("north", site.store.transaction, lambda: datetime.now(UTC), of=lambda _: roster_kind(()))
