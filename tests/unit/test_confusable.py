from __future__ import annotations

from dockvoice_protocol.forms.spoken.confusable import Rival, classify_rival, lacks_a_sound
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
    assert lacks_a_sound(value, rival)
    assert not lacks_a_sound(rival, value)


@each_of(
    ("value", "other", "rival"),
    [
        ("B", None, Rival.NONE),
        (None, "B", Rival.NONE),
        (60, 16, Rival.MORE),
        (16, 60, Rival.LESS),
        ("99", "999", Rival.MORE),
        ("999", "99", Rival.LESS),
        ("603", "6003", Rival.ZERO),
        ("6003", "603", Rival.OTHER),
        (9, 90, Rival.MORE),
        ("B", "D", Rival.ALIKE),
        ("A", "H", Rival.LETTER),
        ("E", "A", Rival.LETTER),
        ("742", "752", Rival.OTHER),
        (12, 20, Rival.OTHER),
        ("damaged", "missing", Rival.OTHER),
    ],
)
def test_what_the_likeliest_other_value_is(value: FieldValue | None, other: FieldValue | None, rival: Rival) -> None:
    assert classify_rival(value, other) is rival
