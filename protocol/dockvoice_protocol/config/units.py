"""systemd units: the directories and secrets that belong to a settings file in /etc/dockvoice.

`dockvoice inventory count --config /etc/dockvoice/inventory.toml` is about the service's database: a settings file in a
unit's directory implies the unit's directories and secrets. $STATE_DIRECTORY, $CACHE_DIRECTORY and
$CREDENTIALS_DIRECTORY, which systemd sets, take precedence; so do directories that the file itself names.
"""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, describe_os_error

SETTINGS = Path("/etc/dockvoice")
STATE = Path("/var/lib")
_SERVICES = ("dockvoice", "dockvoice-inventory")
"""Whose directories are below `STATE`, by their users."""
CREDENTIALS = (Path("/etc/credstore"), Path("/run/credstore"), Path("/usr/lib/credstore"))
"""Where LoadCredential= looks for a name, in its order (systemd.exec(5)). For root alone."""

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """The directories and secrets of a systemd unit. `%i` is its instance, the stem of its settings file."""

    settings: Path
    """Directory of its settings files."""
    state: Path | None = None
    cache: Path | None = None
    credentials: Mapping[_Key, str] = field(default_factory=dict)
    """By the key that takes it, the name below `CREDENTIALS`."""

    def instance(self, file: Path | None) -> str | None:
        """The unit's instance that reads this settings file; None where the file is not the unit's."""
        if file is None:
            return None
        given = Path(os.path.abspath(file))  # noqa: PTH100 - a link there is the unit's, wherever it leads
        return given.stem if given.parent == self.settings and given.suffix == ".toml" else None

    def read_secrets(self, instance: str) -> Iterator[tuple[_Key, str]]:
        """Yield the readable secrets of an instance from the credential store. Raises Misconfigured for binary ones."""
        for key, name in self.credentials.items():
            places = (directory / name.replace("%i", instance) for directory in CREDENTIALS)
            if found := next((path for path in places if os.access(path, os.R_OK)), None):
                yield key, read_secret(found)


def read_secret(path: Path) -> str:
    """Read the secret in a file. Raises Misconfigured."""
    try:
        # An editor ends a file with a line break, and some with a carriage return before it: neither is the secret's.
        return plain_file.read_regular(path).decode("utf-8").rstrip("\r\n")
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
        again = shlex.join(["runuser", "-u", user_name(owner), "--", *sys.argv])
        raise Misconfigured(f"{path}: its owner could not read what root writes there; run this as its owner: {again}")


def user_name(number: int) -> str:
    """The name of a user id; the number where there is none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def create_file(path: Path, content: bytes = b"", mode: int = 0o600) -> None:
    """Create a file that belongs to the owner of its directory, even if root creates it. The umask applies.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            of = path.parent.stat()
            os.fchown(descriptor, of.st_uid, of.st_gid)
        file.write(content)


def create_directory(path: Path, mode: int = 0o700) -> None:
    """Create a directory and its parents, each belonging to the owner of its parent. Raises OSError."""
    if path.is_dir():
        return
    create_directory(path.parent, 0o777)
    path.mkdir(mode=mode, exist_ok=True)
    if os.geteuid() == 0:
        of = path.parent.stat()
        os.chown(path, of.st_uid, of.st_gid, follow_symlinks=False)
