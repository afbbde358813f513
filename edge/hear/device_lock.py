"""Device locks: exclusive use of a microphone or of a device's name by one process of a machine.

A claim is a socket in Linux's abstract namespace (unix(7)): visible to every process of the machine whatever its file
system, and released by the kernel when its holder dies.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from dockvoice_protocol.errors import AlreadyRunning
from dockvoice_protocol.hash_chain import sha256_hex

_CARD = re.compile(r"\((?:plug)?hw:(\w+)(?:,\d+)?\)")
"""How PortAudio names ALSA's hardware: `USB Headset: Audio (hw:1,0)`."""

_SERVERS = ("PULSE_SERVER", "PULSE_SOURCE", "PIPEWIRE_REMOTE", "XDG_RUNTIME_DIR")
"""The variables that select the sound server, and so the meaning of a name like `default`."""

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group.

DeviceLock = AbstractContextManager[None]
"""An exclusive lock, held while entered. Raises AlreadyRunning, naming the process that holds it."""


@contextmanager
def _hold_lock(resource: str, message: str) -> Iterator[None]:
    """Hold the lock of `resource`. `message` begins the message of AlreadyRunning."""
    address = f"\0dockvoice-{sha256_hex(resource)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as claiming:
        try:
            claiming.bind(address)
            claiming.listen(1)
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
            raise AlreadyRunning(f"{message} by process {_holder_pid(address)}") from None
        yield


def _holder_pid(address: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.settimeout(1)
            asking.connect(address)
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:  # it has just let go, or many ask at once
            return "unknown"
        process, _, _ = _CREDENTIALS.unpack(credentials)
        return str(process)


def microphone_lock(name: str, environment: Mapping[str, str] = os.environ) -> DeviceLock:
    """The lock of a PortAudio device. All devices of one sound card share a lock."""
    card = _CARD.search(name)
    if card is not None:
        return _hold_lock(f"card {card[1]}", f"microphone {name}: its sound card is in use")
    server = " ".join(environment.get(variable, "") for variable in _SERVERS)
    return _hold_lock(f"microphone {name} of {server}", f"microphone {name}: is listened to")


def is_card(name: str) -> bool:
    """Whether PortAudio's name is a sound card's, not a route to a sound server such as `default`."""
    return _CARD.search(name) is not None


def source_lock(name: str, environment: Mapping[str, str] = os.environ) -> DeviceLock:
    """The lock of a source of the sound server, whichever PortAudio device leads to it."""
    server = environment.get("PULSE_SERVER") or environment.get("XDG_RUNTIME_DIR", "")
    return _hold_lock(f"source {name} of {server}", f"microphone: the sound server's source {name} is listened to")


def device_name_lock(way: str, device: str) -> DeviceLock:
    """The lock of a device's name, so that only one process uses it at the broker and topics that `way` names."""
    return _hold_lock(f"device {device} of {way}", f"device {device!r}: this machine runs it already,")
