"""The faults that `make mutation` puts into the code: each one is a program, and another one."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutants import mutants_of

EXAMPLE = '''
def f(a, b):
    """Not changed: a < b."""
    log.warning("not removed")
    g(a)
    if a < b and not b:
        return f"{a + b}"
    rows = query("SELECT x FROM y WHERE a AND b")
    return rows if b else a + 1
'''


def test_each_operator_changes_one_thing() -> None:
    assert [(one.operator, one.becomes) for one in mutants_of("f.py", EXAMPLE)] == [
        ("removed statement", "pass"),
        ("and, or", "a < b or not b"),
        ("removed operand", "not b"),
        ("removed operand", "a < b"),
        ("comparison", "a >= b"),
        ("boundary", "a <= b"),
        ("removed not", "b"),
        ("returned None", "return None"),
        ("sql", "'SELECT x FROM y WHERE a OR b'"),
        ("returned None", "return None"),
        ("removed choice", "rows"),
        ("removed choice", "a + 1"),
        ("negated condition", "not (b)"),
        ("arithmetic", "a - 1"),
        ("constant", "2"),
    ]


def test_a_mutant_is_a_program_that_differs(repository: Path) -> None:
    source = (repository / "edge" / "keep" / "outbox.py").read_text(encoding="utf-8")
    mutants = list(mutants_of("outbox.py", source))
    assert mutants
    unchanged = ast.dump(ast.parse(source))
    for mutant in mutants:
        assert ast.dump(ast.parse(mutant.applied(source.encode()))) != unchanged, mutant
