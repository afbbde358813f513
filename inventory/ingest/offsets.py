"""Which records of a topic are acknowledged, and so which offsets may be committed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count


class Offsets:
    """The offsets of the partitions that this consumer reads. None of them passes a record without acknowledgement."""

    def __init__(self) -> None:
        self._tokens = count(-1, -1)  # Negative, so that none is one of MQTT's.
        self._on_the_way: dict[int, tuple[int, int]] = {}
        """By token, partition and offset of each record without an acknowledgement."""
        self._next: dict[int, int] = {}  # By partition, the offset behind the last record that was delivered.
        self._committed: dict[int, int] = {}

    def __len__(self) -> int:
        """The number of records without an acknowledgement."""
        return len(self._on_the_way)

    def begin(self, partition: int, offset: int) -> None:
        """Note where a partition is read from, unless that is known."""
        self._next.setdefault(partition, offset)
        self._committed.setdefault(partition, offset)

    def deliver(self, partition: int, offset: int) -> int:
        """Note a record on its way to the consumer; the token that acknowledges it."""
        self.begin(partition, offset)
        self._next[partition] = offset + 1
        token = next(self._tokens)
        self._on_the_way[token] = (partition, offset)
        return token

    def acknowledge(self, token: int) -> None:
        """Note that a record is done with; nothing where it was rewound, or its partition revoked."""
        self._on_the_way.pop(token, None)

    def rewind(self) -> None:
        """Forget what is on the way: all of it is delivered once more, from `positions` on."""
        self._next = self.positions()
        self._on_the_way.clear()

    def revoke(self, partitions: Collection[int]) -> None:
        """Forget these partitions: they go to another consumer."""
        self._on_the_way = {token: at for token, at in self._on_the_way.items() if at[0] not in partitions}
        for partition in partitions:
            self._next.pop(partition, None)
            self._committed.pop(partition, None)

    def positions(self) -> dict[int, int]:
        """By partition, the offset before which all records are acknowledged."""
        found = dict(self._next)
        for partition, offset in self._on_the_way.values():
            found[partition] = min(found[partition], offset)
        return found

    def due(self) -> dict[int, int]:
        """By partition, the offset to commit, where it is another than the last one committed."""
        return {at: offset for at, offset in self.positions().items() if offset != self._committed[at]}

    def note_committed(self, offsets: Mapping[int, int]) -> None:
        """Note that these offsets of `due` are committed."""
        self._committed |= offsets
