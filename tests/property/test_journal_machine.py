"""Whatever is begun, concluded, committed, settled and reopened in whatever order: the journal says what happened.

Every utterance begun is kept; every commit gives one event for ever, numbered 1, 2, 3 … without gaps, with the audit
chain whole; what is owed is exactly what was committed and never settled.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, invariant, multiple, rule

from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.keep import audit
from edge.keep.evidence import Evidence
from edge.keep.journal import Journal
from edge.records import OutboxRow, Outcome, Utterance, Verdict
from tests.sayings import ACCEPT, ASK, IGNORE, MUMBLED, REPEAT, entry, render, utterance
from tests.tiers import examples

Said = tuple[Utterance, Evidence]


class JournalMachine(RuleBasedStateMachine):
    """The journal beside a model of it in three dicts."""

    sayings: Bundle[Said] = Bundle("sayings")

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.journal = Journal.open(Path(self.scratch.name))
        self.heard: dict[str, Utterance] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.events: dict[str, OutboxRow] = {}
        self.settled: dict[str, ReceiptOutcome | None] = {}

    def teardown(self) -> None:
        self.journal.close()
        self.scratch.cleanup()

    @rule(target=sayings)
    def begin(self) -> Said:
        said = utterance(len(self.heard))
        self.heard[said.utterance_id] = said
        return said, self.journal.store_utterance(said)

    @rule(saying=sayings)
    def begin_again(self, saying: Said) -> None:
        assert self.journal.store_utterance(saying[0]) == saying[1]

    @rule(saying=sayings, verdict=st.sampled_from([ASK, REPEAT, IGNORE]))
    def conclude(self, saying: Said, verdict: Verdict) -> None:
        utterance_id = saying[0].utterance_id
        try:
            self.journal.conclude(utterance_id, MUMBLED, verdict)
        except ValueError:
            assert utterance_id in self.events
        else:
            assert utterance_id not in self.events
            self.verdicts[utterance_id] = verdict

    @rule(saying=sayings)
    def commit(self, saying: Said) -> None:
        said, kept = saying
        row = self.journal.commit(entry(said, kept), ACCEPT, render)
        assert self.events.setdefault(said.utterance_id, row) == row
        self.verdicts[said.utterance_id] = ACCEPT

    @rule(saying=sayings)
    def fail_to_commit(self, saying: Said) -> None:
        said, kept = saying
        try:
            self.journal.commit(entry(said, kept), ACCEPT, lambda minted: {"not JSON": minted})
        except ValueError:
            assert said.utterance_id not in self.events

    @rule(saying=sayings, outcome=st.none() | st.sampled_from(ReceiptOutcome))
    def settle(self, saying: Said, outcome: ReceiptOutcome | None) -> None:
        row = self.events.get(saying[0].utterance_id)
        event_id = row.event_id if row else "unknown"
        receipt = None if outcome is None else Receipt(event_id, outcome, ("why",))
        known = self.journal.outbox.settle(event_id, receipt)
        assert known is (row is not None)
        if row:
            self.settled.setdefault(row.event_id, outcome)

    @rule(saying=sayings)
    def send(self, saying: Said) -> None:
        if row := self.events.get(saying[0].utterance_id):
            self.journal.outbox.mark_sent(row.event_id)

    @rule(target=sayings)
    def reopen(self) -> MultipleResults[Said]:
        self.journal.close()
        self.journal = Journal.open(Path(self.scratch.name))
        return multiple()

    @invariant()
    def owed_is_committed_and_not_settled(self) -> None:
        owed = [row for row in self.events.values() if row.event_id not in self.settled]
        assert self.journal.outbox.load_due(1000) == sorted(owed, key=lambda row: row.sequence)
        assert self.journal.outbox.count_unsettled() == len(owed)

    @invariant()
    def the_chain_is_whole_and_without_gaps(self) -> None:
        report = audit.verify(self.journal.trail)
        assert report.broken is None
        assert report.events == len(self.events)

    @invariant()
    def unread_is_what_has_no_verdict(self) -> None:
        unread = [said for utterance_id, said in self.heard.items() if utterance_id not in self.verdicts]
        assert list(self.journal.queries.unread_utterances()) == unread

    @invariant()
    def counts_agree(self) -> None:
        counts = self.journal.queries.counts()
        outcomes = [verdict.outcome for verdict in self.verdicts.values()]
        assert counts.utterances == len(self.heard)
        assert counts.accepted == outcomes.count(Outcome.ACCEPT) == len(self.events)
        assert (counts.asked, counts.repeat, counts.ignored) == tuple(
            outcomes.count(outcome) for outcome in (Outcome.ASK, Outcome.REPEAT, Outcome.IGNORE)
        )
        receipts = list(self.settled.values())
        assert (counts.applied, counts.duplicate, counts.refused) == tuple(map(receipts.count, ReceiptOutcome))


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(examples(1 / 4), stateful_step_count=30)
