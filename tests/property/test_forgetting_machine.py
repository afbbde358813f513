"""Whatever is committed, settled, outlived and forgotten in whatever order, with starts and crashes between.

What is kept is an unbroken end of what was committed, in the journal and in its second copy. What is owed is in it, and
what still has its recording, and the newest entry; and the audit finds the chain whole from there on.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.deliver.device_events import entry_event
from edge.keep import audit
from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, utterance
from tests.tiers import examples


class ForgettingMachine(RuleBasedStateMachine):
    """A journal, and which of its numbers nothing rests on any more."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.journal = Journal.open(Path(self.scratch.name))
        self.event_ids: list[str] = []
        self.settled: set[int] = set()
        self.outlived: set[int] = set()

    def teardown(self) -> None:
        self.journal.close()
        self.scratch.cleanup()

    @rule()
    def commit(self) -> None:
        said = utterance(len(self.event_ids))
        meant = entry(said, self.journal.store_utterance(said))
        row = self.journal.commit(meant, ACCEPT, partial(entry_event, meant, site="hall", device="dock-1"))
        self.event_ids.append(row.event_id)
        assert row.sequence == len(self.event_ids)

    @precondition(lambda self: self.event_ids)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        sequence = data.draw(st.integers(1, len(self.event_ids)))
        if self.journal.outbox.settle(self.event_ids[sequence - 1], None):
            self.settled.add(sequence)

    @rule()
    def outlive(self) -> None:
        self.journal.retention.remove_evidence(self.journal.retention.list_spare_evidence(1000))
        self.outlived |= self.settled

    @precondition(lambda self: self.event_ids)
    @rule(data=st.data())
    def owe_again(self, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, len(self.event_ids)))
        self.journal.outbox.reopen(first)
        self.settled -= set(range(first, len(self.event_ids) + 1))

    @rule(at_most=st.integers(1, 5))
    def forget(self, at_most: int) -> None:
        assert self.journal.retention.prune(at_most) <= at_most

    @rule()
    def start_again(self) -> None:
        self.journal.close()
        self.journal = Journal.open(Path(self.scratch.name))

    @invariant()
    def the_end_is_kept_and_nothing_that_is_needed_is_gone(self) -> None:
        kept = sorted(one.sequence for one in self.journal.queries.entries(1000))
        newest, gone = len(self.event_ids), self.journal.trail.last_removed_sequence
        assert kept == list(range(gone + 1, newest + 1))
        assert set(range(1, gone + 1)) <= self.outlived - {newest}
        assert [row.sequence for row in self.journal.outbox.load_due(1000)] == [
            one for one in kept if one not in self.settled
        ]

    @invariant()
    def the_chain_is_whole_from_there_on(self) -> None:
        report = audit.verify(self.journal.trail)
        assert report.broken is None
        assert (report.forgotten, report.events) == (
            self.journal.trail.last_removed_sequence,
            len(self.event_ids) - self.journal.trail.last_removed_sequence,
        )


TestForgetting = ForgettingMachine.TestCase
TestForgetting.settings = settings(examples(1 / 5), stateful_step_count=25)
