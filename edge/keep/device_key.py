"""The device's own key: it signs every event, so that nobody else can write one in the device's name."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.hash_chain import Signer
from edge.keep.storage import refusals, replacing

KEY = "device.key"  # The key's file in the state directory: PKCS#8 (RFC 5958) in PEM.

_OTHERS = 0o077  # The bits of a file's mode that let others than its owner in.

_RENEW = "or move it away: the next start makes a new key, and the chain shows that it changed"


def load_or_create(directory: Path) -> Signer:
    """Load the device's key from its state directory; create it durably if there is none.

    Raises Misconfigured for a file that others may read or that holds no such key, StorageFailed.
    """
    path = directory / KEY
    with refusals(path):
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            with replacing(path) as file:
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load(directory)


def load(directory: Path) -> Signer:
    """Load the existing key. Raises UnreadableInput if there is none, Misconfigured or StorageFailed as above."""
    path = directory / KEY
    if not path.exists():
        raise UnreadableInput(f"{path}: no such key; the first start of the agent makes it")
    with refusals(path), path.open("rb") as file:
        if (mode := os.fstat(file.fileno()).st_mode) & _OTHERS:
            raise Misconfigured(
                f"{path}: is open to others (mode {mode & 0o777:03o}, allowed is 600); "
                f"chmod 600 it if nobody can have read it, {_RENEW}"
            )
        pem = file.read()
    try:
        return Signer.from_pem(pem)
    except ValueError:
        raise Misconfigured(
            f"{path}: is no Ed25519 key in PEM without a password; restore it from a copy, {_RENEW}"
        ) from None
