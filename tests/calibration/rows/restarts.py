"""A process of 100 MB that leaks 20 MB a second from the spike on, or does not, and is restarted: at a random instant
of the recovery, just before the end, again and again, in the company of two others, or not at all. The same noise,
with and without pids in the recording.

With pids `process_restarts` has to find each restart and no other, and a leak of more than 200 MB must fail
`memory_growth` whatever restarted it. Without (old recordings) it may not pass. A collector that gives all back at once
is no restart where the pid is known; nor is a process that a fault of ours killed an unexpected one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from harness.findings import Finding, Outcome
from harness.recording.marks import INJECTED, FaultMark
from harness.verdict import judge
from tests.calibration.__main__ import Each
from tests.calibration.figures import Figure, Share
from tests.calibration.memory import MB, RECOVERY_S, SIZE_BYTES, quiet, recording

TITLE = "Restarts, and leaks that they hide"
SHORT = 4
END_S = RECOVERY_S + 60
LEAK_PER_S = 20 * MB
CASES = ("no restart", "one restart", "killed just before the end", "every 15 s", "one of three processes")


def instants(case: str, random: np.random.Generator) -> list[int]:
    """At which the process ends; it is back two seconds later."""
    match case:
        case "no restart" | "collector":
            return []
        case "killed just before the end":
            return [END_S - int(random.integers(2, 6))]
        case "every 15 s":
            return list(range(RECOVERY_S + int(random.integers(10, 16)), END_S - 2, 15))
    return [int(random.integers(RECOVERY_S + 15, END_S - 10))]


def findings(case: str, leak: bool, has_pids: bool, is_ours: bool, seed: int) -> tuple[dict[str, Finding], int]:
    """What is found, by criterion, and how many restarts there were that the end did not cut off."""
    random = np.random.default_rng(seed)
    ends = instants(case, np.random.default_rng(seed + 10**6))
    t = np.arange(END_S, dtype=np.float64)
    began = np.max(
        [np.where(t >= start, float(start), RECOVERY_S) for start in [RECOVERY_S, *(e + 2 for e in ends)]], 0
    )
    memory_bytes = SIZE_BYTES + quiet(random, END_S) + LEAK_PER_S * leak * np.maximum(0.0, t - began)
    if case == "collector":
        memory_bytes += 5 * MB * (t % 20)
    for end_s in ends:
        memory_bytes[end_s : end_s + 2] = np.nan
    several = {"api": memory_bytes}
    if case == "one of three processes":
        several |= {f"api{number}": SIZE_BYTES + quiet(random, END_S) for number in (2, 3)}
    starts = {"api": [end_s + 2 for end_s in ends]}
    faults = tuple(
        FaultMark(end_s - 0.5, "kill_process", INJECTED, f"killed python {100 + number}", 1)
        for number, end_s in enumerate(ends)
        if is_ours
    )
    found = judge(recording(several, starts=starts if has_pids else None, faults=faults)).findings
    return {each.kind: each for each in found}, sum(end_s + 2 < END_S for end_s in ends)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in CASES:
        for leak in (True, False):
            told = f"{case}, {'leak' if leak else 'no leak'}"
            found = list(each(partial(findings, case, leak, True, False), seeds))
            counted = sum(one["process_restarts"].figure == number for one, number in found)
            yield Share(told, "restarts counted as they were", counted, len(seeds), (0.95, 1))
            passed = sum(one["process_restarts"].outcome is Outcome.PASS for one, _ in found)
            yield Share(
                told, "`process_restarts` PASS", passed, len(seeds), (0.95, 1) if case == "no restart" else (0, 0.05)
            )
            wanted = Outcome.FAIL if leak else Outcome.PASS
            right = sum(one["memory_growth"].outcome is wanted for one, _ in found)
            goal = None if case == "killed just before the end" and not leak else (0.95, 1)
            yield Share(told, f"`memory_growth` {wanted.value}", right, len(seeds), goal)
            if leak:
                found = list(each(partial(findings, case, True, False, False), seeds))
                passed = sum(one["memory_growth"].outcome is Outcome.PASS for one, _ in found)
                yield Share(f"{told}, without pids", "`memory_growth` PASS", passed, len(seeds), (0, 0.05))
                passed = sum(one["memory_leak"].outcome is Outcome.PASS for one, _ in found)
                yield Share(f"{told}, without pids", "`memory_leak` PASS", passed, len(seeds), (0, 0.05))
    for case, is_ours in (("collector", False), ("one restart", True)):
        told = "a collector gives 100 MB back at once" if case == "collector" else "one restart, by a fault of ours"
        found = list(each(partial(findings, case, False, True, is_ours), seeds))
        passed = sum(one["process_restarts"].outcome is Outcome.PASS for one, _ in found)
        yield Share(told, "`process_restarts` PASS", passed, len(seeds), (0.95, 1))
