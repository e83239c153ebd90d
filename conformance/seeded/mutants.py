"""Mutants of Python sources: one small change each, such as people make by mistake.

Pure: source text in, source text out. What a mutation can never reach is left out: documentation, annotations, text, and what is
done only under a seeded fault.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

#: A change of one node: what stands in its place, or nothing if it is not for this node.
Change = Callable[[ast.AST], ast.AST | None]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a source: the line, what it was and what it is."""

    line: int
    before: str
    after: str
    _original: str
    _index: int
    _change: Change

    @property
    def source(self) -> str:
        """The whole text with the change in it."""
        tree = ast.parse(self._original)
        node = _places(tree)[self._index]
        changed = self._change(node)
        assert changed is not None
        _replace(tree, node, ast.copy_location(changed, node))
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _compare(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Compare) or type(node.ops[0]) not in _COMPARISONS:
        return None
    return ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)


def _connect(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.BoolOp):
        return None
    return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _calculate(node: ast.AST) -> ast.AST | None:
    if (
        not isinstance(node, ast.BinOp)
        or type(node.op) not in _ARITHMETIC
        or _is_text(node.left)
        or _is_text(node.right)
    ):
        return None
    return ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _count(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Constant) or type(node.value) is not int:
        return None
    return ast.Constant(node.value + 1)


def _deny(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return ast.Constant(not node.value)
    return node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else None


def _always(node: ast.AST) -> ast.AST | None:
    return ast.If(ast.Constant(True), node.body, node.orelse) if _is_branch(node) else None


def _never(node: ast.AST) -> ast.AST | None:
    return ast.If(ast.Constant(False), node.body, node.orelse) if _is_branch(node) else None


def _is_branch(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and not _is_seeded(node)


def _leave_out(node: ast.AST) -> ast.AST | None:
    left_out = (ast.Assign, ast.AugAssign, ast.Delete, ast.Continue, ast.Break)
    is_call = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    return ast.Pass() if is_call or isinstance(node, left_out) else None


_CHANGES: tuple[Change, ...] = (_compare, _connect, _calculate, _count, _deny, _always, _never, _leave_out)


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a source, in the order of its lines."""
    for index, node in enumerate(_places(ast.parse(source))):
        for change in _CHANGES:
            changed = change(node)
            if changed is not None:
                yield Mutant(node.lineno, _first_line(node), _first_line(changed), source, index, change)


def _places(tree: ast.Module) -> list[ast.expr | ast.stmt]:
    """The expressions and statements that a run may come to."""
    return [node for node in _reachable(tree) if isinstance(node, ast.expr | ast.stmt)]


def _first_line(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).splitlines()[0]


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, name, [new if item is old else item for item in value])


def _reachable(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that a run without faults may come to."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or (name in ("test", "body") and _is_seeded(node)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_fault(child) and not isinstance(child, ast.JoinedStr):
                yield child
                yield from _reachable(child)


def _is_seeded(node: ast.AST) -> bool:
    """Whether the body of a branch is for a fault: its test is one, or has one among the conditions that must all hold."""
    if not isinstance(node, ast.If | ast.IfExp):
        return False
    test = node.test
    return _is_fault(test) or (
        isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) and any(map(_is_fault, test.values))
    )


def _is_fault(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fault"
