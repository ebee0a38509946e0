"""The tool that asks whether the tests would notice, and a sample of what it makes: most of it has to be noticed."""

from __future__ import annotations

import contextlib
import functools
import json
import marshal
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.findings import Finding, Outcome
from tests.mutants import executed, fork, session
from tests.mutants.fork import BROKEN, LOOPS, WAITS, in_a_fork
from tests.mutants.mutations import mutants_of
from tests.mutants.session import KILLED, NOT_EXECUTED, SURVIVED, UNDECIDED

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("SPRINGBACK_MUTANTS_SEED", "1")
"""Another one draws other mutants."""
LEAST = 0.6
"""Of the sample. How many are killed of all is in docs/testing.md: where these are 86 %, fewer than 10 of 16 come in
one of 270 samples (binomial), and each change of these files draws another.
"""
CHANGED = ("analysis/answers", "analysis/names", "analysis/quality")
ASKED = ("answers", "names", "quality")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x = a < b", {"Lt → LtE", "Lt → GtE"}),
        ("x = a and not b", {"And → Or", "without Not"}),
        ("x = a + 1", {"Add → Sub", "1 → 2", "1 → 0"}),
        ("x = 0.5", {"0.5 → 1.5", "0.5 → -0.5", "0.5 → 1.0"}),
        ("x = 200_000_000", {"200000000 → 400000000"}),
        ("x = True", {"True → False"}),
        ("x = Outcome.FAIL", {"FAIL → INCONCLUSIVE"}),
        ("x = self.inconclusive(a)", {"inconclusive → PASS"}),
        ("x = min(a, b)", {"min → max"}),
        ("x = f(a, b, c)", {"arguments swapped"}),
        ("x = f(a, a)", set()),
        ("x = a[b:c]", {"slice from the beginning", "slice to the end"}),
        ("x = {'key': f'{a} and so'}", {"'key' → 'XXkeyXX'"}),
        ("x = 'some words'", set()),
        ("if ready: x = y", {"if not", "if False", "if True"}),
        ("if a < b: x = y", {"Lt → LtE", "Lt → GtE", "if False", "if True"}),
        ("if a: x = y\nelse: x = z", {"if not", "if True"}),
        ("while ready: f()", {"while not", "without the call"}),
        ("x = [a for a in b if a]", {"for without if", "for … if not"}),
        ("def f():\n    yield a", {"without yield"}),
        ("def f(a=3):\n    return a", {"3 → 4", "3 → 2", "3 → 6", "return None"}),
        ("def f():\n    return None", set()),
        ("raise error", {"without raise"}),
        ("try: f()\nexcept E: g()", {"without the call", "except: raise"}),
        ("x.y = z", {"without the assignment"}),
        ("for a in b: continue", {"continue → break"}),
        ("@listens\n@cache\n@property\ndef f(): ...", {"without @listens"}),
        ('"""Text."""', set()),
        ("x: Annotated[int, 5]", set()),
        ("import math", set()),
        ("if TYPE_CHECKING: x = 1", set()),
        ("x += 2", {"Add= → Sub=", "2 → 3", "2 → 1", "2 → 4", "without the assignment"}),
        ("x = zip(a, b, strict=True)", {"arguments swapped"}),
        ("x = field(repr=False, compare=False)", {"False → True"}),
    ],
)
def test_what_may_be_changed_in_a_line(line: str, told: set[str], tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text(line)
    made = mutants_of(path)
    assert {mutant.what for mutant in made} == told
    codes = {marshal.dumps(mutant.code()) for mutant in made}
    assert len(codes) == len(made) and marshal.dumps(compile(line, str(path), "exec")) not in codes


def test_a_change_is_known_by_its_function_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text(
        "LIMIT = 1\nclass A:\n    b = 2\n    def c(self):\n        return [x\n            < 3 for x in self]\n"
    )
    made = {(mutant.function, mutant.lines) for mutant in mutants_of(path)}
    assert made == {("", (1, 1)), ("", (3, 3)), ("A.c", (5, 6))}


def test_who_executes_little_but_a_file_is_asked_first_about_it(tmp_path: Path) -> None:
    """And the quickest of those who are alike; who does not execute the statement is not asked at all."""
    path = tmp_path / "source.py"
    path.write_text("def answer(a):\n    if a:\n        return 1\n    return 2\n")
    mutant = next(each for each in mutants_of(path) if each.what == "1 → 2")
    of, other = str(path), "other.py"
    lines = {
        "all that judges": {of: [1, 2, 3], other: list(range(99))},
        "of it, long": {of: [1, 2, 3]},
        "of it, short": {of: [1, 2, 3]},
        "elsewhere": {of: [1, 2, 4]},
    }
    took_s = {"all that judges": 0.001, "of it, long": 0.3, "of it, short": 0.1, "elsewhere": 0.01}
    known = {test: {"cpu_s": took_s[test], "lines": each} for test, each in lines.items()}
    items: dict[str, Any] = {test: SimpleNamespace(path=Path("test_it.py")) for test in lines}
    assert session._asked(mutant, known, items) == ["of it, short", "of it, long", "all that judges"]


def test_what_was_executed_is_known_until_one_of_these_files_changes(tmp_path: Path) -> None:
    source, kept = tmp_path / "source.py", tmp_path / "kept.json"
    assert not executed._holds(kept)
    source.write_text("x = 1\n")
    kept.write_text(json.dumps({"files": {str(source): executed._digest([source])}, "tests": {}}))
    assert executed._holds(kept)
    source.write_text("x = 2\n")
    assert not executed._holds(kept)
    source.unlink()
    assert not executed._holds(kept)


def test_what_yields_nothing_more_is_a_generator_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text("def problems():\n    yield 1\n")
    mutant = next(each for each in mutants_of(path) if each.what == "without yield")
    made: dict[str, Any] = {}
    exec(mutant.code(), made)
    assert list(made["problems"]()) == []


def test_what_was_inconclusive_passes_and_keeps_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text("def judge(self):\n    return self.inconclusive('too few')\n")
    mutant = next(each for each in mutants_of(path) if each.what == "inconclusive → PASS")
    made: dict[str, Any] = {}
    exec(mutant.code(), made)
    criterion = SimpleNamespace(inconclusive=lambda why: Finding("x", "x", Outcome.INCONCLUSIVE, why))
    assert made["judge"](criterion) == Finding("x", "x", Outcome.PASS, "too few")


def test_a_handler_is_known_by_its_own_lines(tmp_path: Path) -> None:
    """Who has seen no error does not execute it."""
    path = tmp_path / "source.py"
    path.write_text("def f():\n    try:\n        g()\n    except E:\n        return 1\n    return 1\n")
    assert [each.lines for each in mutants_of(path) if each.what == "except: raise"] == [(4, 4)]


@pytest.mark.parametrize("is_held", [True, False])
def test_two_draws_at_once_follow_the_tests_of_a_file_one_after_the_other(is_held: bool, tmp_path: Path) -> None:
    path = tmp_path / "names.lock"
    begun: list[bool] = []
    other = threading.Thread(target=lambda: begun.append(_entered(path)))
    with executed._locked(path) if is_held else contextlib.nullcontext():
        other.start()
        other.join(0.1)
        assert begun == ([] if is_held else [True])
    other.join(20)
    assert begun == [True]


def test_what_a_thread_executes_is_followed(tmp_path: Path) -> None:
    path = str(tmp_path / "source.py")
    made: dict[str, Any] = {}
    exec(compile("def f():\n    x = 1\n    return x\n", path, "exec"), made)
    lines: dict[str, set[int]] = defaultdict(set)
    before = sys.gettrace()
    with executed._following(executed._tracer(frozenset([path]), lines)):
        thread = threading.Thread(target=made["f"])
        thread.start()
        thread.join()
    assert lines == {path: {1, 2, 3}} and (sys.gettrace(), threading.gettrace()) == (None, None)
    sys.settrace(before)


def _entered(path: Path) -> bool:
    with executed._locked(path):
        return True


def loop() -> str:
    while True:
        pass


def wait() -> str:
    time.sleep(60)
    return "slept"


@pytest.mark.parametrize(
    ("job", "ended"),
    [
        (lambda: "all went well", "all went well"),
        (lambda: None, ""),
        (lambda: 1 // 0, BROKEN),
        (lambda: signal.raise_signal(signal.SIGKILL), BROKEN),
        (loop, LOOPS),
        (wait, WAITS),
    ],
    ids=["answers", "has no answer", "raises", "is killed", "loops", "waits"],
)
def test_how_a_fork_ended_is_known(job: Callable[[], Any], ended: str) -> None:
    assert in_a_fork(job, cpu_s=0, waits_s=0.5, look_s=0.02) == ended


def test_a_fork_that_gets_no_turn_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full machine it may be long before it has one, and until then it takes no CPU either."""

    def late() -> str:
        time.sleep(0.3)
        return "late"

    assert in_a_fork(late, cpu_s=0, waits_s=0.1, look_s=0.02) == WAITS
    monkeypatch.setattr(fork, "_threads", lambda _pid: (0.0, True))
    assert in_a_fork(late, cpu_s=0, waits_s=0.1, look_s=0.02) == "late"


def test_what_wants_a_turn_is_told_from_what_waits() -> None:
    ran_s, wants_a_turn = fork._threads(os.getpid())
    assert wants_a_turn and ran_s > 0
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as waiting:
        assert waiting.stdin is not None
        while fork._threads(waiting.pid)[1]:  # it is starting
            time.sleep(0.01)
        waiting.stdin.close()
    assert fork._threads(waiting.pid) == (0.0, False)


@dataclass(frozen=True)
class Asked:
    """What the tool has of a test."""

    nodeid: str
    passes: Callable[[], bool]


def test_killed_is_what_a_test_notices_that_passes_without_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a full machine turns red, or the change nobody asked about, tells nothing of the mutant."""
    path = tmp_path / "source.py"
    path.write_text("def answer():\n    return 41 + 1\n")
    made: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), made)
    answer = made["answer"]
    mutant = next(each for each in mutants_of(path) if each.what == "Add → Sub")
    monkeypatch.setattr(session, "passes", lambda item, _following: item.passes())
    notices = Asked("notices", lambda: answer() == 42)
    outcome = functools.partial(
        session._outcome,
        mutant,
        executed={each: {"cpu_s": 0.0} for each in ("notices", "does not", "is red", "breaks")},
        functions={(str(path), "answer"): [answer]},
    )
    assert outcome([notices]) == outcome([Asked("does not", lambda: answer() > 0), notices]) == KILLED  # type: ignore[list-item]
    assert outcome([Asked("does not", lambda: answer() > 0)]) == SURVIVED  # type: ignore[list-item]
    assert outcome([Asked("is red", lambda: False), notices]) == UNDECIDED  # type: ignore[list-item]
    assert outcome([Asked("breaks", lambda: bool(1 // 0)), notices]) == UNDECIDED  # type: ignore[list-item]
    assert outcome([]) == NOT_EXECUTED


def test_most_of_a_sample_is_noticed() -> None:
    tests = [f"tests/pure/test_{name}.py" for name in ASKED]
    command = [sys.executable, "-m", "tests.mutants", *CHANGED, "--sample", "16", "--seed", SEED]
    done = subprocess.run(
        [*command, "--least", str(LEAST), "--tests", *tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
