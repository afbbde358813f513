"""In whatever order records come, are acknowledged, rewound and revoked: no commit passes one without acknowledgement.

Besides: what was not acknowledged is delivered once more, and what is due is committed as far as it can be.
"""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inventory.ingest.offsets import Offsets
from tests.tiers import examples

PARTITIONS = st.integers(0, 2)


def is_there(offset: int) -> bool:
    """A compacted topic has gaps, and may begin with one."""
    return offset % 5 not in {0, 3}


class Reading(RuleBasedStateMachine):
    """A consumer of a topic of three partitions, and what is true of it."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Offsets()
        self.has_session = True
        self.read_to: dict[int, int] = {}  # By partition that is ours, the offset that is fetched next.
        self.committed = dict.fromkeys(range(3), 0)
        self.acknowledged: set[tuple[int, int]] = set()
        self.delivered: dict[int, tuple[int, int]] = {}  # By token, each record on its way to the consumer.
        self.stale: set[int] = set()
        """Tokens of records that were rewound or revoked, which the consumer may acknowledge yet."""

    @rule(partition=PARTITIONS)
    def assign(self, partition: int) -> None:
        self.read_to.setdefault(partition, self.committed[partition])

    @precondition(lambda self: self.read_to)
    @rule(chance=st.data())
    def fetch(self, chance: st.DataObject) -> None:
        """The next record. Without a session none is delivered."""
        partition = chance.draw(st.sampled_from(sorted(self.read_to)))
        offset = next(one for one in count(self.read_to[partition]) if is_there(one))
        if self.has_session:
            self.read_to[partition] = offset + 1
            self.delivered[self.offsets.deliver(partition, offset)] = (partition, offset)
        else:
            self.offsets.begin(partition, offset)
            self.seek()

    @precondition(lambda self: self.delivered or self.stale)
    @rule(chance=st.data())
    def acknowledge(self, chance: st.DataObject) -> None:
        token = chance.draw(st.sampled_from(sorted({*self.delivered, *self.stale})))
        self.offsets.acknowledge(token)
        self.stale.discard(token)
        if token in self.delivered:
            self.acknowledged.add(self.delivered.pop(token))

    @rule()
    def lose_or_find_the_session(self) -> None:
        self.has_session = not self.has_session
        if self.has_session:
            return
        self.offsets.rewind()
        self.stale |= set(self.delivered)
        self.delivered.clear()
        self.seek()

    @rule(partitions=st.sets(PARTITIONS, min_size=1), commits=st.booleans())
    def revoke(self, partitions: set[int], commits: bool) -> None:
        if commits:
            self.commit()
        self.offsets.revoke(partitions)
        gone = {token for token, (partition, _) in self.delivered.items() if partition in partitions}
        self.stale |= gone
        self.delivered = {token: at for token, at in self.delivered.items() if token not in gone}
        self.read_to = {partition: at for partition, at in self.read_to.items() if partition not in partitions}

    @rule()
    def commit(self) -> None:
        due = self.offsets.due()
        assert set(due) <= set(self.read_to)
        self.committed |= due
        self.offsets.note_committed(due)
        assert self.offsets.due() == {}
        for partition, read_to in self.read_to.items():
            first = min((offset for at, offset in self.delivered.values() if at == partition), default=read_to)
            left = [offset for offset in range(self.committed[partition], first) if is_there(offset)]
            assert left == [], "all is committed that can be"

    @rule(partition=PARTITIONS)
    def reset_the_group(self, partition: int) -> None:
        """As an operator does to have all read once more, while nobody reads it."""
        if partition not in self.read_to:
            self.committed[partition] = 0

    def seek(self) -> None:
        self.read_to |= {at: offset for at, offset in self.offsets.positions().items() if at in self.read_to}

    @invariant()
    def no_commit_passes_a_record_without_acknowledgement(self) -> None:
        for partition, committed in self.committed.items():
            before = [(partition, offset) for offset in range(committed) if is_there(offset)]
            assert self.acknowledged.issuperset(before), (partition, committed)

    @invariant()
    def as_many_are_on_the_way_as_are_without_acknowledgement(self) -> None:
        assert len(self.offsets) == len(self.delivered)


TestReading = Reading.TestCase
TestReading.settings = examples(5)
