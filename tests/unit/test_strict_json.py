from __future__ import annotations

import pytest

from dockvoice_protocol.strict_json import (
    DuplicateKey,
    ExceedsLimits,
    InvalidUnicode,
    NotFinite,
    NotJson,
    NotStrict,
    NumberOverflow,
    ParserLimits,
    cut_nesting,
    parse_strict,
)
from tests.rows import each_of


@each_of(
    ("text", "why"),
    [
        ("", NotJson),
        ("{", NotJson),
        ("\ufeff{}", NotJson),
        (b"\xff", InvalidUnicode),
        ('["\\ud800"]', InvalidUnicode),
        ('{"a": {"b": 1, "b": 2}}', DuplicateKey),
        ("[-Infinity]", NotFinite),
        ("[1e999]", NumberOverflow),
        ("[1e999999999999999999999]", NumberOverflow),
        ("9" * 5000, ExceedsLimits),
        ("[" * 100_000, ExceedsLimits),
    ],
)
def test_why_it_is_refused_is_told_by_type_and_without_a_word_of_it(text: str | bytes, why: type[NotStrict]) -> None:
    with pytest.raises(NotStrict) as refused:
        parse_strict(text)
    assert type(refused.value) is why
    assert len(str(refused.value)) < 40


def test_where_the_grammar_breaks_and_which_key_stands_twice_are_told_apart() -> None:
    with pytest.raises(NotJson) as broken:
        parse_strict('{\n "title": ,\n}')
    assert (broken.value.line, broken.value.column, broken.value.what) == (2, 11, "Expecting value")
    with pytest.raises(DuplicateKey) as doubled:
        parse_strict('{"a": 1, "b": 2, "b": 3, "a": 4}')
    assert doubled.value.key == "b"


@each_of("text", ["[[[1]]]", "[[1234]]", "[[1.2345]]", "[[-123]]", "[[1e100]]"])
def test_limits_refuse_what_is_too_deep_or_too_long(text: str) -> None:
    assert parse_strict(text) is not None
    with pytest.raises(ExceedsLimits):
        parse_strict(text, ParserLimits(depth=3, integer=3, fraction=4))


def test_of_what_is_nested_too_deeply_the_outer_levels_are_told() -> None:
    whole = {"a": [1, {"b": [2, {}]}], "c": "d"}
    assert cut_nesting(whole) is whole
    assert cut_nesting(whole, 3) == {"a": [1, "…"], "c": "d"}
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert str(cut_nesting(deep)).count("[") == 31
