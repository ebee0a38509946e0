"""A run with twelve error ratios, each at its limit of 5 %: what makes the run FAIL, though every limit is kept. The
requests of each name fail independently, 60 s with 20 requests/s; or in seconds that are alike for all twelve names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from harness.criteria import load
from harness.findings import Outcome
from harness.recording import End, Recording, Slice
from harness.recording.header import CriterionSpec, Header, Phase
from harness.verdict import judge
from tests.calibration.figures import Figure, Share

TITLE = "Twelve criteria at their limits"
SHORT = 12
CRITERIA, LASTING_S, PER_S, RATIO = 12, 60, 20, 0.05
NAMES = tuple(f"GET /{number}" for number in range(CRITERIA))
SPECS = tuple(CriterionSpec("error_ratio", {"name": name, "requests": name, "limit": RATIO}) for name in NAMES)
HEADER = Header(
    scenario="simulated",
    started_utc="2026-03-14T09:26:53Z",
    shape="step",
    parameters={},
    phases=(Phase("spike", 0, LASTING_S),),
    level=((0, CRITERIA * PER_S), (LASTING_S, CRITERIA * PER_S)),
    level_unit="starts/s",
    gates=(),
    criteria=SPECS,
    target="http://127.0.0.1:8080",
    nodes=1,
    environment={},
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for words, alike in (("independent", False), ("seconds alike for all", True)):
        found = list(each(partial(one, alike), seeds))
        alone, together, passed = (sum(each[place] for each in found) for place in range(3))
        yield Share(words, "some criterion FAILs by itself", alone, len(seeds))
        yield Share(words, "the run FAILs", together, len(seeds), (0, 0.05))
        yield Share(words, "the run PASSes", passed, len(seeds), (0, 0.05))


def one(alike: bool, seed: int) -> tuple[bool, bool, bool]:
    """Whether some criterion fails by itself, whether the run does, and whether the run passes."""
    random = np.random.default_rng(seed)
    of_second = random.choice([0.5, 1.5], LASTING_S) if alike else np.ones(LASTING_S)
    slices = []
    for name in NAMES:
        failed = random.binomial(PER_S, RATIO * of_second)
        for t, bad in enumerate(failed.tolist()):
            slices.append(Slice(t, "w", name, "ok", PER_S - bad, 0, {1000: PER_S - bad}))
            slices.append(Slice(t, "w", name, "http 503", bad, 0, {}))
    end = End(LASTING_S + 1, "completed", True, CRITERIA * LASTING_S * PER_S, 0)
    run = Recording(HEADER, tuple(slices), (), (), end)
    alone = any(load(spec).judge(run).outcome is Outcome.FAIL for spec in SPECS)
    outcome = judge(run).outcome
    return alone, outcome is Outcome.FAIL, outcome is Outcome.PASS
