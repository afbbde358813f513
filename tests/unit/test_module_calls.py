"""Programs of the tree that are called as modules: `--help` tells what they do, and does nothing."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.rows import each_of

PROGRAMS = (
    "inventory.dossier.verifier",
    "lab.bench.terminal_picture",
    "lab.dialogue_diagram",
    "tests.console.screenshots",
    "tests.conversations",
    "tests.faults.dictating",
    "tests.faults.typing_to_it",
)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@each_of("program", PROGRAMS)
def test_help_of_a_program_tells_its_call_and_does_nothing(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(program, run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m {program}")
    assert not Path("--help").exists()


def test_the_picture_of_the_terminal_is_drawn_of_the_lines_beside_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    lines, drawn = repository / "lab" / "bench" / "terminal_picture.jsonl", tmp_path / "run.svg"
    monkeypatch.setattr(sys, "argv", ["picture", str(lines), str(drawn)])
    runpy.run_module("lab.bench.terminal_picture", run_name="__main__")
    assert drawn.read_text(encoding="utf-8").startswith("<svg")
