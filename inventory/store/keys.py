"""The enrolled keys: a directory of public keys, each bound to its device by its file's name.

`north.dock-3.9f86d081884c7d65.pem` is a key of device dock-3 of site north. One that was replaced ends in
`.upto-417.pem`: it signed events up to that number. One that was revoked ends in `.revoked.pem`: no event signed with
it is accepted. No file is deleted, so that old signatures can be verified: `audit verify` takes the directory.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, StorageFailed, UnreadableInput, describe_os_error
from dockvoice_protocol.hash_chain import KEYID_DIGITS, PublicKey
from dockvoice_protocol.systemd import create_owned_directory, create_owned_file

log = logging.getLogger("inventory")

_LEVEL = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
KEY_FILE_NAME = re.compile(
    rf"(?P<site>{_LEVEL})\.(?P<device>{_LEVEL})\.(?P<keyid>[0-9a-f]{{{KEYID_DIGITS}}})"
    r"(?:\.(?:upto-(?P<last>[0-9]{1,10})|(?P<revoked>revoked)))?\.pem"
)
_TICK_NS = 50_000_000  # The kernel's clock tick for directory times: files added within one leave the same time.

_DEVICE = re.compile(rf"(?P<site>{_LEVEL})/(?P<device>{_LEVEL})")


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """One enrolled public key of one device."""

    site: str
    device: str
    keyid: str
    last: int | None  # The last number that it may have signed; None: no limit.
    revoked: bool
    key: PublicKey = field(repr=False)

    @property
    def file(self) -> str:
        """The name of the key's file."""
        end = ".revoked" if self.revoked else "" if self.last is None else f".upto-{self.last}"
        return f"{self.site}.{self.device}.{self.keyid}{end}.pem"

    @property
    def state(self) -> str:
        """The key's state for display and JSON: good, revoked, or its last number."""
        return "revoked" if self.revoked else "good" if self.last is None else f"up to {self.last}"


