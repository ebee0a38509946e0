"""Error ratio and latency: what is said of a herd and of a sample, with each outcome, and of what had no answer."""

from __future__ import annotations

import math

import pytest

from harness.analysis.tallies import Tally
from harness.criteria.requests.error_ratio import ErrorRatio
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.findings import Outcome

PASS, INCONCLUSIVE, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
FAILED = Tally(200, 190, {"http 503": 8, "timeout": 2}, 0, {1000: 190})
CUT_OFF = Tally(200, 187, {"http 503": 10}, 0, {1000: 187}, {5: 3})


@pytest.mark.parametrize(
    ("outcome", "tally", "interval", "is_herd", "said"),
    [
        (
            PASS,
            FAILED,
            (0.03, 0.09),
            False,
            "most of them with http 503 (8); at most 9 % with 95 % confidence, limit 5 %",
        ),
        (
            FAIL,
            FAILED,
            (0.06, 0.09),
            False,
            "most of them with http 503 (8); at least 6 % with 95 % confidence, limit 5 %",
        ),
        (
            INCONCLUSIVE,
            FAILED,
            (0.03, 0.09),
            False,
            "(8), which leaves 3 % to 9 % possible around the limit of 5 %; more requests or a longer phase would "
            "settle it",
        ),
        (
            INCONCLUSIVE,
            CUT_OFF,
            (0.05, 0.065),
            True,
            "all of them with http 503 (10), and 3 had no answer when the run was cut off, which leaves 5 % to 6.5 % "
            "possible around the limit of 5 %; a run to its end would settle it",
        ),
        (PASS, CUT_OFF, (0.05, 0.065), True, "cut off; 5 % to 6.5 %, limit 5 %"),
        (FAIL, CUT_OFF, (0.05, 0.065), True, "cut off; 5 % to 6.5 %, limit 5 %"),
        (PASS, FAILED, (0.05, 0.05), True, "most of them with http 503 (8); 5 %, limit 5 %"),
        (INCONCLUSIVE, FAILED, (0.05, 0.05), False, "which leaves 5 % to 5 % possible"),
    ],
)
def test_what_is_said_of_failures(
    outcome: Outcome, tally: Tally, interval: tuple[float, float], is_herd: bool, said: str
) -> None:
    told = ErrorRatio(limit=0.05)._reason(outcome, tally, interval, is_herd)
    assert said in told
    of_herd = " of this herd" if is_herd else ""
    assert told.startswith(f"10 of 200 requests{of_herd} failed, ")
    assert ErrorRatio()._reason(PASS, Tally(5, 5, {}, 0, {}), (0, 0.1), False).startswith("0 of 5 requests failed; ")


@pytest.mark.parametrize(
    ("outcome", "tally", "interval", "said"),
    [
        (
            PASS,
            FAILED,
            (0.1, 0.2),
            "p95 is at most 200 ms with 95 % confidence, limit 500 ms (5 % of the requests failed)",
        ),
        (
            FAIL,
            FAILED,
            (0.6, 0.9),
            "p95 is at least 600 ms with 95 % confidence, limit 500 ms (5 % of the requests failed)",
        ),
        (
            FAIL,
            FAILED,
            (math.inf, math.inf),
            "too many requests failed for p95 to have a bound (5 % of the requests failed); limit 500 ms",
        ),
        (
            INCONCLUSIVE,
            FAILED,
            (0.4, 0.9),
            "p95 lies between 400 ms and 900 ms, around the limit of 500 ms (5 % of the requests failed); more "
            "requests would narrow it",
        ),
        (
            INCONCLUSIVE,
            CUT_OFF,
            (0.4, math.inf),
            "around the limit of 500 ms (5 % of the requests failed), and 3 had no answer when the run was cut off; a "
            "run to its end would narrow it",
        ),
        (INCONCLUSIVE, Tally(58, 58, {}, 0, {}), (0.4, math.inf), "59 samples needed for p95, 58 seen"),
        (
            INCONCLUSIVE,
            Tally(59, 59, {}, 0, {}),
            (0.4, 0.9),
            "p95 lies between 400 ms and 900 ms, around the limit",
        ),
    ],
)
def test_what_is_said_of_a_quantile(outcome: Outcome, tally: Tally, interval: tuple[float, float], said: str) -> None:
    assert said in LatencyQuantile(limit_s=0.5)._reason(outcome, "p95", tally, interval)


@pytest.mark.parametrize(("quantile", "confidence", "needed"), [(0.99, 0.95, 299), (0.95, 0.99, 90)])
def test_how_many_samples_a_quantile_needs_depends_on_both(quantile: float, confidence: float, needed: int) -> None:
    """0.99²⁹⁹ is the first power below 5 %, and 0.95⁹⁰ below 1 %."""
    criterion = LatencyQuantile(quantile=quantile, confidence=confidence)
    few, enough = (Tally(n, n, {}, 0, {}) for n in (needed - 1, needed))
    said = f"{needed} samples needed for p, {needed - 1} seen"
    assert criterion._reason(INCONCLUSIVE, "p", few, (0.4, math.inf)) == said
    assert "needed" not in criterion._reason(INCONCLUSIVE, "p", enough, (0.4, math.inf))


@pytest.mark.parametrize(
    ("outcome", "interval", "said"),
    [
        (PASS, (0.3, 0.3), "p95 of the 200 requests of this herd is 300 ms, limit 500 ms (5 % of the requests failed)"),
        (FAIL, (math.inf, math.inf), "too many of the 200 requests of this herd failed for p95 to have a bound, limit"),
        (
            PASS,
            (0.3, 0.4),
            "p95 of this herd lies between 300 ms and 400 ms, limit 500 ms (5 % of the requests failed)",
        ),
        (
            INCONCLUSIVE,
            (0.3, 0.6),
            "between 300 ms and 600 ms, limit 500 ms (5 % of the requests failed); a run to its end",
        ),
    ],
)
def test_what_is_said_of_a_herds_quantile(outcome: Outcome, interval: tuple[float, float], said: str) -> None:
    told = LatencyQuantile(limit_s=0.5)._of_herd(outcome, "p95", FAILED, interval)
    assert said in told and ("would settle it" in told) is (outcome is INCONCLUSIVE)
