"""Runs the tests that execute a changed line against the change, each time in a fork of one pytest session.

The session has imported every test and everything that is judged with, so a change within a function is put into the
function that is there. A change outside of functions (a default, a constant of a module) is what other modules have
copied by then: for it the fork forgets them, and imports what its tests need anew.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings

from tests.mutants.mutations import Mutant

ROOT = Path(__file__).parents[2]
OURS = ("harness", "tests", "reports", "shapes")
LONGEST_TEST_S = 1.5
"""Of CPU: longer tests notice little that others do not, and are not asked."""
LONGEST_MUTANT_S = 6.0
"""Of CPU, in which tests are asked one after the other, the shortest first."""
LONGEST_FILE_S = 120.0
"""Of CPU, to follow the tests of one file; of one that takes longer, or waits for ever in a fork, none is asked."""
WAITS_S = 20
"""Beside twice the CPU that something may take: so long it may wait."""
ENDED_BY_THE_CLOCK = (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM)
KILLED, SURVIVED, NOT_EXECUTED, HANGS = "killed", "survived", "not executed", "killed by the clock"


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
        executed = _executed(session, self._judged)
        items = {item.nodeid: item for item in session.items}
        gc.unfreeze()  # tests/conftest.py has frozen what was collected, and it would not be found
        functions = _functions(self._judged)
        gc.freeze()
        for mutant in self._mutants:
            asked = _asked(mutant, executed)
            self._tell(mutant, _outcome(mutant, [items[each] for each in asked], executed, functions))
        return True


Executed = dict[str, dict[str, Any]]
"""Test → its seconds of CPU (``cpu_s``) and, by file, the lines that it executed (``lines``)."""


def _executed(session: pytest.Session, judged: frozenset[str]) -> Executed:
    """What each test executes; known from the last time, where neither it nor anything below it has changed."""
    directory: Path = session.config.cache.mkdir("mutants")  # type: ignore[union-attr]
    by_file: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in session.items:
        by_file[item.path].append(item)
    below = _digest([*map(Path, judged), *(ROOT / "tests").glob("*.py")])
    found: Executed = {}
    for path, items in by_file.items():
        kept = directory / f"{path.stem}-{_digest([path])[:12]}-{below[:12]}.json"
        if not kept.exists():
            for old in directory.glob(f"{path.stem}-*.json"):
                old.unlink()
            _in_a_fork(functools.partial(_trace, items, judged, kept), LONGEST_FILE_S)
        if kept.exists():
            # A test may be called otherwise each time, by what a clock has put into it.
            names = {item.nodeid for item in items}
            found.update({test: each for test, each in json.loads(kept.read_text()).items() if test in names})
    return {test: each for test, each in found.items() if each["cpu_s"] <= LONGEST_TEST_S}


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _trace(items: list[pytest.Item], judged: frozenset[str], kept: Path) -> int:
    made = {}
    signal.signal(signal.SIGPROF, _too_long)
    for item in items:
        lines: dict[str, set[int]] = defaultdict(set)
        began_s = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 3 * LONGEST_TEST_S)
        sys.settrace(_tracer(judged, lines))
        passed = _passes(item, None)
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if passed:
            seen = {path: sorted(numbers) for path, numbers in lines.items()}
            made[item.nodeid] = {"cpu_s": time.process_time() - began_s, "lines": seen}
    kept.write_text(json.dumps(made))
    return 0


class TooLong(BaseException):
    """So that nothing but pytest catches it."""


def _too_long(*_: object) -> None:
    raise TooLong


def _tracer(judged: frozenset[str], lines: dict[str, set[int]]) -> Callable[..., Any]:
    """Lines of a function are told until all of them have been seen: a loop is not followed for ever."""
    left: dict[CodeType, set[int]] = {}

    def line(frame: FrameType, _event: str, _arg: Any) -> Any:
        lines[frame.f_code.co_filename].add(frame.f_lineno)
        unseen = left[frame.f_code]
        unseen.discard(frame.f_lineno)
        return line if unseen else None

    def call(frame: FrameType, _event: str, _arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in judged:
            return None
        if code not in left:
            left[code] = {number for _, _, number in code.co_lines() if number}
            lines[code.co_filename].add(code.co_firstlineno)
        return line if left[code] else None

    return call


def _asked(mutant: Mutant, executed: Executed) -> list[str]:
    """Tests that execute the statement, or anything of the file when it is in no function; the shortest first."""
    first, last = mutant.lines
    path = str(mutant.path)
    reached = {}
    for test, each in executed.items():
        lines = each["lines"].get(path, ())
        if any(first <= number <= last for number in lines) if mutant.function else lines:
            reached[test] = each["cpu_s"]
    return sorted(reached, key=lambda test: reached[test])


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
    within, total_s = [], 0.0
    for item in items:
        total_s += executed[item.nodeid]["cpu_s"]
        if total_s > LONGEST_MUTANT_S and within:
            break
        within.append(item)
    there = functions.get((str(mutant.path), mutant.function), []) if mutant.function else []
    job = functools.partial(_run_there if there else _run_anew, mutant, within, there)
    status = _in_a_fork(job, 5 + 3 * min(total_s, LONGEST_MUTANT_S))
    return {0: SURVIVED, 1: KILLED}.get(status, HANGS)


def _run_there(mutant: Mutant, items: list[pytest.Item], there: list[FunctionType]) -> int:
    for code in _codes(mutant.code()):
        for function in there:
            if (code.co_qualname, code.co_firstlineno) == (mutant.function, function.__code__.co_firstlineno):
                function.__code__ = code
    for number, item in enumerate(items):
        if not _passes(item, items[number + 1] if number + 1 < len(items) else None):
            return 1
    return 0


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _run_anew(mutant: Mutant, items: list[pytest.Item], _there: object) -> int:
    wanted = {item.nodeid: number for number, item in enumerate(items)}
    for name in [
        name for name in sys.modules if name.partition(".")[0] in OURS and not name.startswith("tests.mutants")
    ]:
        del sys.modules[name]

    class Only:
        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(self) -> None:
            # In front of pytest's own loader: it would load what our plug-in comes with, and not what was changed.
            sys.meta_path.insert(0, _Changed(mutant))

        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            items[:] = sorted((each for each in items if each.nodeid in wanted), key=lambda each: wanted[each.nodeid])

    files = list(dict.fromkeys(str(item.path) for item in items))
    code = pytest.main([*files, *OPTIONS, "-x", "--rootdir", str(ROOT)], plugins=[Only()])
    return 0 if code == pytest.ExitCode.OK else 1


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


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)
    return not any(report.failed for report in reports)


def _in_a_fork(job: Callable[[], int], cpu_s: float) -> int:
    """The status with which the job ended, or -1 when it took longer than that."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            limit_s = int(cpu_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
            signal.alarm(WAITS_S + 2 * limit_s)  # what waits for ever takes no CPU
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            status = job()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    return -1 if os.WIFSIGNALED(status) and os.WTERMSIG(status) in ENDED_BY_THE_CLOCK else status >> 8
