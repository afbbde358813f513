from __future__ import annotations

import re
from random import Random

import pytest

from dockvoice_protocol.forms.pattern import PatternShape
from tests.rows import each_of, rows_of


@each_of(
    "pattern",
    ["", "[0-9]", "^[0-9]", "[0-9]$", r"^\d$", "^[0-9]+$", "^[0-9]*$", "^(A|B)$", "^.$", "^[^A]$", "^[0-9]{3,2}$",
     "^[9-0]$", "^[A-Z$", "^[]$", "^A|B$", "^[0-9]{2,}$", "^(?=A)A$"],
)  # fmt: skip
def test_a_pattern_outside_the_subset_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"outside the subset|matches nothing"):
        PatternShape.parse(pattern)


@each_of(
    "pattern", ["^[0-9]{2,18}$", "^[A-Z]$", "^[A-Z][0-9]{3,5}$", "^SKU-[A-F0-9_]{4}$", "^[A-C]?[0-9]{2}$", "^[A-]{2}$"]
)
def test_what_is_made_from_a_shape_matches_its_pattern(pattern: str) -> None:
    shape, random = PatternShape.parse(pattern), Random(1)
    made = [shape.sample(random, longest=6) for _ in range(200)]
    assert all(re.fullmatch(pattern, text) for text in made)
    assert all(shape.min_length <= len(text) <= shape.max_length for text in made)
    assert {character for text in made for character in text} <= shape.characters


@each_of(("pattern", "said", "joined"), rows_of("pattern", "separators_are_put_in_where_there"))
def test_separators_are_put_in_where_there_is_one_way(pattern: str, said: str, joined: str | None) -> None:
    assert PatternShape.parse(pattern).insert_separators(said) == joined


def test_a_separator_by_itself_need_not_be_said() -> None:
    assert "-" not in PatternShape.parse("^[A-B]-[0-1]$").spoken_characters
    assert "-" in PatternShape.parse("^[A-B-][0-1]$").spoken_characters


def test_a_long_part_is_sampled_short_but_never_too_short() -> None:
    random = Random(1)
    assert {len(PatternShape.parse("^[0-9]{2,18}$").sample(random, 6)) for _ in range(300)} == {2, 3, 4, 5, 6}
    assert len(PatternShape.parse("^[0-9]{18}$").sample(random, 6)) == 18
