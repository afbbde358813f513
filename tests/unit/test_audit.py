from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge.keep.audit import CHAIN, GENESIS, Audited, canonical, link, verify

AUDIO = "a" * 64


def chain(length: int) -> list[Audited]:
    rows: list[Audited] = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        event: dict[str, Any] = {"id": f"event-{sequence}", "data": {"quantity": sequence}}
        this = link(previous, event, AUDIO)
        rows.append(Audited(sequence, previous, this, {**event, CHAIN: this}, AUDIO))
        previous = this
    return rows


def changed_event(row: Audited) -> Audited:
    return replace(row, event={**row.event, "data": {"quantity": 99}})


def relinked_event(row: Audited) -> Audited:
    event = {**row.event, "data": {"quantity": 99}}
    this = link(row.previous, event, AUDIO)
    return replace(row, event={**event, CHAIN: this}, link=this)


@pytest.mark.parametrize(
    "forge",
    [
        changed_event,
        lambda row: replace(row, audio_sha256="b" * 64),
        lambda row: replace(row, link="c" * 64),
        lambda row: replace(row, previous=GENESIS),
        lambda row: replace(row, event={**row.event, CHAIN: "d" * 64}),
        lambda row: replace(row, event={name: value for name, value in row.event.items() if name != CHAIN}),
        lambda row: replace(row, sequence=7),
    ],
)
def test_any_change_breaks_the_chain_where_it_was_made(forge: Callable[[Audited], Audited]) -> None:
    rows = chain(4)
    rows[1] = forge(rows[1])
    assert verify(rows) is rows[1]


def test_a_forger_who_links_anew_breaks_the_next_link() -> None:
    rows = chain(4)
    rows[1] = relinked_event(rows[1])
    assert verify(rows) is rows[2]


def test_a_missing_row_is_noticed() -> None:
    rows = chain(4)
    assert verify(rows[:1] + rows[2:]) is rows[2]
    assert verify(rows[1:]) is rows[1]


def test_exchanged_rows_are_noticed() -> None:
    rows = chain(3)
    assert verify([rows[0], rows[2], rows[1]]) is rows[2]


def test_a_whole_chain_holds() -> None:
    assert verify([]) is None
    assert verify(chain(5)) is None


def test_the_order_of_members_does_not_matter_and_their_values_do() -> None:
    assert link(GENESIS, {"a": "1", "b": 2}, AUDIO) == link(GENESIS, {"b": 2, "a": "1"}, AUDIO)
    assert link(GENESIS, {"a": "1", "b": 2}, AUDIO) != link(GENESIS, {"a": 1, "b": 2}, AUDIO)


def test_the_link_is_written_as_documented() -> None:
    event_sha256 = hashlib.sha256('{"a":"Łódź","b":[1,2]}'.encode()).hexdigest()
    expected = hashlib.sha256(f"{GENESIS}\n{event_sha256}\n{AUDIO}\n".encode()).hexdigest()
    assert link(GENESIS, {"b": (1, 2), "a": "Łódź", CHAIN: "left out"}, AUDIO) == expected


@pytest.mark.parametrize("event", [{"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}])
def test_what_has_no_canonical_spelling_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        canonical(event)
