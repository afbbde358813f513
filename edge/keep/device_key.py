"""The device's signing key, and its signed statements about what was removed or erased.

    state directory/device.key        PKCS#8 in PEM
    state directory/journal.anchor    {"sequence": …, "link": …, "removed_at": …, "keyid": …, "signature": …}

The chain of a journal whose oldest entries were removed begins at its anchor: the signed link that the first kept event
continues. Without it, a chain with a missing beginning could have been cut off by anybody. It is a file of its own, so
that it outlives a journal that is rebuilt. The table `removals` has the signature for a removed recording, the event's
body that for an erased event.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import Misconfigured, StorageFailed, UnreadableInput
from dockvoice_protocol.hash_chain import GENESIS, DefectKind, PublicKey, Signer
from dockvoice_protocol.plain_file import atomic_write
from edge.keep.codec import now
from edge.keep.storage import translated_errors

KEY = "device.key"  # The key's file in the state directory: PKCS#8 (RFC 5958) in PEM.

_OTHERS = 0o077  # The bits of a file's mode that let others than its owner in.

_RENEW = "or move it away: the next start makes a new key, and the chain shows that it changed"


def load_or_create(directory: Path) -> Signer:
    """Load the device's key from its state directory; create it durably if there is none.

    Raises Misconfigured for a file that others may read or that holds no such key, StorageFailed.
    """
    path = directory / KEY
    with translated_errors(path):
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            with atomic_write(path) as file:
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load(directory)


def load(directory: Path) -> Signer:
    """Load the existing key. Raises UnreadableInput if there is none, Misconfigured or StorageFailed as above."""
    path = directory / KEY
    if not path.exists():
        raise UnreadableInput(f"{path}: no such key; the first start of the agent makes it")
    with translated_errors(path), path.open("rb") as file:
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


_ANCHOR = "journal.anchor"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The sequence and link of the last removed entry, signed. Sequence 0: none was removed, and nothing is signed."""

    sequence: int = 0  # The last removed number.
    link: str = GENESIS  # The link of that event.
    removed_at: str | None = None
    keyid: str | None = None
    signature: str | None = None

    @classmethod
    def signed(cls, sequence: int, link: str, signer: Signer) -> Self:
        """Make a signed anchor: the device removed everything up to this event."""
        removed_at = now()
        signature = signer.sign(_cleanup_digest(sequence, link, removed_at))
        return cls(sequence, link, removed_at, signer.public.keyid, signature)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the anchor in a state directory. Raises StorageFailed where it is invalid."""
        path = directory / _ANCHOR
        with translated_errors(path):
            if not path.exists():
                return cls()
            written = path.read_bytes()
        try:
            return cls(**json.loads(written))
        except (ValueError, TypeError):
            raise StorageFailed(f"{path}: is no anchor of a journal any more; put it back from a copy") from None

    def write(self, directory: Path) -> None:
        """Replace the stored anchor durably. Raises StorageFailed."""
        path = directory / _ANCHOR
        with translated_errors(path), atomic_write(path) as file:
            file.write(json.dumps(asdict(self)).encode())

    def find_fault(self, keys: Mapping[str, PublicKey]) -> DefectKind | None:
        """The anchor's fault with these keys; None without one."""
        if not self.sequence:
            return None
        key = keys.get(str(self.keyid))
        if key is None:
            return DefectKind.UNKNOWN_KEY
        digest = _cleanup_digest(self.sequence, self.link, str(self.removed_at))
        return None if key.verify(digest, str(self.signature)) else DefectKind.FORGED


def removal_digest(utterance_id: str, audio_sha256: str, removed_at: str) -> str:
    """The SHA-256, in hex, of the statement that a recording was removed; the device signs it."""
    return hash_chain.sha256_hex(f"removed recording\n{utterance_id}\n{audio_sha256}\n{removed_at}\n")


def erasure_digest(sequence: int, link: str, erased_at: str, who: str) -> str:
    """The SHA-256, in hex, of the statement that a person erased an event; the device signs it."""
    return hash_chain.sha256_hex(f"erased\n{sequence}\n{link}\n{erased_at}\n{who}\n")


def review_removal_digest(sequence: int, link: str) -> str:
    """The SHA-256, in hex, of the statement that a review event was removed; the device signs it."""
    return hash_chain.sha256_hex(f"removed review\n{sequence}\n{link}\n")


def _cleanup_digest(sequence: int, link: str, removed_at: str) -> str:
    return hash_chain.sha256_hex(f"removed up to\n{sequence}\n{link}\n{removed_at}\n")
