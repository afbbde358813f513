from __future__ import annotations

import re
from random import Random

import pytest

from edge.forms.pattern import Shape


@pytest.mark.parametrize(
    "pattern",
    ["", "[0-9]", "^[0-9]", "[0-9]$", r"^\d$", "^[0-9]+$", "^[0-9]*$", "^(A|B)$", "^.$", "^[^A]$", "^[0-9]{3,2}$",
     "^[9-0]$", "^[A-Z$", "^[]$", "^A|B$", "^[0-9]{2,}$", "^(?=A)A$"],
)  # fmt: skip
def test_a_pattern_outside_the_subset_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"outside the subset|matches nothing"):
        Shape.read(pattern)


@pytest.mark.parametrize(
    "pattern", ["^[0-9]{2,18}$", "^[A-Z]$", "^[A-Z][0-9]{3,5}$", "^SKU-[A-F0-9_]{4}$", "^[A-C]?[0-9]{2}$", "^[A-]{2}$"]
)
def test_what_is_made_from_a_shape_matches_its_pattern(pattern: str) -> None:
    shape, random = Shape.read(pattern), Random(1)
    made = [shape.sample(random, longest=6) for _ in range(200)]
    assert all(re.fullmatch(pattern, text) for text in made)
    assert all(shape.least <= len(text) <= shape.most for text in made)
    assert {character for text in made for character in text} <= shape.characters


def test_a_long_part_is_sampled_short_but_never_too_short() -> None:
    random = Random(1)
    assert {len(Shape.read("^[0-9]{2,18}$").sample(random, 6)) for _ in range(300)} == {2, 3, 4, 5, 6}
    assert len(Shape.read("^[0-9]{18}$").sample(random, 6)) == 18
