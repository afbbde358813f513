"""Where a journal begins whose oldest entries were removed: the link that the first kept event continues, signed.

    state directory/journal.anchor    {"sequence": …, "link": …, "removed_at": …, "keyid": …, "signature": …}

A chain whose beginning is gone could have been cut off by anybody. The anchor says that the device itself removed what
is gone, and up to where; what it is not signed for is missing. It is a file of its own, so that it outlives a journal
that has to be rebuilt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge.errors import StorageFailed
from edge.hash_chain import GENESIS, PublicKey, Signer, Wrong, sha256
from edge.keep.disk import refusals, sync_directory
from edge.keep.rows import to_time

ANCHOR = "journal.anchor"

_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Anchor:
    """Up to where entries were removed. Sequence 0: none were, and nothing is signed."""

    sequence: int = 0
    """The last number that is gone."""
    link: str = GENESIS
    """The link of that event."""
    removed_at: str | None = None
    keyid: str | None = None
    signature: str | None = None

    @classmethod
    def signed(cls, sequence: int, link: str, signer: Signer) -> Self:
        """The statement of the device that it removed everything up to this event."""
        now = to_time(datetime.now(UTC))
        return cls(sequence, link, now, signer.public.keyid, signer.sign(_statement(sequence, link, now)))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The anchor in a state directory. Raises StorageFailed where it is there and cannot be made out."""
        path = directory / ANCHOR
        with refusals(path):
            if not path.exists():
                return cls()
            written = path.read_bytes()
        try:
            return cls(**json.loads(written))
        except (ValueError, TypeError):
            raise StorageFailed(f"{path}: is no anchor of a journal any more; put it back from a copy") from None

    def write(self, directory: Path) -> None:
        """Put it on the disk in the place of the last one. Raises StorageFailed."""
        path = directory / ANCHOR
        partial = path.with_name(ANCHOR + _PARTIAL)
        with refusals(path):
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(json.dumps(asdict(self)))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_directory(directory)

    def wrong(self, keys: Mapping[str, PublicKey]) -> Wrong | None:
        """What is wrong with it, when these are the device's keys; None where nothing is."""
        if not self.sequence:
            return None
        key = keys.get(str(self.keyid))
        if key is None:
            return Wrong.UNKNOWN_KEY
        statement = _statement(self.sequence, self.link, str(self.removed_at))
        return None if key.signed(statement, str(self.signature)) else Wrong.FORGED


def _statement(sequence: int, link: str, removed_at: str) -> str:
    return sha256(f"removed up to\n{sequence}\n{link}\n{removed_at}\n")
