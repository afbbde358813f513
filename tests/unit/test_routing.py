from __future__ import annotations

import json
from typing import Any

import pytest

from edge.audio.sound_server import Routing, parse_routing
from tests.rows import each_of


def source(index: int, name: str, **more: Any) -> dict[str, Any]:
    return {"index": index, "name": name, "state": "RUNNING", "mute": False, "properties": {}, **more}


def stream(index: int, of: int, process: int | None, **more: Any) -> dict[str, Any]:
    properties = {} if process is None else {"application.process.id": str(process)}
    return {"index": index, "source": of, "mute": False, "properties": properties, **more}


def listing(sources: list[dict[str, Any]], streams: list[dict[str, Any]]) -> bytes:
    return json.dumps({"sources": sources, "source_outputs": streams}).encode()


@each_of("text", [b"", b"[]", b"{}", b"Connection refused"])
def test_what_is_no_listing_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"no listing|Expecting"):
        parse_routing(text, 1)


def test_the_source_of_our_own_recording_is_found_among_others() -> None:
    sources = [source(3, "theirs"), source(8, "ours")]
    streams = [stream(1, 3, None), stream(2, 3, 7), stream(5, 8, 42)]
    names = frozenset({"ours", "theirs"})
    assert parse_routing(listing(sources, streams), 42) == Routing("ours", 5, sources=names)
    assert parse_routing(listing(sources, streams), 43) == Routing(None, sources=names)


def test_what_the_server_says_of_the_source_is_known() -> None:
    asleep = source(3, "a.monitor", state="SUSPENDED", properties={"device.class": "monitor"})
    found = parse_routing(listing([asleep], [stream(5, 3, 42, mute=True)]), 42)
    assert (found.suspended, found.muted, found.is_monitor) == (True, True, True)
