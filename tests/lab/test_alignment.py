from __future__ import annotations

from lab.report.measures import align_characters, count_confusions
from tests.rows import each_of


@each_of(
    ("truth", "heard", "pairs"),
    [
        ("", "", ()),
        ("742", "742", (("7", "7"), ("4", "4"), ("2", "2"))),
        ("742", "752", (("7", "7"), ("4", "5"), ("2", "2"))),
        ("742", "72", (("7", "7"), ("4", ""), ("2", "2"))),
        ("72", "742", (("7", "7"), ("", "4"), ("2", "2"))),
        ("B", "", (("B", ""),)),
    ],
)
def test_truth_and_heard_lie_side_by_side(truth: str, heard: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert align_characters(truth, heard) == pairs


def test_digits_and_letters_are_counted_apart() -> None:
    digits, letters = count_confusions([("15", "50"), ("B", "D"), ("B", "B")])
    assert digits[("1", "5")] == digits[("5", "0")] == 1
    assert letters == {("B", "D"): 1, ("B", "B"): 1}
