"""systemd: the directories and secrets of a unit's settings file, and notifications to the service manager.

`dockvoice inventory count --config /etc/dockvoice/inventory.toml` is about the service's database: a settings file in a
unit's directory implies the unit's directories and secrets. $STATE_DIRECTORY, $CACHE_DIRECTORY and
$CREDENTIALS_DIRECTORY, which systemd sets, take precedence; so do directories that the file itself names.

A notification (sd_notify) is one datagram of `KEY=value` lines to the socket named in $NOTIFY_SOCKET. Without systemd
there is no such socket, and nothing is sent.
"""

from __future__ import annotations

import logging
import os
import pwd
import shlex
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, describe_os_error

SETTINGS = Path("/etc/dockvoice")
STATE = Path("/var/lib")
_SERVICES = ("dockvoice", "dockvoice-inventory")  # Whose directories are below `STATE`, by their users.
_CREDENTIAL_STORES = (Path("/etc/credstore"), Path("/run/credstore"), Path("/usr/lib/credstore"))
"""Where LoadCredential= looks for a name, in its order (systemd.exec(5)). For root alone."""

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """The directories and secrets of a systemd unit. `%i` is its instance, the stem of its settings file."""

    settings: Path  # Directory of its settings files.
    state: Path | None = None
    cache: Path | None = None
    credentials: Mapping[_Key, str] = field(default_factory=dict)
    """By the key that takes it, the name below `_CREDENTIAL_STORES`."""

    def instance_of_file(self, file: Path | None) -> str | None:
        """The unit's instance that reads this settings file; None where the file is not the unit's."""
        if file is None:
            return None
        given = Path(os.path.abspath(file))  # noqa: PTH100 - a link there is the unit's, wherever it leads
        return given.stem if given.parent == self.settings and given.suffix == ".toml" else None

    def read_secrets(self, instance: str) -> Iterator[tuple[_Key, str]]:
        """Yield the readable secrets of an instance from the credential store. Raises Misconfigured for binary ones."""
        for key, name in self.credentials.items():
            places = (directory / name.replace("%i", instance) for directory in _CREDENTIAL_STORES)
            if found := next((path for path in places if os.access(path, os.R_OK)), None):
                yield key, read_secret(found)


def read_secret(path: Path) -> str:
    """Read the secret in a file. Raises Misconfigured."""
    try:
        # An editor ends a file with a line break, and some with a carriage return before it: neither is the secret's.
        return plain_file.read_regular_file(path).decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(
            f"credential {path}: cannot be read ({describe_os_error(fault)}); write it again as UTF-8 text"
        ) from None


def default_state_directory(of_unit: Path | None = None) -> Path:
    """The default state directory: $STATE_DIRECTORY, then the unit's, then the user's own."""
    # systemd gives a colon-separated list when a unit names several; the first is ours.
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if of_unit:
        return of_unit
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dockvoice"


def is_service_directory(directory: Path) -> bool:
    """Whether the directory is at or below a systemd unit's state directory."""
    path = Path(os.path.abspath(directory))  # noqa: PTH100 - as above
    return any(path.is_relative_to(STATE / name) for name in _SERVICES)


def refuse_root_for_others(directory: Path) -> None:
    """Raise Misconfigured where root would write files that the directory's owner cannot read."""
    path = directory.absolute()
    owner = next(one for one in (path, *path.parents) if one.exists()).stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        again = shlex.join(["runuser", "-u", user_name_of_id(owner), "--", *sys.argv])
        raise Misconfigured(f"{path}: its owner could not read what root writes there; run this as its owner: {again}")


def user_name_of_id(number: int) -> str:
    """The name of a user id; the number where there is none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def create_owned_file(path: Path, content: bytes = b"", mode: int = 0o600) -> None:
    """Create a file that belongs to the owner of its directory, even if root creates it. The umask applies.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            of = path.parent.stat()
            os.fchown(descriptor, of.st_uid, of.st_gid)
        file.write(content)


def create_owned_directory(path: Path, mode: int = 0o700) -> None:
    """Create a directory and its parents, each belonging to the owner of its parent. Raises OSError."""
    if path.is_dir():
        return
    create_owned_directory(path.parent, 0o777)
    path.mkdir(mode=mode, exist_ok=True)
    if os.geteuid() == 0:
        of = path.parent.stat()
        os.chown(path, of.st_uid, of.st_gid, follow_symlinks=False)


_logger = logging.getLogger(__name__)


class Notifier:
    """The connection to the service manager. A failed notification is logged and never stops the service."""

    def __init__(self, address: str | None, period_s: float | None = None) -> None:
        """Send to the socket `address` (None: nowhere), a path, or `@name` in the abstract namespace."""
        self.period_s = period_s  # Interval of `alive`, seconds: half the watchdog's timeout. None: no watchdog.
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._has_failed = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID (sd_watchdog_enabled(3))."""
        return cls(environment.get("NOTIFY_SOCKET") or None, _watchdog_period_s(environment))

    def notify_ready(self, status: str) -> None:
        """Tell systemd that startup is complete, with a status line."""
        self._send(f"READY=1\n{_status_line(status)}")

    def ping_watchdog(self) -> None:
        """Watchdog ping. Without one for twice `period_s`, systemd restarts the service."""
        self._send("WATCHDOG=1")

    def notify_stopping(self) -> None:
        """Tell systemd that shutdown has begun."""
        self._send("STOPPING=1")

    def set_status(self, text: str) -> None:
        """Set the line that `systemctl status` shows. Every user can read it: no secret, no operator's speech."""
        self._send(_status_line(text))

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
                # A manager that does not read must not block the loop; the next ping repeats the message.
                way.setblocking(False)
                way.sendto(message.encode(), self._address)
        except OSError as fault:
            self._log_once(fault)
        else:
            self._has_failed = False

    def _log_once(self, fault: OSError) -> None:
        """Log the first of several failures in a row."""
        if not self._has_failed:
            _logger.warning(
                "systemd cannot be reached at $NOTIFY_SOCKET (%s) and may restart this service", fault.strerror or fault
            )
        self._has_failed = True


def _status_line(text: str) -> str:
    # A line break would begin another key.
    return f"STATUS={' '.join(text.split())}"


def _watchdog_period_s(environment: Mapping[str, str]) -> float | None:
    if environment.get("WATCHDOG_PID") not in {None, "", str(os.getpid())}:
        return None  # The watchdog is for another process.
    limit_us = environment.get("WATCHDOG_USEC", "")
    return int(limit_us) / 2 / 1_000_000 if limit_us.isdecimal() and int(limit_us) > 0 else None
