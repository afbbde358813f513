"""The mutants of a source file: in each, one expression is changed or one statement is removed."""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

_NEGATED: dict[type[ast.AST], type[ast.cmpop]] = {
    one: other
    for pair in [(ast.Eq, ast.NotEq), (ast.Lt, ast.GtE), (ast.Gt, ast.LtE), (ast.Is, ast.IsNot), (ast.In, ast.NotIn)]
    for one, other in [pair, pair[::-1]]
}
_BOUNDARY: dict[type[ast.AST], type[ast.cmpop]] = {
    one: other for pair in [(ast.Lt, ast.LtE), (ast.Gt, ast.GtE)] for one, other in [pair, pair[::-1]]
}
_ARITHMETIC: dict[type[ast.AST], type[ast.operator]] = {
    **{one: other for pair in [(ast.Add, ast.Sub), (ast.BitOr, ast.BitAnd)] for one, other in [pair, pair[::-1]]},
    **dict.fromkeys((ast.Div, ast.FloorDiv, ast.Mod), ast.Mult),
    ast.Mult: ast.Add,
}
_SQL = re.compile(r"\b(SELECT|UPDATE|DELETE FROM|INSERT INTO|WHERE|ORDER BY)\b")
_SQL_CHANGES = (
    *((r"\bAND\b", "OR"), (r"\bIS NULL\b", "IS NOT NULL"), (r"\bIS NOT NULL\b", "IS NULL"), (r" DESC\b", "")),
    *((r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r"\bNOT EXISTS\b", "EXISTS")),
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CONDITIONS = {"test", "ifs"}
_UNREAD = {"annotation", "returns", "decorator_list"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A changed source file; what is changed is named so that it is found again when lines above it have moved."""

    file: str
    function: str
    operator: str
    text: str  # The line that is changed.
    was: str
    becomes: str
    nth: int  # Which one of those that all of the above names.
    line: int
    lines: range
    function_lines: range
    begin: int
    end: int
    new: str

    def applied(self, source: bytes) -> bytes:
        """The file, changed."""
        return source[: self.begin] + self.new.encode() + source[self.end :]


def mutants_of(file: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its tree."""
    rows = source.splitlines()
    starts = list(accumulate((len(row) for row in source.encode().splitlines(keepends=True)), initial=0))
    alike: Counter[tuple[str, ...]] = Counter()
    for node, field, function, function_lines in _nodes(ast.parse(source), "", range(0)):
        for operator, becomes in _changes(node, in_function=bool(function_lines), is_condition=field in _CONDITIONS):
            text, was = rows[node.lineno - 1].strip(), ast.unparse(node)
            named = (function, operator, text, was, becomes)
            yield Mutant(
                file=file,
                function=function,
                operator=operator,
                text=text,
                was=was,
                becomes=becomes,
                nth=alike[named],
                line=node.lineno,
                lines=_lines(node),
                function_lines=function_lines,
                begin=starts[node.lineno - 1] + node.col_offset,
                end=starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0),
                new=becomes if isinstance(node, ast.stmt) else f"({becomes})",
            )
            alike[named] += 1


def _nodes(node: ast.AST, within: str, lines: range) -> Iterator[tuple[ast.expr | ast.stmt, str, str, range]]:
    """Each expression and statement, with its field, and its function's name and lines.

    Python 3.11 gives what stands in an f-string wrong positions: it is left out.
    """
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if field in _UNREAD or not isinstance(child, ast.AST):
                continue
            name = f"{within}.{child.name}".lstrip(".") if isinstance(child, (*_FUNCTIONS, ast.ClassDef)) else within
            if isinstance(child, (ast.expr, ast.stmt)):
                yield child, field, name, lines
            if not isinstance(child, ast.JoinedStr):
                yield from _nodes(child, name, _lines(child) if isinstance(child, _FUNCTIONS) else lines)


def _lines(node: ast.expr | ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _changes(node: ast.expr | ast.stmt, *, in_function: bool, is_condition: bool) -> Iterator[tuple[str, str]]:
    """The names of the operators that apply to a node, with its text by each."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield from _sql(ast.unparse(node))
    elif in_function and isinstance(node, ast.stmt):
        yield from _of_statement(node)
    elif in_function and isinstance(node, ast.expr):
        yield from _of_expression(node, is_condition=is_condition)


def _sql(text: str) -> Iterator[tuple[str, str]]:
    if not _SQL.search(text):
        return
    for pattern, new in _SQL_CHANGES:
        for found in re.finditer(pattern, text):
            yield "sql", text[: found.start()] + new + text[found.end() :]


def _of_statement(node: ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())) if not ast.unparse(node).startswith("log."):
            yield "removed statement", "pass"
        case ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield "removed statement", "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "removed statement", "pass"
        case ast.Return(value=ast.expr()) if ast.unparse(node) != "return None":
            yield "returned None", "return None"


def _of_expression(node: ast.expr, *, is_condition: bool) -> Iterator[tuple[str, str]]:
    yield from _of_logic(node)
    match node:
        case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC and not _is_text(node):
            yield "arithmetic", ast.unparse(_with(node, op=_ARITHMETIC[type(operator)]()))
        case ast.Constant(value=bool(value)):
            yield "constant", str(not value)
        case ast.Constant(value=int(value)):
            yield "constant", str(value + 1)
        case ast.IfExp(body=body, orelse=orelse):
            yield "removed choice", ast.unparse(body)
            yield "removed choice", ast.unparse(orelse)
        case ast.Name() | ast.Attribute() | ast.Call() | ast.NamedExpr() if is_condition:
            yield "negated condition", f"not ({ast.unparse(node)})"


def _of_logic(node: ast.expr) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare(ops=[operator]):
            for name, table in (("comparison", _NEGATED), ("boundary", _BOUNDARY)):
                if type(operator) in table:
                    yield name, ast.unparse(_with(node, ops=[table[type(operator)]()]))
        case ast.BoolOp(op=operator):
            yield "and, or", ast.unparse(_with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And()))
            for at in range(len(node.values)):
                kept = node.values[:at] + node.values[at + 1 :]
                yield "removed operand", ast.unparse(_with(node, values=kept) if len(kept) > 1 else kept[0])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "removed not", ast.unparse(operand)
        case _:
            pass


def _is_text(node: ast.BinOp) -> bool:
    texts = (ast.JoinedStr, ast.Constant)
    return any(isinstance(side, texts) and not ast.unparse(side)[-1].isdigit() for side in (node.left, node.right))


def _with(node: ast.expr, **changed: object) -> ast.expr:
    new = copy.copy(node)
    for name, value in changed.items():
        setattr(new, name, value)
    return new
