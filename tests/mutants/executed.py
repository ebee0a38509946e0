"""Which lines each test executes; known from the last time, where neither its file nor what it executes has changed."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.fork import in_a_fork

ROOT = Path(__file__).parents[2]
LONGEST_TEST_S = 1.5
"""Of CPU: longer tests notice little that others do not, and are not asked."""
GENERATED = "<string>"
"""The file that the ``__init__`` of a dataclass is said to be in. Who makes an instance executes none of the lines that
declare its fields, and is the one who notices another default, or another bound.
"""
FOLLOWED = 10
"""To be followed takes less than so many times as long."""
LONGEST_FILE_S = 300.0
"""Of CPU, to follow the tests of one file; of one that takes longer, or waits for ever in a fork, none is asked."""

FOLLOWED_FOLDERS = ("harness", "reports")
"""Whose files may be changed. What tests execute of them is kept, so one more makes all tests be followed anew."""

Executed = dict[str, dict[str, Any]]
"""Test → its seconds of CPU (``cpu_s``) and, by file, the lines that it executed (``lines``)."""


def followed() -> list[Path]:
    return sorted(path for folder in FOLLOWED_FOLDERS for path in (ROOT / folder).rglob("*.py"))


def what_is_executed(session: pytest.Session, judged: frozenset[str]) -> Executed:
    """Two draws at once follow the tests of a file one after the other, and the second has what the first has found."""
    directory: Path = session.config.cache.mkdir("mutants")  # type: ignore[union-attr]
    by_file: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in session.items:
        by_file[item.path].append(item)
    around = _digest([*(ROOT / "tests").glob("*.py"), Path(__file__)])
    found: Executed = {}
    for path, items in by_file.items():
        name = ".".join(path.relative_to(ROOT / "tests").with_suffix("").parts)  # folders have files of one name
        kept = directory / f"{name}-{_digest([path])[:12]}-{around[:12]}.json"
        with _locked(directory / f"{name}.lock"):
            if not _holds(kept):
                for old in directory.glob(f"{name}-*.json"):
                    old.unlink()
                in_a_fork(functools.partial(_trace, items, judged, kept), LONGEST_FILE_S)
            made = json.loads(kept.read_text())["tests"] if kept.exists() else {}
        # A test may be called otherwise each time, by what a clock has put into it.
        names = {item.nodeid for item in items}
        found.update({test: each for test, each in made.items() if test in names})
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # what a test has left behind may hold the descriptor


def _holds(kept: Path) -> bool:
    """Whether what these tests executed is there, and as it was."""
    if not kept.exists():
        return False
    files: dict[str, str] = json.loads(kept.read_text())["files"]
    return all(Path(path).exists() and _digest([Path(path)]) == digest for path, digest in files.items())


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _trace(items: list[pytest.Item], judged: frozenset[str], kept: Path) -> None:
    made: Executed = {}
    signal.signal(signal.SIGPROF, _too_long)
    for item in items:
        # Once as it is, because to be followed takes several times as long.
        began_s = time.process_time()
        passed = _passes_within(item, LONGEST_TEST_S)
        cpu_s = time.process_time() - began_s
        if not passed:
            continue
        lines: dict[str, set[int]] = defaultdict(set)
        with _following(_tracer(judged, lines)):
            passed = _passes_within(item, FOLLOWED * LONGEST_TEST_S)
        if passed:
            # Copies: a thread that the test has left behind goes on.
            made[item.nodeid] = {
                "cpu_s": cpu_s,
                "lines": {path: sorted(seen.copy()) for path, seen in lines.copy().items()},
            }
    files = {path: _digest([Path(path)]) for path in {path for each in made.values() for path in each["lines"]}}
    written = kept.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps({"files": files, "tests": made}))
    written.replace(kept)  # a fork that is ended while it writes leaves no half of it


@contextmanager
def _following(tracer: Callable[..., Any]) -> Iterator[None]:
    """In this thread, and in those that are begun in it: what is sampled of several at once is sampled in some."""
    threading.settrace(tracer)
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


def _passes_within(item: pytest.Item, cpu_s: float) -> bool:
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    passed = passes(item, None)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return passed


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
            if code.co_name == "__init__" and code.co_filename == GENERATED:
                module = sys.modules.get(type(frame.f_locals["self"]).__module__)
                if (path := getattr(module, "__file__", None)) in judged:
                    lines[str(path)].add(0)
            return None
        if code not in left:
            left[code] = {number for _, _, number in code.co_lines() if number}
            lines[code.co_filename].add(code.co_firstlineno)
        return line if left[code] else None

    return call


def passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)
    return not any(report.failed for report in reports)
