"""The user's own modules that a locustfile imports: two processes with the same locustfile but different modules run
different things.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

NOT_OWN = ("harness", "shapes", "reports")
"""Packages of Springback: of these the version is compared."""
INSTALLED = frozenset({"site-packages", "dist-packages"})


def own_modules(locustfile: Path) -> dict[str, str]:
    """Name → beginning of the SHA-256 of the contents, of those that are loaded, also by one another. What is imported
    in a function is left out: it may be loaded in one process and not yet in another.
    """
    found: dict[str, str] = {}
    waiting = [(locustfile, "")]
    while waiting:
        path, package = waiting.pop()
        for name in _imports(path, package):
            file = _file_of(name)
            if name not in found and file is not None:
                found[name] = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
                waiting.append((file, name if file.name == "__init__.py" else name.rpartition(".")[0]))
    return dict(sorted(found.items()))


def _imports(path: Path, package: str) -> Iterator[str]:
    """Names of modules, and of what may be one. ``package`` is that of the file."""
    statements: list[ast.AST] = list(ast.parse(path.read_bytes()).body)
    while statements:
        statement = statements.pop()
        if isinstance(statement, ast.Import):
            for each in statement.names:
                yield from _with_packages(each.name)
        elif isinstance(statement, ast.ImportFrom):
            module = statement.module or ""
            if statement.level:
                try:
                    module = resolve_name("." * statement.level + module, package)
                except ImportError:  # as it was for the file itself, which has made something of it
                    continue
            yield from _with_packages(module)
            yield from (f"{module}.{each.name}" for each in statement.names)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            statements += ast.iter_child_nodes(statement)


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _file_of(name: str) -> Path | None:
    """The source of a module that is loaded; None for what is none, is installed, or is Springback's."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file or not file.endswith(".py") or name.partition(".")[0] in NOT_OWN:
        return None
    path = Path(file)
    # Of whichever environment: one that is on PYTHONPATH holds hundreds of modules, and takes minutes to read.
    is_installed = not INSTALLED.isdisjoint(path.parts) or any(map(path.is_relative_to, _library()))
    return None if is_installed or not path.is_file() else path


@functools.cache
def _library() -> frozenset[str]:
    paths = sysconfig.get_paths()
    return frozenset(paths[each] for each in ("stdlib", "platstdlib", "purelib", "platlib"))
