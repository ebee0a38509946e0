"""Ground truth of the database connection pool."""

from __future__ import annotations

from tests.ground_truth.frame import FAIL, Case, Compared, Run, flags, shortened

ADDED_MS = 200.0
TOLERANCE_S = 0.02
"""What a busy machine may add to p95 of a query beyond the time that the fault adds."""
OPTIONS = flags(baseline_s=10, hold_s=3, recovery_s=22, idle_s=6)


def _as_counted(criterion: str, figure: float | None, truth: float, tolerance: float, unit: str) -> Compared:
    near = figure is not None and abs(figure - truth) <= tolerance and truth > 0
    return Compared([] if near else [f"{criterion} {figure} found, {truth} true"], figure, truth, unit)


def _leaked(found: Run) -> Compared:
    figure = found.finding("leaked_connections").figure
    return _as_counted("leaked_connections", figure, found.account["leaked"], 0, "connections")


def _left_open(found: Run) -> Compared:
    figure = found.finding("leaked_connections").figure
    return _as_counted("leaked_connections", figure, found.account["open"], 0, "connections")


def _slower(found: Run) -> Compared:
    truth_s = found.account["added_ms"] / found.account["queries"] / 1000
    return _as_counted("query_time", found.finding("query_time").figure, truth_s, TOLERANCE_S, "s")


HEALTHY = Case("healthy", "db_pool", options=OPTIONS)
IDLE = Case(
    *("idle_in_transaction", "db_pool", "idle_in_transaction", {"every": 1000}),
    expected={"leaked_connections": FAIL, "long_transactions": FAIL},
    follow=frozenset({"pool_stable"}),
    check=_left_open,
    options=OPTIONS,
)
CASES = (
    HEALTHY,
    Case(
        *("pool_leak", "db_pool", "pool_leak", {"every": 1000}, {"leaked_connections": FAIL}),
        follow=frozenset({"pool_stable"}),
        check=_leaked,
        options=OPTIONS,
    ),
    IDLE,
    Case(
        *("slow_query", "db_pool", "slow_query", {"delay_ms": ADDED_MS}, {"query_time": FAIL}),
        check=_slower,
        # A pool five times as slow: fewer users, or everybody waits too long; and longer, or too few are answered.
        options=(*OPTIONS, *flags(peak=60, hold_s=5)),
    ),
)
SHORT = (shortened(IDLE, steps=5, hold_s=2, recovery_s=12),)
