"""``python -m tests.mutants [WORD …] [--sample N] [--seed S] [--kinds KIND …] [--least RATIO]``: who would notice?

Of the files of `harness` and `reports` whose path has one of the words (without one, of all that judges and samples) a
sample of the mutants is drawn, and each is held against the tests of what judges and samples. Those of `harness/load`
are held against `--tests tests/load`, in a process that Locust has patched. See docs/testing.md.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

import hypothesis
import msgspec
import numpy
import pytest
import scipy.optimize
import scipy.special
import scipy.stats

from tests.mutants.executed import ROOT, followed
from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.session import HANGS, KILLED, UNDECIDED, Session

KEPT = (hypothesis, msgspec, numpy, scipy.optimize, scipy.special, scipy.stats)
"""Imported before the first fork, so that none does it again."""

JUDGING = (
    *(f"harness/{room}/" for room in ("analysis", "comparison", "criteria", "history", "learn", "limit", "probes")),
    *("harness/verdict.py", "harness/verdict_cause.py", "harness/family.py", "harness/findings.py"),
    *("harness/repeats.py", "harness/recording"),
)
"""From what is sampled to a verdict, and what holds runs and logs against others."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[2])
    parser.add_argument("words", nargs="*", help="parts of the paths of what is changed")
    parser.add_argument("--sample", type=int, default=480, help="mutants, 0 for all of them")
    parser.add_argument("--seed", type=int, default=1)
    asked = ["tests/pure", "tests/learn", "tests/probes"]
    parser.add_argument("--tests", nargs="*", default=asked, help="files of tests that are asked")
    parser.add_argument("--kinds", nargs="*", default=[""], help="parts of the words of a change, such as '→ PASS'")
    parser.add_argument("--least", type=float, default=0.0, help="share that has to be killed, or else it ends with 1")
    given = parser.parse_args()

    words = given.words or JUDGING
    files = [path for path in followed() if any(word in str(path.relative_to(ROOT)) for word in words)]
    every = (mutant for path in files for mutant in mutants_of(path))
    mutants = [mutant for mutant in every if any(kind in mutant.what for kind in given.kinds)]
    if given.sample and given.sample < len(mutants):
        mutants = random.Random(given.seed).sample(mutants, given.sample)
        mutants.sort(key=lambda mutant: (mutant.path, mutant.number))
    found: dict[Path, Counter[str]] = defaultdict(Counter)

    def tell(mutant: Mutant, outcome: str) -> None:
        found[mutant.path][outcome] += 1
        if outcome not in (KILLED, HANGS):
            text = mutant.path.read_text(encoding="utf-8").splitlines()[mutant.line - 1].strip()
            where = f"{mutant.path.relative_to(ROOT)}:{mutant.line}:{mutant.column}"
            print(f"{outcome:12} {where}  {mutant.what}  |  {text}", flush=True)

    sys.path.insert(0, str(ROOT))
    code = pytest.main(
        [*given.tests, "-q", "-o", "timeout=0", "--no-header", "--no-summary"],
        plugins=[Session(followed(), mutants, tell)],
    )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or not found:
        print(f"no mutant was made: pytest ended with {code}")
        return 2
    return _summary(found, given.least)


def _summary(found: dict[Path, Counter[str]], least: float) -> int:
    killed = total = 0
    for path, counts in sorted(found.items()):
        dead, decided = counts[KILLED] + counts[HANGS], counts.total() - counts[UNDECIDED]
        killed, total = killed + dead, total + decided
        print(f"{dead:4} of {decided:4}  {path.relative_to(ROOT)}")
    if undecided := sum(counts[UNDECIDED] for counts in found.values()):
        print(f"{undecided:4} undecided, and in none of these numbers")
    share = killed / total if total else 0.0
    print(f"{killed:4} of {total:4}  killed, {share:.0%}")
    return int(share < least)


if __name__ == "__main__":
    sys.exit(main())
