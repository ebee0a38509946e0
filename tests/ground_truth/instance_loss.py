"""Ground truth of the loss of an instance: killed, frozen, drained and told to end, and everything passes.

``slow_to_leave``: told to end, an instance stays for some seconds, well for the balancer's check, and refuses whatever
it is sent. As many tries are in vain as it says in its log that it has refused, and it is out of the rotation no sooner
than it has gone.

For how long the balancer has given the instance nothing stands in its own counts of how often it has chosen each
(``lbtot``), which the test's own look at its runtime socket keeps: it lies within the times that the run finds, but for
the time between two looks. Its states do not tell: one that hangs is up for seven seconds more, and gets nothing all
the same, because the requests that hang on it make the others the ones with the least connections.
"""

from __future__ import annotations

import csv
import re
import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.clients.haproxy import HaproxyError, run_command
from harness.criteria._single_operations import tries
from target.stack.haproxy import BACKEND
from tests.ground_truth.frame import FAIL, Case, Compared, Run, flags

LOOK_S = 0.05
NEAR_S = 0.5
"""Between the state and the next request: one of three, 40 a second, and a look."""
FALL_S = 1.5
"""Three checks, after which the balancer calls one down, and does not choose it any more. Who refuses connections gets
nothing from the first one on."""
REFUSING = "kill", "terminate"
OPTIONS = (
    *flags(baseline_s=8, hold_s=22, recovery_s=10, away_s=12, base=30, peak=30),
    *flags(generator_health_loop_lag_limit_s=2, generator_health_cpu_limit_ratio=2),
)


def watch(target: Mapping[str, Any], over: threading.Event) -> dict[str, list[float]]:
    """Instance → the looks, by the monotonic clock, at which it had been chosen since the one before."""
    counts, chosen_s = dict[str, str](), dict[str, list[float]]()
    while not over.wait(LOOK_S):
        try:
            answer = run_command(target["haproxy"]["stats_socket"], "show stat", 2.0).removeprefix("# ")
        except HaproxyError:
            continue
        for row in csv.DictReader(answer.splitlines()):
            name, count = row["svname"], row["lbtot"]
            if row["pxname"] == BACKEND and name not in ("FRONTEND", "BACKEND"):
                if counts.get(name, count) != count:
                    chosen_s.setdefault(name, []).append(time.monotonic())
                counts[name] = count
    return chosen_s


def _away(found: Run) -> Compared:
    """For how long the balancer gave it nothing: by its own counts, and by the run's two times and the fault's."""
    gaps_s = [later - earlier for chosen_s in found.seen.values() for earlier, later in pairwise(chosen_s)]
    if not gaps_s:
        return Compared(["nobody saw the balancer choose an instance twice"])
    true_s = max(gaps_s)
    marks = {mark.event: mark.t for mark in found.recording.faults}
    lasted_s = marks["undone"] - marks["injected"]
    out, back = (found.finding(name).interval or (0.0, 0.0) for name in ("out_of_rotation", "back_in_rotation"))
    low_s, high_s = lasted_s - out[1] + back[0], lasted_s - out[0] + back[1]
    wrong = []
    sooner_s = FALL_S if any(kind in found.case.options for kind in REFUSING) else 0.0
    if not low_s - NEAR_S - sooner_s <= true_s <= high_s + NEAR_S:
        wrong.append(f"away for {low_s:.2f} to {high_s:.2f} s found, {true_s:.2f} s by the balancer's counts")
    return Compared(wrong, (low_s + high_s) / 2, true_s, "s")


def _refused(target: Mapping[str, Any]) -> int:
    """By the last words of who was told to end."""
    logs = (log.read_text() for log in Path(target["data"]).glob("api*.log"))
    return sum(int(found) for log in logs for found in re.findall(r"left late: \{'refused': (\d+)\}", log))


def _late(found: Run) -> Compared:
    out = found.finding("out_of_rotation").interval
    assert out is not None
    wrong = list(_away(found).differences)
    stayed_s = found.case.parameters["seconds"]
    if out[1] < stayed_s:
        wrong.append(f"out of the rotation after {out[1]:.2f} s, told to end it stayed for {stayed_s:g} s")
    in_vain = sum(one.return_s is None for one in tries(found.recording, "*", "ledger*"))
    if in_vain != found.answer or not in_vain:
        wrong.append(f"{in_vain} tries in vain, {found.answer} refused by who was to leave")
    return Compared(wrong, float(in_vain), float(found.answer), "requests")


SLOW = Case(
    *("slow_to_leave 6 s", "instance_loss", "slow_to_leave", {"seconds": 6}),
    expected={"out_of_rotation": FAIL, "error_ratio": FAIL},
    check=_late,
    meanwhile=watch,
    ask=_refused,
    options=(*OPTIONS, "--failure", "terminate"),
)
CASES = (
    *(
        Case(kind, "instance_loss", check=_away, meanwhile=watch, options=(*OPTIONS, "--failure", kind))
        for kind in ("kill", "freeze", "drain", "terminate")
    ),
    SLOW,
)
SHORT = ()
