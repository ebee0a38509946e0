"""Ground truth of the circuit breaker: real runs against the reference target, whose account has to agree.

Each case is a way in which the upstream fails × a defect of the breaker. Expected is an outcome of every criterion:

- Without a defect all of them pass. Each instance's opening and closing must lie in the interval that was found for it,
  by the breaker's own ``transitions``; the calls counted while it was open must be its half-open probes; the probes
  and half-open periods are counted exactly.
- ``breaker_never_opens`` fails ``breaker_opens`` and ``breaker_leak_through``; what then cannot be judged (fast
  failures, closing, flaps) is INCONCLUSIVE; the leak-through must be 1.
- ``breaker_never_closes`` fails ``breaker_closes``, and by definition ``error_ratio`` in the recovery, which a breaker
  that stays open fails. Everything else passes.

In every case the upstream must have received exactly the requests that did not fail fast, and be healed at the end.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness import criteria
from harness.criteria.breaker import BREAKER_OPEN
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, measure
from target.loopback_http import ask
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Run, flags

SWITCHED_WITHIN_S = 0.1
"""The mark of a fault is set when its request was answered; it took effect somewhat earlier."""
PHASES = flags(baseline_s=8, hold_s=12, recovery_s=14)
EXPECTED = {
    "noop": {},
    "breaker_never_opens": {
        **dict.fromkeys(("breaker_opens", "breaker_leak_through"), FAIL),
        **dict.fromkeys(("fast_fail_latency", "breaker_closes", "breaker_flaps"), INCONCLUSIVE),
    },
    "breaker_never_closes": dict.fromkeys(("breaker_closes", "error_ratio_recovery"), FAIL),
}


@dataclass(frozen=True)
class Account:
    """What the target says of itself after the run; instants are CLOCK_MONOTONIC seconds."""

    received: int
    """Calls of the upstream in all."""
    healed: bool
    breakers: Mapping[str, Mapping[str, Any]]
    """Host and port of each API process → its ``/quote/breaker``."""


def _failing_since_s(target: Mapping[str, Any], over: threading.Event) -> float:
    """Waits until the upstream fails, and returns since when; NaN when it does not."""
    while (active := _active(target)) is None:
        if over.wait(0.2):
            return math.nan
    return float(active["since"])


def _active(target: Mapping[str, Any]) -> dict[str, Any] | None:
    upstream = target["upstream"]
    found: dict[str, Any] | None = ask("GET", upstream["url"] + upstream["path"], upstream["token"]).document["active"]
    return found


def _account(target: Mapping[str, Any]) -> Account:
    return Account(
        received=ask("GET", target["upstream"]["url"] + "/calls").document["received"],
        healed=_active(target) is None,
        breakers={
            api["url"].rpartition("/")[2]: ask("GET", api["url"] + "/quote/breaker").document for api in target["apis"]
        },
    )


def _by_the_account(run: Run) -> Compared:
    """The figure is the leak-through where the breaker never opens, else how long after the failure the last instance
    was open: the middle of the interval found, which the truth has to lie in and which is a sample wide.
    """
    account: Account = run.answer
    wrong = [] if account.healed else ["the upstream still fails"]
    sent = sum(piece.count for piece in run.recording.slices if piece.outcome != BREAKER_OPEN)
    if account.received != sent:
        wrong.append(f"{account.received} calls at the upstream, {sent} requests that did not fail fast")
    opens = criteria.load(next(spec for spec in run.recording.header.criteria if spec.criterion == "breaker_opens"))
    assert isinstance(opens, BreakerCriterion)
    found = measure(run.recording, opens)
    if run.case.fault == "breaker_never_opens":
        if found.leak is None or not found.leak.interval[0] <= 1 <= found.leak.interval[1]:
            wrong.append(f"every request was a call, and the leak-through is {found.leak}")
        return Compared(wrong, found.leak.ratio if found.leak else None, 1.0, "calls a request")
    zero_s = run.seen - found.injected_s
    opened_s = []
    for instance in found.instances:
        truth = account.breakers[instance.source]
        opened_s.append(next((one["at"] for one in truth["transitions"] if one["state"] == "open"), math.inf) - zero_s)
        wrong += _instants(instance.source, found, truth, zero_s)
        periods = sum(one["state"] == "half_open" for one in truth["transitions"])
        if not instance.probes == truth["probes"] == instance.half_opens == periods:
            wrong.append(
                f"{instance.source}: {truth['probes']} probes in {periods} half-open periods, "
                f"found {instance.probes} in {instance.half_opens}"
            )
    wrong += _calls(found, account, zero_s)
    if len(opened_s) != len(account.breakers):
        wrong.append(f"{len(account.breakers)} instances have a breaker, {len(opened_s)} were found")
    middle_s = (found.opened.after_s + found.opened.by_s) / 2
    return Compared(wrong, middle_s - found.injected_s, max(opened_s) - found.injected_s, "s")


def _instants(source: str, found: BreakerBehaviour, truth: Mapping[str, Any], zero_s: float) -> list[str]:
    """Opening and closing of one instance."""
    instance = next(one for one in found.instances if one.source == source)
    changes = [(one["at"] - zero_s, one["state"]) for one in truth["transitions"]]
    opened_s = next(t for t, state in changes if state == "open")
    closed_s = next((t for t, state in reversed(changes) if state == "closed"), math.inf)
    wrong = []
    for what, moment, real_s in (("opened", instance.opened, opened_s), ("closed", instance.closed, closed_s)):
        if moment is None or not moment.after_s - SWITCHED_WITHIN_S <= real_s <= moment.by_s + SWITCHED_WITHIN_S:
            wrong.append(f"{source} {what} at {real_s:.3f} s, found {moment}")
    return wrong


def _calls(found: BreakerBehaviour, account: Account, zero_s: float) -> list[str]:
    """While all breakers are open, what reaches the upstream are their probes: between two reads of its counter, which
    came up to a sampling interval after the sample had begun.
    """
    if found.leak is None:
        return ["no leak-through was measured"]
    probes = [
        one["at"] - zero_s
        for breaker in account.breakers.values()
        for one in breaker["transitions"]
        if one["state"] == "half_open"
    ]
    fewest = sum(found.leak.begin_s + 1 < t <= found.leak.end_s for t in probes)
    most = sum(found.leak.begin_s < t <= found.leak.end_s + 1 for t in probes)
    if fewest <= found.leak.calls <= most:
        return []
    return [f"{found.leak.calls:g} calls counted while open, and {fewest} to {most} probes"]


def _case(failure: str, fault: str) -> Case:
    return Case(
        *(f"{failure}, {'healthy' if fault == 'noop' else fault}", "circuit_breaker", fault, {}, EXPECTED[fault]),
        check=_by_the_account,
        options=(*PHASES, "--failure", failure, "--without", "recovery_time"),
        meanwhile=_failing_since_s,
        ask=_account,
    )


CASES = tuple(_case(failure, fault) for fault in EXPECTED for failure in ("errors", "slowness", "hang"))
SHORT = (_case("hang", "noop"), _case("errors", "breaker_never_opens"))
