"""Changes to a source file that a test should notice, one at a time: ``<`` for ``<=``, ``+`` for ``-``, twice a number.

Left alone is what changes nothing that is measured: docstrings and text, annotations, decorators, imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
    "floor": "ceil",
    "ceil": "floor",
}
LARGE = 1000
OUTCOMES = {"PASS": "FAIL", "FAIL": "INCONCLUSIVE", "INCONCLUSIVE": "PASS"}
NOT_MEASURED = {"annotation", "returns", "decorator_list", "format_spec", "bases"}
"""Fields of syntax nodes that are not changed."""
ASSERTED = {"strict", "repr"}
"""Arguments that are not changed: that columns are of one length is an assertion, which holds whether it is made or
not, and how an instance is written is nothing that is measured.
"""

Place = tuple[ast.AST, str, int | None]
"""A node's parent, the field, and the index in it."""


@dataclass(frozen=True)
class Mutant:
    """One change to one file."""

    path: Path
    line: int
    column: int
    what: str
    """``<= → <``"""
    lines: tuple[int, int]
    """First and last line of the statement, of one with a body its head: a test that executes none cannot notice."""
    function: str
    """Qualified name of the outermost function around it; empty in a module's or class's own body."""
    number: int
    """Among those of its file."""

    def code(self) -> CodeType:
        """The changed file, compiled."""
        tree = ast.parse(self.path.read_bytes())
        for number, (_, (parent, name, index), node, _) in enumerate(_changes(tree)):
            if number == self.number:
                ast.copy_location(node, _at(parent, name, index))
                _put(parent, name, index, node)
                break
        return compile(ast.fix_missing_locations(tree), str(self.path), "exec", dont_inherit=True)


def mutants_of(path: Path) -> list[Mutant]:
    """All of one file, in the order of the source."""
    tree = ast.parse(path.read_bytes())
    found = []
    for number, ((statement, function), (parent, name, index), _, what) in enumerate(_changes(tree)):
        node = _at(parent, name, index)
        line, column = getattr(node, "lineno", statement.lineno), getattr(node, "col_offset", 0)
        body = getattr(statement, "body", None)
        last = statement.end_lineno or statement.lineno
        if isinstance(body, list) and body:
            last = max(statement.lineno, body[0].lineno - 1)
        found.append(Mutant(path, line, column, what, (statement.lineno, last), function, number))
    return found


def _changes(tree: ast.Module) -> Iterator[tuple[tuple[ast.stmt, str], Place, ast.AST, str]]:
    """((statement, outermost function), place, what is put there, in words)"""
    for index, statement in enumerate(tree.body):
        yield from _within(statement, statement, (), "", (tree, "body", index))


def _within(
    node: ast.AST, statement: ast.stmt, names: tuple[str, ...], function: str, place: Place
) -> Iterator[tuple[tuple[ast.stmt, str], Place, ast.AST, str]]:
    if isinstance(node, ast.stmt):
        statement = node
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node) or _is_for_types(node):
            return
    if isinstance(node, ast.keyword) and node.arg in ASSERTED:
        return
    where = (statement, function)
    for new, what in _instead(node):
        yield where, place, new, what
    inner, inner_function = names, function
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        inner = (*names, node.name)
        if not isinstance(node, ast.ClassDef):
            inner_function = function or ".".join(inner)
    for name, value in ast.iter_fields(node):
        if name in NOT_MEASURED:
            continue
        # Defaults of parameters are calculated where the function is defined.
        within = function if name == "args" and isinstance(node, ast.FunctionDef) else inner_function
        if isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield from _within(each, statement, inner, within, (node, name, index))
        elif isinstance(value, ast.AST):
            yield from _within(value, statement, inner, within, (node, name, None))


def _instead(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What may stand there instead."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for i, each in enumerate(ops):
                for other in COMPARED[type(each)]:
                    changed = [other() if i == j else op for j, op in enumerate(ops)]
                    yield ast.Compare(left, changed, comparators), f"{type(each).__name__} → {other.__name__}"
        case ast.BoolOp(op=op, values=values):
            turned = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield ast.BoolOp(turned, values), f"{type(op).__name__} → {type(turned).__name__}"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in CALCULATED and not _is_text(left):
            other_op = CALCULATED[type(op)]
            yield ast.BinOp(left, other_op(), right), f"{type(op).__name__} → {other_op.__name__}"
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in CALCULATED:
            other_op = CALCULATED[type(op)]
            yield ast.AugAssign(target, other_op(), value), f"{type(op).__name__}= → {other_op.__name__}="
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand, f"without {type(node.op).__name__}"
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call() as test):
            yield ast.If(ast.UnaryOp(ast.Not(), test), node.body, node.orelse), "if not"
        case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call() as test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), node.body, node.orelse), "if not"
        case ast.Constant(value=bool() as flag):
            yield ast.Constant(not flag), f"{flag} → {not flag}"
        case ast.Constant(value=int() | float() as number):
            # Of a large number one more is no other.
            more = (number + 1,) if abs(number) < LARGE else ()
            for other_number in dict.fromkeys((*more, number * 2 if number else 1)):
                yield ast.Constant(other_number), f"{number} → {other_number}"
        case ast.Attribute(value=ast.Name("Outcome") as owner, attr=attr) if attr in OUTCOMES:
            yield ast.Attribute(owner, OUTCOMES[attr], ast.Load()), f"{attr} → {OUTCOMES[attr]}"
        case ast.Attribute(value=value, attr=attr) if attr in CALLED:
            yield ast.Attribute(value, CALLED[attr], ast.Load()), f"{attr} → {CALLED[attr]}"
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in ("min", "max", "any", "all"):
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), args, keywords), f"{name} → {CALLED[name]}"
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name.startswith("bisect_"):
            module = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant("bisect")], [])
            yield ast.Call(ast.Attribute(module, CALLED[name], ast.Load()), args, keywords), f"{name} → {CALLED[name]}"
        case ast.Continue():
            yield ast.Break(), "continue → break"
        case ast.Break():
            yield ast.Continue(), "break → continue"


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        node = node.value
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _at(parent: ast.AST, name: str, index: int | None) -> ast.AST:
    found = getattr(parent, name)
    node: ast.AST = found if index is None else found[index]
    return node


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node
