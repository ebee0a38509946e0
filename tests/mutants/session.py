"""Runs the tests that execute a changed line against the change, each time in a fork of one pytest session.

The session has imported every test and everything that is judged with, so a change within a function is put into the
function that is there. A change outside of functions (a default, a constant of a module) is what other modules have
copied by then: for it the fork forgets them, and imports what its tests need anew.
"""

from __future__ import annotations

import functools
import gc
import importlib.abc
import importlib.machinery
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutants.executed import LONGEST_TEST_S, ROOT, Executed, passes, what_is_executed
from tests.mutants.fork import LOOPS, WAITS, in_a_fork
from tests.mutants.mutations import Mutant

OURS = ("harness", "tests", "reports", "shapes")
LONGEST_MUTANT_S = 6.0
"""Of CPU, in which tests are asked one after the other."""
KILLED, SURVIVED, NOT_EXECUTED = "killed", "survived", "not executed"
HANGS = "killed by the clock"
"""Its tests loop or wait for ever. One that gets no turn on a full machine is waited for."""
UNDECIDED = "undecided"
"""The test that fails with the change fails without it, too, or the fork came to no end of its own."""


class Session:
    """A pytest plugin that makes mutants where tests would have been run."""

    def __init__(self, judged: Iterable[Path], mutants: Iterable[Mutant], tell: Callable[[Mutant, str], None]) -> None:
        self._judged = frozenset(map(str, judged))
        self._mutants = list(mutants)
        self._tell = tell

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Before any test module is imported, since each makes its settings of those that hold then."""
        usual = settings.get_profile("springback")
        settings.register_profile(
            "mutants", usual, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
        )
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        executed = what_is_executed(session, self._judged)
        items = {item.nodeid: item for item in session.items}
        gc.unfreeze()  # tests/conftest.py has frozen what was collected, and it would not be found
        functions = _functions(self._judged)
        gc.freeze()
        for mutant in self._mutants:
            asked = _asked(mutant, executed, items)
            self._tell(mutant, _outcome(mutant, [items[each] for each in asked], executed, functions))
        return True


def _asked(mutant: Mutant, executed: Executed, items: Mapping[str, pytest.Item]) -> list[str]:
    """Tests that execute the statement, first those that execute little but this file: what is executed by all that
    judges is noticed by the tests of it, and they are few. When it is in no function these are all that execute
    anything of the file, and after them those whose own file has imported the package, or something of it: a constant
    is read without a line of it, and what is declared of a plug-in by way of its folder.
    """
    first, last = mutant.lines
    path = str(mutant.path)
    readers = frozenset[Path]() if mutant.function else _readers(tuple(items.values()), mutant.path)
    reached = {}
    for test, each in executed.items():
        lines = each["lines"].get(path, ())
        is_reached = any(first <= number <= last for number in lines) if mutant.function else bool(lines)
        if is_reached or items[test].path in readers:
            share = len(lines) / max(1, sum(map(len, each["lines"].values())))
            reached[test] = (not is_reached, -share, each["cpu_s"])
    return sorted(reached, key=lambda test: reached[test])


@functools.cache
def _readers(items: tuple[pytest.Item, ...], path: Path) -> frozenset[Path]:
    """Files of tests that have the module of this file in them, a package above it, or something of either."""
    there = {str(path), *(str(folder / "__init__.py") for folder in path.parents)}
    modules = {item.path: getattr(item, "module", None) for item in items}
    return frozenset(test for test, module in modules.items() if module is not None and _has_of(module, there))


def _has_of(module: ModuleType, there: Set[str]) -> bool:
    for value in vars(module).values():
        from_there = value if isinstance(value, ModuleType) else sys.modules.get(str(getattr(value, "__module__", "")))
        if getattr(from_there, "__file__", None) in there:
            return True
    return False


def _functions(judged: frozenset[str]) -> dict[tuple[str, str], list[FunctionType]]:
    """(file, qualified name) → the functions that are there; two where a property has a setter, say."""
    found: dict[tuple[str, str], list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in judged:
            found[each.__code__.co_filename, each.__code__.co_qualname].append(each)
    return found


def _outcome(
    mutant: Mutant,
    items: list[pytest.Item],
    executed: Executed,
    functions: dict[tuple[str, str], list[FunctionType]],
) -> str:
    if not items:
        return NOT_EXECUTED
    within: list[pytest.Item] = []
    total_s = 0.0
    for item in items:
        total_s += executed[item.nodeid]["cpu_s"]
        if total_s > LONGEST_MUTANT_S and within:
            break
        within.append(item)
    there = functions.get((str(mutant.path), mutant.function), []) if mutant.function else []
    job = functools.partial(_run_there if there else _run_anew, mutant, within, there)
    ended = in_a_fork(job, 5 + 3 * min(total_s, LONGEST_MUTANT_S))
    if ended in (LOOPS, WAITS):
        return HANGS
    if ended == NOTHING_FAILED:
        return SURVIVED
    failed = next((item for item in within if item.nodeid == ended), None)
    if failed is None:
        return KILLED if ended == NOT_IMPORTED else UNDECIDED
    unchanged = in_a_fork(functools.partial(_first_failed, [failed]), 5 + 3 * LONGEST_TEST_S)
    return KILLED if unchanged == NOTHING_FAILED else UNDECIDED


def _run_there(mutant: Mutant, items: list[pytest.Item], there: list[FunctionType]) -> str:
    for code in _codes(mutant.code()):
        for function in there:
            if (code.co_qualname, code.co_firstlineno) == (mutant.function, function.__code__.co_firstlineno):
                function.__code__ = code
    return _first_failed(items)


def _first_failed(items: list[pytest.Item]) -> str:
    """Its name."""
    for number, item in enumerate(items):
        if not passes(item, items[number + 1] if number + 1 < len(items) else None):
            return item.nodeid
    return NOTHING_FAILED


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _run_anew(mutant: Mutant, items: list[pytest.Item], _there: object) -> str:
    wanted = {item.nodeid: number for number, item in enumerate(items)}
    for name in [
        name for name in sys.modules if name.partition(".")[0] in OURS and not name.startswith("tests.mutants")
    ]:
        del sys.modules[name]

    failed: list[str] = []

    class Only:
        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(self) -> None:
            # In front of pytest's own loader: it would load what our plug-in comes with, and not what was changed.
            sys.meta_path.insert(0, _Changed(mutant))

        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            items[:] = sorted((each for each in items if each.nodeid in wanted), key=lambda each: wanted[each.nodeid])

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.append(report.nodeid)

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed:
                failed.append(NOT_IMPORTED)

    files = list(dict.fromkeys(str(item.path) for item in items))
    code = pytest.main([*files, *OPTIONS, "-x", "--rootdir", str(ROOT)], plugins=[Only()])
    if failed:
        return failed[0]
    # Where what is changed has given a test its name there may be none to ask.
    return NOTHING_FAILED if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else f"pytest: {code}"


NOTHING_FAILED, NOT_IMPORTED = "nothing failed", "not imported"
OPTIONS = ("-q", "-p", "no:cacheprovider", "-o", "timeout=0", "--no-header", "--no-summary")


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the changed file instead of the one that is there."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        parts = mutant.path.relative_to(ROOT).with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        package = [str(self._mutant.path.parent)] if self._mutant.path.stem == "__init__" else None
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=str(self._mutant.path), is_package=package is not None
        )
        spec.has_location = True
        if package is not None:
            spec.submodule_search_locations = package
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(self._mutant.code(), vars(module))
