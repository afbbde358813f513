"""Which character was heard as which: the truth and what was heard, laid side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

NOTHING = ""
"""Stands opposite a character that only one side has."""

Pair = tuple[str, str]
"""A character of the truth, and what was heard for it."""


def aligned(truth: str, heard: str) -> tuple[Pair, ...]:
    """The fewest replacements, losses and additions that make `heard` of `truth`; replacements first among equals.

    Levenshtein's distance by the table of Wagner and Fischer, read backwards.
    """
    costs = _costs(truth, heard)
    pairs: list[Pair] = []
    row, column = len(truth), len(heard)
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + (truth[row - 1] != heard[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((truth[row], heard[column]))
        elif row and here == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((truth[row], NOTHING))
        else:
            column -= 1
            pairs.append((NOTHING, heard[column]))
    return tuple(reversed(pairs))


def _costs(truth: str, heard: str) -> list[list[int]]:
    table = [list(range(len(heard) + 1))]
    for row, wanted in enumerate(truth, 1):
        above = table[-1]
        line = [row]
        for column, found in enumerate(heard, 1):
            line.append(min(above[column - 1] + (wanted != found), above[column] + 1, line[-1] + 1))
        table.append(line)
    return table


def confusions(values: Iterable[Pair]) -> tuple[Counter[Pair], Counter[Pair]]:
    """How often which digit, and which letter, was heard as which, over pairs of true and heard values."""
    digits, letters = Counter[Pair](), Counter[Pair]()
    for pair in _characters(values):
        if any(character.isdigit() for character in pair):
            digits[pair] += 1
        else:
            letters[pair] += 1
    return digits, letters


def _characters(values: Iterable[Pair]) -> Iterator[Pair]:
    for truth, heard in values:
        yield from aligned(truth, heard)
