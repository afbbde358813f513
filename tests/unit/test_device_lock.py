from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dockvoice_protocol.errors import AlreadyRunning
from edge.hear.device_lock import DeviceLock, device_name_lock, microphone_lock, source_lock

HOLD = """
import sys
from edge.hear.device_lock import microphone_lock
with microphone_lock(sys.argv[1], {}):
    print("held", flush=True)
    sys.stdin.read()
"""


def refused(claim: DeviceLock) -> str:
    with pytest.raises(AlreadyRunning) as fault, claim:
        pass
    return str(fault.value)


def test_another_process_is_named_and_its_death_gives_the_microphone_free() -> None:
    name = f"Headset of the test {os.getpid()}"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        assert child.stdout.readline() == "held\n"
        assert refused(microphone_lock(name, {})) == f"microphone {name}: is listened to by process {child.pid}"
    finally:
        child.kill()
        child.communicate()
    with microphone_lock(name, {}):
        pass


def test_two_devices_of_one_card_are_one_microphone() -> None:
    card = f"t{os.getpid()}"
    with microphone_lock(f"USB Headset: Audio (hw:{card},0)", {}):
        assert "its sound card is in use" in refused(microphone_lock(f"other name (plughw:{card},1)", {"X": "y"}))
        with microphone_lock(f"USB Headset: Audio (hw:{card}b,0)", {}):
            pass


def test_one_name_at_two_sound_servers_is_two_microphones() -> None:
    here, there = {"PULSE_SERVER": f"unix:/here{os.getpid()}"}, {"PULSE_SERVER": f"unix:/there{os.getpid()}"}
    with microphone_lock("default", here), microphone_lock("default", there), source_lock("a", here):
        assert "is listened to" in refused(microphone_lock("default", here))
        assert "the sound server's source a" in refused(source_lock("a", here))
        with source_lock("a", there):
            pass


def test_one_device_name_is_one_process() -> None:
    way = f"dockvoice/north at broker:{os.getpid()}"
    with device_name_lock(way, "dock-b"), device_name_lock(way, "dock-c"):
        assert refused(device_name_lock(way, "dock-b")).startswith("device 'dock-b': this machine runs it already,")
