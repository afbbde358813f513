"""No conversation loses what was said, or holds what is wrong; and so many end as a clerk's."""

from __future__ import annotations

import pytest

from tests.conversations.scoring import HERE, Kind, Score, play, read, score, things_of

AS_A_CLERK = 72
"""Per cent of these that end as a clerk's, as reached last: it is raised with the dialogue."""
AS_A_CLERK_BLIND = 16
"""The same of `blind.jsonl` and `blind2.jsonl`, whose lines go on whatever the device asks.

What it asks about then waits for a person."""


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    """All conversations, each played once."""
    conversations = read(sorted(HERE.glob("*.jsonl")))
    return [score(*pair) for pair in zip(conversations, play(conversations), strict=True)]


def test_each_thing_of_the_truth_is_said_by_a_line() -> None:
    """What waits is known by the words that it rests on: the truth must find them."""
    assert not [
        f"{conversation['id']}: {thing}"
        for conversation in read(sorted(HERE.glob("*.jsonl")))
        for thing in [*things_of(conversation, Kind.STANDS), *things_of(conversation, Kind.WAITS)]
        if not any(map(thing.is_in, conversation["lines"])) or set(thing.said) - set(conversation["lines"])
    ]


def test_nothing_said_is_lost(scores: list[Score]) -> None:
    """What was said is on record, waits for a person, or was dropped aloud."""
    assert not [f"{one.name}: {what}" for one in scores for what in one.lost]


def test_no_record_and_no_figure_is_wrong(scores: list[Score]) -> None:
    """A record holds what was said of its own thing, and a text no figure that is not true."""
    assert not [f"{one.name}: {what}" for one in scores for what in one.wrong]


def test_so_many_end_as_a_clerks(scores: list[Score]) -> None:
    """The share that leaves behind what a clerk would have written down."""
    of = {one["id"]: file.stem for file in HERE.glob("*.jsonl") for one in read([file])}
    for blind, least in ((True, AS_A_CLERK_BLIND), (False, AS_A_CLERK)):
        judged = [one for one in scores if one.judged and of[one.name].startswith("blind") is blind]
        assert 100 * sum(one.as_a_clerk for one in judged) >= least * len(judged)
