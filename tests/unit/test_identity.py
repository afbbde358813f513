from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dockvoice_protocol.errors import Misconfigured, StorageFailed, UnreadableInput
from dockvoice_protocol.hash_chain import GENESIS, Signer
from dockvoice_protocol.plain_file import PARTIAL
from edge.keep import device_key
from edge.keep.device_key import KEY

PRIVATE = Ed25519PrivateKey.generate()

NO_KEYS = {
    "empty": b"",
    "no PEM": b"secret",
    "cut off": PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())[:70],
    "another kind": X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "under a password": PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open")),
    "a public key": Signer(PRIVATE).public.pem,
}


def put(directory: Path, content: bytes, mode: int = 0o600) -> Path:
    path = directory / KEY
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("what", NO_KEYS)
def test_a_file_that_holds_no_key_is_named_and_kept(tmp_path: Path, what: str) -> None:
    path = put(tmp_path, NO_KEYS[what])
    with pytest.raises(Misconfigured, match=r"device\.key: is no Ed25519 key .*restore it from a copy") as refused:
        device_key.load_or_create(tmp_path)
    assert path.read_bytes() == NO_KEYS[what]
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_open_to_others_is_not_used(tmp_path: Path, mode: int) -> None:
    device_key.load_or_create(tmp_path)
    (tmp_path / KEY).chmod(mode)
    with pytest.raises(Misconfigured, match=rf"is open to others \(mode {mode:o}, allowed is 600\); chmod 600"):
        device_key.load_or_create(tmp_path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match=r"device\.key\.partial: No such file"):
        device_key.load_or_create(tmp_path / "none")


def test_reading_makes_none(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"device\.key: no such key; the first start of the agent makes it"):
        device_key.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_half_written_does_not_stop_the_next_start(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}{PARTIAL}").write_bytes(b"-----BEGIN PRIV")
    (tmp_path / f"{KEY}{PARTIAL}").chmod(0o644)
    device_key.load_or_create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [KEY]
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600


def test_it_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)  # the program may be started with any
    try:
        made = device_key.load_or_create(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
    again = device_key.load_or_create(tmp_path)
    assert again.public == made.public == device_key.load(tmp_path).public
    assert again.sign(GENESIS) == made.sign(GENESIS)
    assert load_pem_private_key((tmp_path / KEY).read_bytes(), password=None).public_key() == made._private.public_key()


def test_it_is_not_shown() -> None:
    key = Signer(PRIVATE)
    assert repr(key) == str(key) == f"Signer({key.public.keyid})"
