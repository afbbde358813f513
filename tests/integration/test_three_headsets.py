"""Three headsets on one box: a process each, with device, journal and identity of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.sound.pulseaudio import HOWEVER_SURELY, Shelf
from tests.sound.worn import ENDED_IN_S, Worn
from tests.waiting import until

SAID = {
    "left": ("dock-a", "02-pallet-0126-nine-units-dock-bravo.flac", "0126", 9),
    "middle": ("dock-b", "04-dock-charlie-pallet-277-sixteen-units.flac", "277", 16),
    "right": ("dock-c", "01-pallet-5451-four-cases-dock-alpha.flac", "5451", 4),
}
"""By headset: the device that it belongs to, what is said into it, and the pallet and quantity that it says."""

NOT_NOW = 75


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path / "sound", list(SAID)) as opened:
        yield opened


def test_what_is_said_into_three_headsets_is_booked_for_three_devices(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    clips = repository / "tests/data/speech/demo"
    with ExitStack() as held:
        held.enter_context(Mosquitto(tmp_path / "broker", port))
        inventory = held.enter_context(RunningInventory(port, tmp_path / "inventory"))
        worn = {
            name: Worn(shelf, name, device, port, tmp_path, DOCKVOICE_DELIVER__CONTROL="true", **HOWEVER_SURELY)
            for name, (device, *_) in SAID.items()
        }
        for one in worn.values():
            held.callback(one.end)
        for one in worn.values():
            one.notices.hear("READY=1", one.log.read_text)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        intruders = [Worn(shelf, "left", "dock-d", port, tmp_path), Worn(shelf, "middle", "dock-c", port, elsewhere)]
        for name, (_, clip, *_) in SAID.items():
            shelf.air.say(name, clips / clip)
        until(
            lambda: all(one.verdicts() for one in worn.values()),
            lambda: str([one.log.read_text() for one in worn.values()]),
        )
        until(lambda: len(inventory.rows()) >= 3, lambda: str([one.log.read_text() for one in worn.values()]))
        rows = {row["device"]: (row["fields"]["pallet_id"], row["fields"]["quantity"]) for row in inventory.rows()}
        assert rows == {device: (pallet, quantity) for device, _, pallet, quantity in SAID.values()}
        told = [(one.process.wait(ENDED_IN_S), one.end(), one.log.read_text())[2] for one in intruders]
        assert f"microphone left: is listened to by process {worn['left'].process.pid}" in told[0]
        assert f"device 'dock-c': this machine runs it already, by process {worn['right'].process.pid}" in told[1]


def test_two_devices_that_reach_one_sound_server_by_one_name_have_each_its_source(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    port, name = free_port(), "left"  # one way to the server, as "default" is
    clips = repository / "tests/data/speech/demo"
    with ExitStack() as held:
        held.enter_context(Mosquitto(tmp_path / "broker", port))
        worn = {}
        for source in ("middle", "right"):
            device, *_ = SAID[source]
            worn[source] = Worn(shelf, name, device, port, tmp_path, DOCKVOICE_HEAR__SOURCE=source, **HOWEVER_SURELY)
            held.callback(worn[source].end)
        for source, one in worn.items():
            one.notices.hear("READY=1", one.log.read_text)
            until(lambda source=source: shelf.is_heard(source), one.log.read_text)  # type: ignore[misc]
        third = Worn(shelf, name, "dock-d", port, tmp_path, DOCKVOICE_HEAR__SOURCE="right")
        assert third.process.wait(ENDED_IN_S) == NOT_NOW, third.log.read_text()
        third.end()
        assert (
            f"the sound server's source right is listened to by process {worn['right'].process.pid}"
            in third.log.read_text()
        )
        for source in worn:
            shelf.air.say(source, clips / SAID[source][1])
        for source, one in worn.items():
            until(lambda one=one: bool(one.verdicts()), one.log.read_text)  # type: ignore[misc]
            (said,) = one.verdicts()
            assert said["fields"]["pallet_id"] == SAID[source][2], one.log.read_text()
