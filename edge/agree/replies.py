"""Replies to a verdict where nobody holds a conversation: a sound, and what is said after it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edge.agree.dialogue.orders import Earcon, Prompt, Say, Sound
from edge.agree.dialogue.questions import about_field, worded
from edge.records import Confirmation, Outcome, Verdict

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
            yield worded(about_field(verdict.ask, verdict.candidates))
        case Outcome.REPEAT:
            yield Say(Prompt.REPEAT)
        case Outcome.DEFER:
            yield Say(Prompt.DEFERRED)
        case _:
            pass
