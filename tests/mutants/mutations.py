"""Changes to a source file that a test should notice, one at a time: ``<`` for ``<=``, ``+`` for ``-``, twice a number.

Left alone is what changes nothing that is measured: docstrings and text, annotations, imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tests.mutants.replacements import is_text, replacements

NOT_MEASURED = {"annotation", "returns", "decorator_list", "format_spec", "bases"}
"""Fields of syntax nodes that are not changed."""
ASSERTED = {"strict", "repr"}
"""Arguments that are not changed: that columns are of one length is an assertion, which holds whether it is made or
not, and how an instance is written is nothing that is measured.
"""

Statement = ast.stmt | ast.ExceptHandler
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


def _changes(tree: ast.Module) -> Iterator[tuple[tuple[Statement, str], Place, ast.AST, str]]:
    """((statement, outermost function), place, what is put there, in words)"""
    for index, statement in enumerate(tree.body):
        yield from _within(statement, statement, (), "", (tree, "body", index))


def _within(
    node: ast.AST, statement: Statement, names: tuple[str, ...], function: str, place: Place
) -> Iterator[tuple[tuple[Statement, str], Place, ast.AST, str]]:
    if isinstance(node, ast.stmt | ast.ExceptHandler):
        statement = node
        if isinstance(node, ast.Import | ast.ImportFrom) or is_text(node) or _is_for_types(node):
            return
    if isinstance(node, ast.keyword) and node.arg in ASSERTED:
        return
    where = (statement, function)
    for new, what in replacements(node):
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
                is_words = isinstance(node, ast.JoinedStr) and isinstance(each, ast.Constant)
                if isinstance(each, ast.AST) and not is_words:
                    yield from _within(each, statement, inner, within, (node, name, index))
        elif isinstance(value, ast.AST):
            yield from _within(value, statement, inner, within, (node, name, None))


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
