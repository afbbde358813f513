"""A trailer from the spoken sentence to the checked file; and that no folder that fails keeps a receipt back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

from edge.keep import device_key
from inventory.forms import load_forms
from inventory.store.keys import KeyDirectory
from tests.dictated import payload
from tests.integration.test_inventory import Device
from tests.processes.command import DOCKVOICE, dockvoice
from tests.processes.starting import run
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.trailer import INVENTORY, INVENTORY_PEM, VERIFIER, Box, Clock, Dock, write_forms
from tests.waiting import until


def test_a_closed_trailer_becomes_a_file_that_holds(
    tmp_path: Path, free_port: Callable[[], int], repository: Path
) -> None:
    key, folder = tmp_path / "inventory.key", tmp_path / "out"
    key.write_bytes(INVENTORY_PEM)
    environment = {
        "DOCKVOICE_INVENTORY_FORMS_DIRECTORY": str(write_forms(tmp_path / "forms")),
        "DOCKVOICE_INVENTORY_DOSSIER__KEY": str(key),
        "DOCKVOICE_INVENTORY_DOSSIER__FOLDER": str(folder),
    }
    folder.touch()  # a file, where a share should be
    box = Box("dock-3", Clock())
    said = [
        box.record(pallet_id="742", quantity=24, uom="CS", trailer="5501"),
        box.record("close-trailer", trailer="5501"),
    ]
    with Mosquitto(tmp_path / "broker", free_port(), persistent=True) as broker:
        running = RunningInventory(broker.port, tmp_path / "inventory", environment=environment)
        with running, Device(broker) as device:
            device.send(*(payload(event) for event in said))
            device.wait_for(lambda: device.has_receipts_for(2))
            assert [*device.outcomes.values()] == [["applied"], ["applied"]]
            until(lambda: "dossier of trailer 5501: " in running.log.read_text(), "the failure was not told")
            folder.unlink()
            until(lambda: any(folder.glob("*.zip")), running.log.read_text)
    (made,) = folder.iterdir()
    assert checked(repository, made, INVENTORY.public.keyid)[-1] == "it holds"


def checked(repository: Path, made: Path, *keyids: str) -> list[str]:
    """What an insurer sees, who has the script and nothing of this program."""
    script = [*VERIFIER, str(made), *keyids]
    found = subprocess.run(script, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stdout
    return found.stdout.splitlines()


SAID = """trailer 5501, door 12
/wait
pallet 742, 24 cases
/wait
pallet 743, 20 cases, 4 damaged
/wait
no, 3 damaged
/wait
pallet 745, 7 cases
/wait
cancel
yes
/wait
trailer done
yes
/wait
"""
"""With the shipped form `receive`: trailer and door are said once."""


def test_what_was_said_of_a_trailer_is_in_its_file_with_every_sentence(tmp_path: Path, repository: Path) -> None:
    state, bundle, key = tmp_path / "state", tmp_path / "bundle.zip", tmp_path / "inventory.key"
    environment = {**os.environ, "DOCKVOICE_SITE": "north", "DOCKVOICE_DEVICE": "dock-3"}
    talk = [*DOCKVOICE, "talk", "--form", "receive", "--state", str(state)]
    assert run(talk, 120, told=SAID, env=environment).returncode == 0
    assert dockvoice("audit", "export", "--trailer", "5501", bundle, "--state", state).returncode == 0

    with ZipFile(bundle) as opened:
        said = [json.loads(opened.read(name)) for name in sorted(opened.namelist()) if name.endswith("/event.json")]
    dock = Dock.at(f"sqlite:///{tmp_path / 'inventory.db'}", tmp_path / "unused")
    dock.forms = load_forms(repository / "schemas" / "forms")
    with closing(dock.store):
        dock.hear(*said)
    signer = device_key.load(state)
    KeyDirectory(tmp_path / "keys").enrol("north", "dock-3", signer.public)
    key.write_bytes(INVENTORY_PEM)

    made = tmp_path / "5501.zip"
    (tmp_path / "inventory.toml").write_text(f'keys_directory = "{tmp_path / "keys"}"\n', encoding="utf-8")
    where = ("--config", tmp_path / "inventory.toml", "--database", dock.store.where)
    told = dockvoice("inventory", "dossier", "5501", *where, "--sign", key, "--bundle", bundle, "--out", made)
    assert told.stdout.splitlines()[-1].endswith("with 9 of 9 recordings"), told
    lines = checked(repository, made, INVENTORY.public.keyid, signer.public.keyid)
    assert [line for line in lines if line.startswith(("good", "damaged", "lines", "it "))] == [
        "good: 44 CS",
        "damaged: 3 CS",
        "lines: 2 without notice",
        "it holds",
    ]
