"""Which chunk of which clip goes next, without a network: after answers, silence, refusals and a cut link."""

from __future__ import annotations

from dockvoice_protocol.events import ClipAnswer, ClipReceipt
from edge.deliver.clip_relay import ClipRelay, OfferClip, SendChunk

PATIENCE_S = 10.0


class Clock:
    """A relay and the time, and a broker that takes all it gets."""

    def __init__(self) -> None:
        self.relay = ClipRelay(PATIENCE_S)
        self.s = 0.0
        self.chunks: int | None = 20

    def step(self, reason_code: int = 0) -> OfferClip | SendChunk | None:
        """What goes next; the broker has taken it when this returns."""
        step = self.relay.next_message(self.s)
        tag = str(step)
        match step:
            case OfferClip(name):
                self.relay.mark_offer_published(name, tag, self.chunks)
            case SendChunk(name, number):
                self.relay.mark_chunk_sent(name, tag, number)
            case None:
                return None
        assert self.relay.is_tag_in_flight(tag)
        assert self.relay.next_message(self.s) is None, "one at a time"
        self.relay.handle_puback(tag, reason_code)
        return step

    def answer(self, answer: ClipAnswer, have: int = 0, of: str = "a") -> str | None:
        return self.relay.handle_answer_and_return_finished(ClipReceipt(of, answer, have), self.s)

    def all_steps(self) -> list[OfferClip | SendChunk]:
        return list(iter(self.step, None))


def test_a_clip_is_offered_then_goes_chunk_by_chunk_and_no_further_ahead_than_it_may() -> None:
    clock = Clock()
    clock.relay.replace_pending(["a", "b"])
    assert clock.step() == OfferClip("a")
    clock.answer(ClipAnswer.WANTED, 3)
    assert clock.all_steps() == [SendChunk("a", number) for number in range(4, 12)]
    clock.answer(ClipAnswer.WANTED, 5)
    assert clock.all_steps() == [SendChunk("a", 12), SendChunk("a", 13)]
    clock.answer(ClipAnswer.WANTED, 13)
    assert clock.all_steps() == [SendChunk("a", number) for number in range(14, 21)]
    assert clock.answer(ClipAnswer.HERE) == "a"
    clock.relay.replace_pending(["b"])
    assert clock.step() == OfferClip("b")


def test_what_is_not_answered_is_offered_again_with_growing_waits_and_the_others_meanwhile() -> None:
    clock, offered = Clock(), []
    clock.relay.replace_pending(["a", "b"])
    for second in range(600):
        clock.s = float(second)
        offered += [(step, second) for step in clock.all_steps()]
    assert [second for step, second in offered if step == OfferClip("a")] == [0, 10, 30, 70, 150, 310, 470]
    assert {step for step, _ in offered} == {OfferClip("a"), OfferClip("b")}


def test_where_chunks_are_lost_it_goes_on_behind_what_has_come() -> None:
    clock = Clock()
    clock.relay.replace_pending(["a"])
    clock.step()
    clock.answer(ClipAnswer.WANTED, 0)
    assert len(clock.all_steps()) == 8
    clock.answer(ClipAnswer.WANTED, 2)  # and the third was lost
    clock.all_steps()
    clock.s = PATIENCE_S
    assert clock.step() == OfferClip("a")
    clock.answer(ClipAnswer.WANTED, 2)
    assert clock.step() == SendChunk("a", 3)


def test_another_connection_forgets_what_was_on_the_way_and_asks_how_much_has_come() -> None:
    clock = Clock()
    clock.relay.replace_pending(["a"])
    clock.step()
    clock.answer(ClipAnswer.WANTED, 0)
    step = clock.relay.next_message(0.0)
    assert step == SendChunk("a", 1)
    clock.relay.mark_chunk_sent("a", "1", 1)
    clock.relay.reset_in_flight()
    assert not clock.relay.is_in_flight
    assert clock.step() == OfferClip("a")
    clock.answer(ClipAnswer.WANTED, 1)
    assert clock.step() == SendChunk("a", 2)


def test_what_the_broker_refuses_and_what_cannot_be_kept_waits_its_time() -> None:
    for clock, refuse in ((Clock(), 0x87), (Clock(), 0)):
        clock.relay.replace_pending(["a"])
        assert clock.step(refuse) == OfferClip("a")
        if not refuse:
            clock.answer(ClipAnswer.LATER)
        assert clock.step() is None
        clock.s = 2 * PATIENCE_S
        assert clock.step() == OfferClip("a")


def test_an_answer_from_an_earlier_connection_ends_nothing() -> None:
    """It may be the answer to somebody else's chunks, which the broker kept while this device was away."""
    clock = Clock()
    clock.relay.replace_pending(["a"])
    assert clock.answer(ClipAnswer.REJECTED) is None
    assert clock.relay.next_message(0.0) == OfferClip("a")
    clock.relay.mark_offer_published("a", "1", 20)
    assert clock.answer(ClipAnswer.REJECTED) is None  # it was on its way before the broker had the offer
    clock.relay.handle_puback("1", 0)
    clock.answer(ClipAnswer.WANTED, 0)
    assert clock.step() == SendChunk("a", 1)


def test_strangers_answers_and_late_ones_change_nothing() -> None:
    clock = Clock()
    clock.relay.replace_pending(["a"])
    assert clock.answer(ClipAnswer.HERE, of="b") is None
    clock.step()
    clock.answer(ClipAnswer.WANTED, 4)
    clock.answer(ClipAnswer.WANTED, 2)
    assert clock.step() == SendChunk("a", 5)
    assert [clock.answer(ending) for ending in (ClipAnswer.REJECTED, ClipAnswer.UNWANTED)] == ["a", None]
