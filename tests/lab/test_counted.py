from __future__ import annotations

import pytest

from lab.evaluate_command import show_progress


@pytest.mark.parametrize(("total", "lines"), [(3, 3), (10, 10), (444, 10)])
def test_a_log_gets_a_line_for_each_tenth_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str], total: int, lines: int
) -> None:
    with show_progress("hearing", total) as advance:
        for _ in range(total):
            advance()
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == lines
    assert told.err.splitlines()[-1] == f"hearing: {total} of {total}"
