from __future__ import annotations

from dockvoice_protocol.forms.spoken.confusable import (
    RivalKind,
    classify_rival,
    differs_by_missing_sound,
    is_weak_letter,
)
from dockvoice_protocol.records import FieldValue
from tests.rows import each_of

LOST: list[tuple[FieldValue, FieldValue]] = [
    (60, 16),
    (30, 13),
    (40_000, 14_000),
    (9, 90),
    ("99", "999"),
    ("990", "992"),
    ("6090", "1690"),
]


@each_of(("value", "rival"), LOST)
def test_noise_makes_the_lesser_of_two_and_not_the_greater(value: FieldValue, rival: FieldValue) -> None:
    assert differs_by_missing_sound(value, rival)
    assert not differs_by_missing_sound(rival, value)


@each_of(
    ("value", "other", "rival"),
    [
        ("B", None, RivalKind.NONE),
        (None, "B", RivalKind.NONE),
        (60, 16, RivalKind.MORE),
        (16, 60, RivalKind.LESS),
        ("99", "999", RivalKind.MORE),
        ("999", "99", RivalKind.LESS),
        ("603", "6003", RivalKind.ZERO),
        ("6003", "603", RivalKind.OTHER),
        (9, 90, RivalKind.MORE),
        ("B", "D", RivalKind.ALIKE),
        ("A", "H", RivalKind.LETTER),
        ("E", "A", RivalKind.LETTER),
        ("742", "752", RivalKind.OTHER),
        (12, 20, RivalKind.OTHER),
        ("damaged", "missing", RivalKind.OTHER),
    ],
)
def test_what_the_likeliest_other_value_is(
    value: FieldValue | None, other: FieldValue | None, rival: RivalKind
) -> None:
    assert classify_rival(value, other) is rival


@each_of(
    ("value", "rival", "weak"),
    [
        ("G", "D", True),
        ("E", "G", True),
        ("P", "T", True),
        ("D", "C", True),
        ("Z", "C", True),
        ("K", "A", True),
        ("J", "G", True),
        ("M", "N", True),
        ("U", "Q", True),
        ("S", "F", True),
        ("E", "O", True),
        ("O", "L", True),
        (0, "O", False),
        ("A", "E", True),
        ("E", "A", True),
        ("U", "G", True),
        ("K", "I", True),
        ("L", "R", True),
        ("C", "D", False),
        ("C", "S", True),
        ("A", "H", False),
        ("B", None, False),
        (2, "B", False),
    ],
)
def test_a_letter_beside_another_may_be_a_third_unless_the_two_are_told_apart(
    value: FieldValue, rival: FieldValue | None, weak: bool
) -> None:
    assert is_weak_letter(value, rival) is weak
