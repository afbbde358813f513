"""What the device answers to a verdict, where nobody holds a conversation, and to the inventory. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edge.agree.happenings import Answered
from edge.agree.orders import Earcon, Say, Sound
from edge.agree.prompt import Prompt
from edge.records import Confirmation, Outcome, ReceiptOutcome, Verdict

SOUNDS = {
    Outcome.ACCEPT: Earcon.STORED,
    Outcome.ASK: Earcon.QUESTION,
    Outcome.REPEAT: Earcon.NOT_UNDERSTOOD,
    Outcome.DEFER: Earcon.HEARD,
}
"""What is heard at once. Noise and talk are answered with silence."""


def replies(verdict: Verdict, *, always: bool) -> Iterator[Sound | Say]:
    """The sound, and what is said after it. `always`: entries heard surely are read back too."""
    if verdict.outcome in SOUNDS:
        yield Sound(SOUNDS[verdict.outcome])
    match verdict.outcome:
        case Outcome.ACCEPT if always or verdict.confirm is not Confirmation.EARCON:
            yield Say(Prompt.READBACK, verdict.fields)
        case Outcome.ASK if verdict.ask is not None:
            yield _question(verdict, verdict.ask)
        case Outcome.REPEAT:
            yield Say(Prompt.REPEAT)
        case Outcome.DEFER:
            yield Say(Prompt.DEFERRED)
        case _:
            pass


def turned_down(answer: Answered) -> Say:
    """What is told of an entry that the inventory does not take. The first reason says enough."""
    receipt = answer.receipt
    prompt = Prompt.DUPLICATE if receipt.outcome is ReceiptOutcome.DUPLICATE else Prompt.REFUSED
    return Say(prompt, answer.fields, {"reason": receipt.reasons[0]})


def _question(verdict: Verdict, asked: str) -> Say:
    """By what may have been meant, where one or two values are in the running: "15 units, or 50 units?"."""
    match verdict.candidates:
        case [value]:
            return Say(Prompt.CONFIRM_FIELD, {asked: value})
        case [_, _]:
            return Say(Prompt.CHOOSE, asked=asked, candidates=verdict.candidates)
        case _:
            return Say(Prompt.ASK_FIELD, asked=asked)
