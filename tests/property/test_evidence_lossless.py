"""What is read back from a recording is what was heard, sample for sample, and it knows whose sound it is."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.keep import evidence
from edge.records import ClosedBy, Segment, Utterance
from tests.tiers import examples

INDEX = st.integers(min_value=0, max_value=2**53)
SOUND = st.integers(min_value=1, max_value=600).flatmap(lambda n: st.binary(min_size=2 * n, max_size=2 * n))
SEGMENTS = st.builds(
    Segment,
    start=INDEX,
    speech_start=INDEX,
    speech_end=INDEX,
    closed=INDEX,
    closing=st.sampled_from(ClosedBy),
    pcm=SOUND | st.sampled_from([b"\xff\x7f" * 5000, b"\x00\x80" * 5000, b"\x00\x80\xff\x7f" * 5000, b"\0\0"]),
)
UTTERANCES = st.builds(
    Utterance,
    utterance_id=st.uuids().map(str),
    form=st.text(st.characters(exclude_categories=["Cs"])),
    source=st.text(st.characters(exclude_categories=["Cs"])),
    heard_at=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    segment=SEGMENTS,
    typed=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)


@examples(1 / 2)
@given(UTTERANCES)
def test_what_is_read_back_is_what_was_heard(said: Utterance) -> None:
    with tempfile.TemporaryDirectory() as directory:
        kept = evidence.write(Path(directory), said)
        assert evidence.read(kept.path, evidence.utterance_row(Path(directory), said, kept)) == said
        assert evidence.read_without_row(kept.path) == (said, kept)
