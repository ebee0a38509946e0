"""Windows outside the band after the target had returned: what is passed over, and what counts as a relapse."""

from __future__ import annotations

from harness.analysis.lazy import BoolArray, np
from harness.analysis.quality import Windows
from harness.criteria.recovery._baseline_band import Band

LONGER = 2
"""Times the longest return so far that a return has to last before it counts, once the target has relapsed."""
RETURN = 3
"""Windows within the band, in a row, that are told as a return."""


def passed_over(seen: Windows, outside: BoolArray, first_after: int, k: int, normal: Band) -> BoolArray:
    """Windows outside the band that are what the baseline itself does, or as good as chance: none of them where there
    are more than that.

    Of a target whose baseline differs by no more than chance that is one window, apart from all others by k windows
    and so far from the spike; none where the target had relapsed besides, since twice is no chance, however far apart.
    Where the baseline's windows differ by more, slow windows come and go: in twos, and as many as a baseline with one
    more would make expect.
    """
    passed = np.zeros_like(outside)
    after = len(outside) - first_after
    varying = [share for share in (normal.bad, normal.slow) if share.varies]
    usual = max((2 * (share.outside_before + 1) * after / share.windows for share in varying), default=0.0)
    failed = normal.failed.outside(seen)
    bad = np.flatnonzero(outside)
    for run in np.split(bad, np.flatnonzero(np.diff(bad) > 1) + 1) if len(bad) else ():
        others = bad[(bad < run[0]) | (bad > run[-1])]
        apart = np.abs(others[:, None] - run).min() if len(others) else k + 1
        if run[0] - first_after < k:
            continue
        alone = len(run) == 1 and apart > k
        passed[run] = alone or (bool(varying) and len(run) <= 2 and not failed[run].any())
    single = 0 if relapses(outside & ~passed, first_after) else 1
    return passed if passed.sum() <= single + usual else np.zeros_like(outside)


def relapses(not_normal: BoolArray, first_after: int) -> tuple[int, ...]:
    """Windows with which the target left the band after it had returned."""
    bad = np.flatnonzero(not_normal)
    before = np.r_[first_after - 1, np.maximum(bad, first_after - 1)][:-1] if len(bad) else bad
    return tuple(bad[(bad > first_after) & (bad - before > RETURN)].tolist())


def is_lasting(not_normal: BoolArray, first_after: int) -> bool:
    """Whether the last return lasted for more than twice as long as any before it."""
    bad = np.flatnonzero(not_normal)
    longest = max((int(gap) - 1 for gap in np.diff(np.r_[first_after - 1, bad[bad >= first_after]])), default=0)
    return longest < RETURN or len(not_normal) - 1 - bad[-1] > LONGER * longest
