"""Ground truth of the rate limit: real runs against the reference target, whose account has to agree.

- Without a defect all criteria pass, and nothing was admitted beyond the limit.
- ``separate_limits`` fails ``over_admission``: three times the limit, named as three separate limits; what a common
  limit would have refused is counted by the target, request by request, and by us. What each instance says that
  remains is then wrong, too; and nobody is refused in the stream, so that what needs a refusal is INCONCLUSIVE.
- ``lying_remaining`` fails ``remaining_told``: never more answers than lied, and most of those.
- ``fail_closed`` fails ``fail_open``, and as many requests say that they were refused for want of the counters as the
  target has refused.
"""

from __future__ import annotations

from harness.recording import TAKE
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Run, flags

UNSEEN = 0.003
"""Share of all requests that may be on the wrong side of the limit in our count: instants of decisions are not seen."""


def _as_counted(run: Run) -> Compared:
    found = run.finding("over_admission")
    beyond, extra = float(found.evidence["admitted beyond the limit"]), run.account.get("extra", 0.0)
    wrong = []
    if abs(beyond - extra) > UNSEEN * float(found.evidence["requests"]):
        wrong.append(f"{extra:g} were admitted beyond the limit, {beyond:g} found")
    if run.case.fault == "separate_limits" and "3 separate limits" not in found.reason:
        wrong.append(f"not named as separate limits: {found.reason}")
    return Compared(wrong, beyond, extra, "requests beyond the limit")


def _lies(run: Run) -> Compared:
    found = run.finding("remaining_told")
    told, lied = float(found.evidence["wrong"]), run.account["lies"]
    share = found.figure or 0.0
    wrong = (
        []
        if 0.7 * run.account["answers"] <= lied and told <= lied and share >= 0.7
        else [f"{lied:g} lies, {told:g} found"]
    )
    return Compared(wrong, share, lied / run.account["answers"], "of the answers")


def _refused_closed(run: Run) -> Compared:
    """All of them, also those of a herd that the counters were too slow for; and those of the outage were found."""
    takes = [each for batch in run.recording.operations for each in batch.operations if each.kind == TAKE]
    closed = sum(not each.cache and each.return_s is not None for each in takes)
    refused, truth = float(run.finding("fail_open").evidence["refused"]), run.account["refused"]
    wrong = [] if closed == truth else [f"{truth:g} refused for want of the counters, {closed:g} requests say so"]
    if not 0 < refused <= truth:
        wrong.append(f"{refused:g} of them in the outage")
    return Compared(wrong, closed, truth, "requests refused")


SEPARATE = Case(
    "separate_limits",
    "rate_limit",
    "separate_limits",
    follow=frozenset({"retry_after"}),  # who stays with one instance is told the truth
    expected={
        **dict.fromkeys(("over_admission", "remaining_told"), FAIL),
        **dict.fromkeys(("wrong_refusals", "key_fairness"), INCONCLUSIVE),
    },
    check=_as_counted,
)
CASES = (
    Case("noop", "rate_limit", check=_as_counted),
    SEPARATE,
    Case("lying_remaining", "rate_limit", "lying_remaining", {"added": 5}, {"remaining_told": FAIL}, check=_lies),
    Case(
        "fail_closed",
        "rate_limit",
        "fail_closed",
        expected={"fail_open": FAIL},
        # A herd that the counters take longer for than the service waits is refused, too.
        follow=frozenset({"error_ratio", "latency_quantile"}),
        check=_refused_closed,
    ),
)
SHORT = (
    Case(
        "separate_limits",
        "rate_limit",
        "separate_limits",
        expected={**SEPARATE.expected, "fail_open": INCONCLUSIVE},
        check=_as_counted,
        options=flags(baseline_s=8, recovery_s=12, outage_s=0, canary_per_s=40),
        rest=INCONCLUSIVE,
    ),
)
