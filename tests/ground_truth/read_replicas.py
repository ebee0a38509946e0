"""Ground truth of read replicas: who answers, and what becomes of the reads when nobody is left to.

- Healthy (``noop``): one replica dies, all do, or one replays nothing for a while, and everything passes.
- ``sticky_replica``: all reads go to one of the two replicas, so its share is all of them: off by the whole even share.
- ``no_fallback``: reads that the primary could answer are answered 503, as many as the fault says it has refused. The
  ones that were under way when the replicas died may have failed in another way.
"""

from __future__ import annotations

from harness.recording import READ
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Run, flags

OPTIONS = (
    *flags(baseline_s=8, hold_s=22, recovery_s=10, away_s=15, base=30, peak=30),
    *flags(generator_health_loop_lag_limit_s=2, generator_health_cpu_limit_ratio=2),
)
SHARED_FALLBACK = 0.95
"""Of the reads in vain, at least so many are the fault's own."""


def _sticky(found: Run) -> Compared:
    finding = found.finding("even_share")
    wrong = [] if finding.figure == 1 else [f"off by {finding.figure} of the even share, by the fault's account by 1"]
    if not found.account["diverted"]:
        wrong.append("the fault has diverted no read")
    return Compared(wrong, finding.figure, 1.0, "ratio")


def _no_fallback(found: Run) -> Compared:
    refused = found.account["refused"]
    reads = [one for batch in found.recording.operations for one in batch.operations if one.kind == READ]
    in_vain = sum(one.return_s is None and one.via != "audit" for one in reads)
    wrong = []
    if not SHARED_FALLBACK * in_vain <= refused <= in_vain:
        wrong.append(f"{in_vain} reads in vain, {refused:g} refused by the fault's account")
    return Compared(wrong, float(in_vain), refused, "reads")


def _healthy(failure: str) -> Case:
    return Case(failure, "read_replicas", options=(*OPTIONS, "--failure", failure))


STICKY = Case(
    *("sticky_replica", "read_replicas", "sticky_replica", {}, {"even_share": FAIL}),
    # Where one that nobody asks has died, nobody notices.
    follow=frozenset({"out_of_rotation", "back_in_rotation", "outage"}),
    check=_sticky,
    options=OPTIONS,
)
NO_FALLBACK = Case(
    *("no_fallback", "read_replicas", "no_fallback", {}),
    expected={"fallback_time": FAIL, "outage": FAIL},
    follow=frozenset({"error_ratio"}),  # how large a share of the spike they are away is up to their Patronis
    rest=INCONCLUSIVE,
    check=_no_fallback,
    # Their Patronis start them again within seconds.
    options=(*OPTIONS, *flags(fallback_time_limit_s=1, outage_limit_s=1), "--failure", "replicas"),
)
CASES = (*map(_healthy, ("replica", "replicas", "lag")), STICKY, NO_FALLBACK)
SHORT = ()
