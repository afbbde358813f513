"""What the fast reader of JSON takes, the strict one reads the same; what that refuses, it never takes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from dockvoice_protocol.strict_json import ParserLimits, nesting_depth, parse_compact, parse_strict

LIMITS = ParserLimits(size=2**53 - 1)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)

PIECES = (
    *('{"a":', '"a":', '"b":', "{", "}", "[", "]", ",", ":", " ", '"', "\\", '"x"', '"é"', '"\\u00e9"', '"\\ud800"'),
    *("null", "true", "NaN", "Infinity", "1e999", "1E5", "-0", "0.0", "1.0", "1.5", "-7", "123456789012345"),
    *("9007199254740992", "9007199254740993.0", "0.1234567890123456789", "0x1", "01", "\x00", "\u2028", "\ufeff"),
)


@given(VALUES)
def test_a_compact_text_is_read_as_the_strict_reader_does(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    found = parse_compact(text.encode())
    assert found is None or repr(found) == repr(parse_strict(text, LIMITS))


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example('{"a":1,"a":1}')
@example('{"a":1e999}')
@example('{"a":NaN}')
@example('{"a":9007199254740993}')
@example('["\\ud800"]')
@example('{"a":1, "b":2}')
def test_nothing_is_taken_that_the_strict_reader_refuses(text: str) -> None:
    found = parse_compact(text.encode())
    assert found is None or repr(found) == repr(parse_strict(text, LIMITS))


def test_a_plain_event_is_taken() -> None:
    event = {"id": "0191", "data": {"fields": {"quantity": 12, "weight": 2.5, "item": "é"}, "support": [True, None]}}
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    assert parse_compact(text) == event


@given(VALUES)
def test_the_depth_is_that_of_the_innermost_value(value: Any) -> None:
    def depth(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return 1 + max(map(depth, inner), default=0)

    assert nesting_depth(value) == depth(value)
