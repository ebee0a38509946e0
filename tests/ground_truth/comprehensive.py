"""Ground truth of the comprehensive scenario: a defect of one part is found in that part, and in no other.

The figures are judged by the same criteria as in the scenarios of the parts, whose own pages compare them with the
faults' accounts; here it is the part that has to be right: of a fault, every criterion of all other parts has to pass,
or, in a phase of everybody in which the fault is as well, not to fail.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.findings import Outcome
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Run


def _in(*wanted: str) -> Callable[[Run], Compared]:
    """Says which parts have to be a FAIL; no other may be one."""

    def check(found: Run) -> Compared:
        failed = {part for part, outcome in found.verdict.parts.items() if outcome is Outcome.FAIL}
        return Compared([] if failed == {*wanted} else [f"FAIL in {sorted(failed)}, the fault is in {sorted(wanted)}"])

    return check


CASES = (
    Case("healthy", "comprehensive", check=_in()),
    Case(
        *("no_single_flight", "comprehensive", "no_single_flight", {}, {"cache_stampede": FAIL}),
        check=_in("cache"),
        follow=frozenset({"cache_latency_quantile"}),
    ),
    Case(
        *("breaker_never_opens", "comprehensive", "breaker_never_opens", {}),
        {**dict.fromkeys(("breaker_opens", "breaker_leak_through"), FAIL), "breaker_closes": INCONCLUSIVE},
        check=_in("breaker"),
    ),
    Case(
        *("lost_messages 10%", "comprehensive", "lost_messages", {"share": 0.1}, {"sockets_message_delivery": FAIL}),
        check=_in("sockets"),
        # They are lost from the beginning to the end: of all that is asked, 3 % in the ramp, and 7 % in the recovery.
        follow=frozenset({"ramp_latency_quantile", "recovery_error_ratio", "sockets_message_p95"}),
    ),
)
SHORT: tuple[Case, ...] = ()
"""Each takes 100 s, and what it adds to the scenarios of its parts is proven by recordings."""