class KeyDirectory:
    """The directory of enrolled keys. Other processes may change it: each query checks for changes."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist yet."""
        self.path = path
        self._changed: int | None = None
        """The directory's mtime when it was read; None: a later change may leave the same mtime."""
        self._devices: dict[tuple[str, str], dict[str, EnrolledKey]] = {}
        """By site and device, then by the file's name, so that an event's keys are found fast among ten thousand
        devices."""
        self._places: dict[str, tuple[str, str]] = {}  # The device of a key, by the file's name.
        self._holders: dict[str, set[tuple[str, str]]] = {}
        """The devices that have a key, by its id: one, unless the key was copied."""
        self._bad: dict[str, int] = {}
        """Invalid files, and the directory's mtime when each was logged: they are read again after each change."""

    def all(self) -> tuple[EnrolledKey, ...]:
        """Every key, by site, device and key id. An invalid file is ignored, and logged."""
        self._refresh()
        return tuple(self._devices[place][name] for name, place in sorted(self._places.items()))

    def keys_of(self, site: str, device: str) -> Mapping[str, EnrolledKey]:
        """The enrolled keys of one device, by key id."""
        self._refresh()
        return {one.keyid: one for _, one in sorted(self._devices.get((site, device), {}).items())}

    def holders(self, keyid: str) -> list[tuple[str, str]]:
        """Site and name of each device that has or had this key; several if it was copied."""
        self._refresh()
        return sorted(self._holders.get(keyid, ()))

    def enrol(self, site: str, device: str, key: PublicKey) -> EnrolledKey:
        """Store a key, with which the device's events are accepted. Raises Misconfigured, StorageFailed."""
        known = self.keys_of(site, device).get(key.keyid)
        if others := [at for at in self.holders(key.keyid) if at != (site, device)]:
            raise Misconfigured(
                f"{self.path}: {key.keyid} is the key of {'/'.join(others[0])}, and says which device signed; give "
                f"{site}/{device} one of its own: move its device.key away and start it"
            )
        if known is not None and known.state != "good":
            raise Misconfigured(
                f"{self.path / known.file}: this key of {site}/{device} is {known.state}; give the device a new one: "
                "move its device.key away and start it"
            )
        enrolled = EnrolledKey(site, device, key.keyid, None, revoked=False, key=key)
        if known is None:
            self._write_key_file(enrolled)
        return enrolled

    def rotate(self, site: str, device: str, key: PublicKey, last: int) -> EnrolledKey:
        """Enrol a new key; the device's other keys stay valid up to number `last`.

        Repeated with a higher number, that becomes the limit of the previous key: the device had signed more with it.
        """
        others = [one for one in self._keys_or_raise(site, device) if one.keyid != key.keyid and not one.revoked]
        enrolled = self.enrol(site, device, key)
        before = [one for one in others if one.last is None]
        newest = max((one.last for one in others if one.last is not None), default=last)
        for one in before or [one for one in others if one.last == newest < last]:
            self._rename_key_file(one, EnrolledKey(site, device, one.keyid, last, revoked=False, key=one.key))
        return enrolled

    def revoke(self, site: str, device: str, keyid: str | None) -> list[EnrolledKey]:
        """Reject everything signed with this key of the device, or with any of its keys if `keyid` is None."""
        found = [one for one in self._keys_or_raise(site, device) if keyid in {None, one.keyid}]
        if not found:
            known = ", ".join(self.keys_of(site, device))
            raise UnreadableInput(f"--keyid {keyid}: no key of {site}/{device}; its keys are {known}")
        gone = [one for one in found if not one.revoked]
        for one in gone:
            self._rename_key_file(one, EnrolledKey(site, device, one.keyid, None, revoked=True, key=one.key))
        return gone

    def _keys_or_raise(self, site: str, device: str) -> list[EnrolledKey]:
        if found := list(self.keys_of(site, device).values()):
            return found
        known = ", ".join(sorted({f"{one.site}/{one.device}" for one in self.all()})) or "none"
        raise UnreadableInput(f"{site}/{device}: {self.path} holds no key of it; it holds keys of {known}")

    def _refresh(self) -> None:
        """Read new files, and forget removed ones.

        A valid file is not read again: its name has the device, the key id and the limit.
        """
        try:
            changed = self.path.stat().st_mtime_ns
            if changed == self._changed:
                return
            names = {name for name in os.listdir(self.path) if name.endswith(".pem")}  # noqa: PTH208 - names alone
        except OSError:
            changed, names = 0, set()
        for name in self._places.keys() - names:
            place = self._places.pop(name)
            gone = self._devices[place].pop(name)
            if all(one.keyid != gone.keyid for one in self._devices[place].values()):
                self._holders[gone.keyid].discard(place)
        for name in sorted(names - self._places.keys()):
            if self._bad.get(name) == changed:
                continue
            if (enrolled := self._read_key_file(self.path / name)) is None:
                self._bad[name] = changed
                continue
            self._places[name] = place = (enrolled.site, enrolled.device)
            self._devices.setdefault(place, {})[name] = enrolled
            self._add_holder_and_warn_of_copies(enrolled)
        self._changed = changed if abs(time.time_ns() - changed) > _TICK_NS else None

    def _add_holder_and_warn_of_copies(self, enrolled: EnrolledKey) -> None:
        holders, place = self._holders.setdefault(enrolled.keyid, set()), (enrolled.site, enrolled.device)
        if holders - {place} and place not in holders:
            others = ", ".join("/".join(one) for one in sorted(holders))
            log.warning(
                "%s: this key of %s/%s is that of %s too: events of one can pass for the other's; give each its own "
                "(`keys rotate`)",
                *(self.path / enrolled.file, *place, others),
            )
        holders.add(place)

    def _read_key_file(self, path: Path) -> EnrolledKey | None:
        named = KEY_FILE_NAME.fullmatch(path.name)
        try:
            key = PublicKey.from_pem(plain_file.read_regular_file(path))
        except (OSError, ValueError) as fault:
            why = describe_os_error(fault) if isinstance(fault, OSError) else "no Ed25519 public key in PEM"
            log.warning("%s lets nobody in: %s", path, why)
            return None
        if named is None or named["keyid"] != key.keyid:
            log.warning("%s lets nobody in: its name is not SITE.DEVICE.%s.pem; use `keys enrol`", path, key.keyid)
            return None
        last = None if named["last"] is None else int(named["last"])
        return EnrolledKey(named["site"], named["device"], key.keyid, last, named["revoked"] is not None, key)

    def _write_key_file(self, enrolled: EnrolledKey) -> None:
        path = self.path / enrolled.file
        partial = path.with_suffix(".partial")  # no *.pem, so a partial file is never read
        try:
            create_owned_directory(self.path, 0o777)
            partial.unlink(missing_ok=True)
            create_owned_file(partial, enrolled.key.pem, 0o666)
            partial.replace(path)
        except OSError as fault:
            raise StorageFailed(
                f"{path}: cannot be written ({describe_os_error(fault)}); name another keys_directory"
            ) from None
        self._changed = None

    def _rename_key_file(self, before: EnrolledKey, after: EnrolledKey) -> None:
        try:
            (self.path / before.file).replace(self.path / after.file)
        except OSError as fault:
            raise StorageFailed(
                f"{self.path / before.file}: cannot be renamed ({describe_os_error(fault)}); "
                "do it as the directory's owner"
            ) from None
        self._changed = None


def parse_device(given: str) -> tuple[str, str]:
    """Parse `SITE/DEVICE` into site and device. Raises ValueError."""
    if (named := _DEVICE.fullmatch(given)) is None:
        raise ValueError(f"found {given!r}, allowed is SITE/DEVICE, for example north/dock-3")
    return named["site"], named["device"]
