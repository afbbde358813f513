"""What an earlier run heard, or was typed to it, and did not decide: nobody listens for a question about it now."""

from __future__ import annotations

from dataclasses import replace

from edge.keep.view import RECORDING
from edge.records import Act, Outcome, Reading, Utterance, Verdict

INTERRUPTED = "interrupted"
"""Why an utterance is under review: the device went down before anybody could be asked about it."""


def is_for_a_person(utterance: Utterance, reading: Reading, verdict: Verdict, *, agreed: bool) -> bool:
    """Whether nothing may be made of it, or nothing can, without a word of somebody.

    `agreed`: entries are agreed with the operator, who could not object to this one.
    """
    if utterance.source.startswith(RECORDING):
        return False  # it can be played again
    if verdict.outcome is Outcome.ASK or (verdict.outcome is Outcome.REPEAT and reading.act is Act.RECORD):
        return True  # nobody is there to answer, or to say it again
    # What a correction was to change is not known any more.
    return agreed and (verdict.outcome is Outcome.ACCEPT or reading.act in {Act.AMEND, Act.CANCEL})


def held(verdict: Verdict) -> Verdict:
    """The verdict on what is no entry yet."""
    return replace(verdict, outcome=Outcome.HOLD) if verdict.outcome is Outcome.ACCEPT else verdict
