"""A thousand lives by day, a hundred thousand at night: both laws hold in each, with a power cut somewhere in half."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.docklife.__main__ import of, wanted_by
from tests.tiers import SEED, sized

LIVES = sized(test=500, nightly=50_000, quick=44)
"""As many with a power cut as without."""


@pytest.mark.parametrize("cut", [(), ("--cut",)], ids=["in peace", "with a power cut"])
@pytest.mark.timeout(sized(test=900, nightly=40_000))
def test_no_life_breaks_a_law(cut: tuple[str, ...]) -> None:
    lived = of(wanted_by(["--lives", str(LIVES), "--seed", str(SEED), *cut]))
    assert lived.lives == LIVES
    assert not lived.broken, "\n\n".join(lived.broken)


def test_who_lives_here_knows_nothing_of_the_product() -> None:
    """No module of the product is imported: what is tested is a process at the end of a pipe."""
    imported = {
        name.split(".")[0]
        for file in Path(__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported & {"edge", "inventory", "lab"} == set()
