"""Whatever happens on the line, the outbox forgets nothing that is pending, and sends nothing before it is due."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dockvoice_protocol.outbox import Backoff, Outbox, Pending, Policy

TOPICS = ("one", "two")
POLICIES: dict[str, Policy] = {
    "in order": Policy.IN_ORDER,
    "the latest wins": Policy.LATEST,
    "in chunks": Policy.CHUNKS,
}


class Line(RuleBasedStateMachine):
    """A model that knows what is owed, held against the outbox after each step."""

    @initialize(policy=st.sampled_from(sorted(POLICIES)))
    def begin(self, policy: str) -> None:
        self.policy = policy
        self.outbox: Outbox[Pending] = Outbox(POLICIES[policy], Backoff(10.0, 3))
        self.owed: dict[str, Pending] = {}
        self.not_before: dict[str, float] = {}
        self.now = 0.0
        self.number = 0

    @rule(topic=st.sampled_from(TOPICS))
    def add(self, topic: str) -> None:
        self.number += 1
        one = Pending(key=str(self.number), order=self.number, topic=topic, due=self.now)
        if self.policy == "the latest wins":
            self.owed = {key: other for key, other in self.owed.items() if other.topic != topic}
        self.owed[one.key] = one
        self.outbox.add(one)

    @rule(topic=st.sampled_from(TOPICS))
    def add_an_older_one(self, topic: str) -> None:
        """As when the rows of a table are read in any order: in the latest's place comes no older one."""
        if self.policy == "the latest wins" and any(one.topic == topic for one in self.owed.values()):
            self.outbox.add(Pending(key="older", order=0, topic=topic, due=self.now))

    @rule(data=st.data())
    @precondition(lambda self: self.owed)
    def add_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.owed)))
        known = self.owed[key]
        self.outbox.add(Pending(key=key, order=known.order, topic=known.topic, due=self.now))

    @rule(seconds=st.floats(0, 200))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        due = [one.order for one in self.outbox.pending if one.due <= self.now]
        went = self.outbox.start_due_attempts(self.now)
        assert all(self.not_before.get(one.key, 0.0) <= self.now for one in went), "before it was due"
        orders = [one.order for one in went if not one.refusals]
        assert orders == sorted(orders)
        assert sorted(one.order for one in went) == (due[:1] if self.policy == "in chunks" else due)
        for one in went:
            assert self.outbox.get(one.key) is one
            assert one.due - self.now <= 10.0 * 2**3 + 1e-6, "waits grow so far and no further"
            self.not_before[one.key] = one.due

    @rule(data=st.data(), word=st.sampled_from(["acknowledged", "confirmed", "unsent"]))
    @precondition(lambda self: self.owed)
    def answer(self, data: st.DataObject, word: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.owed)))
        attempts = self.owed[key].attempts
        match word:
            case "acknowledged":
                self.outbox.note_puback(key)
            case "confirmed":
                assert self.outbox.remove_confirmed(key) is self.owed.pop(key)
            case _:
                if attempts:
                    self.outbox.mark_unsent(key, self.now)
                    self.not_before[key] = self.owed[key].due
                    assert self.owed[key].attempts == attempts - 1, "no attempt"

    @rule()
    def lose_the_connection(self) -> None:
        self.outbox.clear()
        self.not_before.clear()
        for one in self.owed.values():
            one.due, one.attempts, one.refusals = self.now, 0, 0
            self.outbox.add(one)

    @invariant()
    def forgets_nothing(self) -> None:
        assert {one.key for one in self.outbox.pending} == set(self.owed)
        assert len(self.outbox) == len(self.owed)

    @invariant()
    def something_is_always_next(self) -> None:
        wait = self.outbox.seconds_until_due(self.now)
        assert (wait is None) == (not self.owed)


Line.TestCase.settings = settings(stateful_step_count=50)
TestLine = Line.TestCase
