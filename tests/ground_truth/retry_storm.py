"""Ground truth of metastability: the reference target's fault ``retry_storm``, whose queue nobody shortens.

One process serves 20 logins a second. Clients try three times more, so 8 a second ask 32 times once the spike has left
work of more than their patience, and the queue stays for ever; 3 a second ask 12 times, and it is worked off. Clients
see the same of both, nothing but time-outs. The figure is how long the queue was at the end, by the gauge and by the
fault's own account.
"""

from __future__ import annotations

from harness.analysis import amplification
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Run, flags

SERVED_PER_S = 20.0
SCENARIO = "../tests/run/scenarios/retrying_logins"
SETTLING = frozenset({"recovery_time", "target_healthy", "failures_judged"})
"""Watched for less than it would take to say more of it; and nobody is answered to the end, which is the point. Nor is
any criterion about the spike, in which many are not."""
LAST_S = 30


def _by_the_account(sentence: str) -> object:
    def check(run: Run) -> Compared:
        found = run.finding("metastability")
        wrong = [] if sentence in found.reason else [found.reason]
        seen, longest = found.evidence.get("queue at the end"), run.account["longest"]
        if not isinstance(seen, float):
            return Compared([*wrong, "no queue was found"])
        if not 0 < seen <= longest + 1:
            wrong.append(f"a queue of {seen:g} by the gauge, at most {longest:g} by the account")
        end_s = run.recording.header.phases[-1].end_s
        last = amplification.between(run.recording, end_s - LAST_S, end_s)
        if last is None or last.ratio is None or not 3 < last.ratio < 5:
            wrong.append(f"four attempts for each request in the storm: {last}")
        return Compared(wrong, seen, longest, "logins")

    return check


def _case(name: str, per_s: float, expected: dict[str, object], sentence: str) -> Case:
    return Case(
        *(name, SCENARIO, "retry_storm", {"per_s": SERVED_PER_S}, expected),  # type: ignore[arg-type]
        follow=SETTLING,
        rest=INCONCLUSIVE,
        check=_by_the_account(sentence),  # type: ignore[arg-type]
        options=flags(base=per_s),
        reference={"processes": "1"},
    )


METASTABLE = _case("metastable", 8, {"metastability": FAIL}, ": metastable: its queue still grows")
SLOW = _case("slow", 3, {"metastability": INCONCLUSIVE}, ": slow, not metastable: its queue falls")
CASES = SHORT = (METASTABLE, SLOW)
