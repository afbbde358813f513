"""A trailer closed over a real broker: its dossier is written, and no folder that fails keeps a receipt back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.dictated import payload
from tests.integration.test_inventory import Device
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto
from tests.trailer import INVENTORY, Box, Clock, write_forms
from tests.waiting import until


def test_a_closed_trailer_becomes_a_file_that_holds(
    tmp_path: Path, free_port: Callable[[], int], repository: Path
) -> None:
    key, folder = tmp_path / "inventory.key", tmp_path / "out"
    key.write_bytes(INVENTORY._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
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
            until(lambda: "could not be written; next try" in running.log.read_text(), "the failure was not told")
            folder.unlink()
            until(lambda: any(folder.glob("*.zip")), running.log.read_text)
    (made,) = folder.iterdir()
    script = [
        sys.executable,
        "-I",
        str(repository / "inventory" / "verify_dossier.py"),
        str(made),
        INVENTORY.public.keyid,
    ]
    checked = subprocess.run(script, capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "it holds"), checked.stdout
