"""How many independent requests a phase is worth: requests of one second, and of neighbouring seconds, are alike.

A share over n requests that are alike scatters as one over fewer. So their number is divided by the design effect, the
variance of the share as the seconds show it ÷ that of independent requests, and what is exact for independent requests
is taken at the effective number (Korn & Graubard 1998, "Confidence intervals for proportions with small expected number
of positive counts estimated from survey data"; their correction for the few degrees of freedom of that variance, too).

The variance is the larger of two:

- circular blocks (after Künsch 1989) of n^⅓ seconds, with n^⅔ − 1 degrees of freedom; it is free of a model, and sees
  only what lasts for no longer than a block;
- what the seconds differ by beyond chance, lasting as in an AR(1) process: within-second variance + between-second
  variance · (1 + r) ÷ (1 − r), with n (1 − r) ÷ (1 + r) − 1 degrees of freedom.
"""

from __future__ import annotations

import math

from harness.analysis.distributions import chi_square_quantile, normal_quantile, student_quantile
from harness.analysis.lazy import FloatArray, np

FEWEST_SECONDS = 8
"""Fewer say nothing about how seconds differ."""
ENOUGH_SECONDS = 30
"""Fewer do not show for how long seconds stay alike."""
ENOUGH_STEADY_SECONDS = 120
"""With fewer seconds, even if they differ only by chance, nobody can say what changes more slowly."""
SELDOM = 3
"""What comes so many times in a phase on average is missing from one phase in twenty (the rule of three: e⁻³)."""
FEWEST_EFFECTIVE_SECONDS = 10
"""Seconds that amount to fewer independent ones are one event, such as an overload and its end, and no sample."""
MOST_FAILURES = 0.9
STRETCHES = 4
"""A stretch that is longer than a fourth of a phase is no event in it."""
MOST_PERSISTENT = 0.97
"""A larger correlation is not told from a trend in any phase that people wait for."""
SIGNIFICANT = 1.645
"""In standard errors (1/√n): a smaller correlation between neighbouring seconds is taken for chance."""
BOUND = 1.0
"""In standard errors: how much larger than it is seen to be the correlation of failures may be. They are so few that
they show it worse than latency does.
"""
DIFFER = 0.05
"""Chance with which seconds that differ by no more than chance are taken for ones that do."""


def only_these(
    seconds: int, persistence: float, stretch_s: int = 0, steady: bool = False, hits: str = "failures"
) -> str:
    """Why so many seconds, that stay alike so long, whose failures came in one stretch, or which are as ``steady`` as
    chance makes them, say nothing of requests other than theirs; empty when they do.

    However many seconds are steady, what comes seldom may have come in none of them, and that is said as well.
    """
    if stretch_s:
        return f"of these requests only: nearly all {hits} came within {stretch_s} s, one event and no sample"
    if is_one_event(seconds, persistence):
        return (
            f"of these requests only: neighbouring seconds are alike (correlation about {persistence:.2g}), so that "
            f"{seconds} of them amount to {max(1.0, seconds / lasting(persistence)):.0f}"
        )
    if seconds < ENOUGH_SECONDS:
        return f"of these requests only: {seconds} s with requests are too few to show how seconds differ"
    if steady and seconds < ENOUGH_STEADY_SECONDS:
        return (
            f"of these requests only: {seconds} s that do not differ say nothing of what changes more slowly, "
            f"{ENOUGH_STEADY_SECONDS} s would"
        )
    if steady:
        return f"{seconds} s that do not differ do not show what comes less often than once in {seconds // SELDOM} s"
    return ""


def is_one_event(seconds: int, persistence: float) -> bool:
    """Whether the seconds hang together so much that they are no sample of anything."""
    return persistence > 0 and seconds / lasting(persistence) < FEWEST_EFFECTIVE_SECONDS


def stretch_of_failures(failed: FloatArray, requests: FloatArray) -> int:
    """For how many seconds on end nearly all failures came, where most of what was asked then failed and little else
    did: an outage and its end. 0 where they came in no such stretch.
    """
    bad = np.flatnonzero(failed > 2 * failed.sum() / requests.sum() * requests)
    if not len(bad):
        return 0
    begin, end = int(bad[0]), int(bad[-1]) + 1
    inside = slice(begin, end)
    one = 2 * failed[inside].sum() >= requests[inside].sum() and failed[inside].sum() >= MOST_FAILURES * failed.sum()
    return end - begin if one and STRETCHES * (end - begin) <= len(failed) else 0


def effective_size(hits: FloatArray, requests: FloatArray, persistence: float, confidence: float) -> float:
    """How many independent requests give as sure a share of hits as these; at most their number, at least 1.

    ``hits`` and ``requests`` count by second, of the same shape (n,), in the order of time, all with requests.
    ``persistence`` is the correlation between what neighbouring seconds share. Where all or none were hits nothing
    shows how alike they are, and it is the number of the requests.
    """
    total, seconds = float(requests.sum()), len(requests)
    share = float(hits.sum()) / total if total else 0.0
    if seconds < FEWEST_SECONDS or not 0 < share < 1:
        return total
    excess = hits - share * requests
    independent = total * share * (1 - share)
    between = max(0.0, seconds / (seconds - 1) * float(excess @ excess) - independent)
    length = block_length(seconds)
    variances = (
        (_block_variance(excess, length), seconds / length - 1),
        (independent + between * lasting(persistence) if between > 0 else 0.0, seconds / lasting(persistence) - 1),
    )
    tail = (1 + confidence) / 2
    widest = max(variance * student_quantile(tail, max(1.0, freedom)) ** 2 for variance, freedom in variances)
    return max(1.0, total / max(1.0, widest / (independent * normal_quantile(tail) ** 2)))


def lasting(persistence: float) -> float:
    """How many seconds of an AR(1) process with this coefficient tell as much as one independent second."""
    return (1 + persistence) / (1 - persistence)


def persistence_of(hits: FloatArray, requests: FloatArray, standard_errors: float = 0.0) -> float:
    """The correlation between what neighbouring seconds share, from 0 to ``MOST_PERSISTENT``.

    It is the lag-1 autocorrelation of the share of hits, freed from what chance does within each second, which would
    hide it, and from its bias, (1 + 4r)/n (Marriott & Pope 1954). What chance does between seconds counts as none. With
    ``standard_errors`` it is an upper bound, so many of them higher, of seconds that differ by more than chance.
    """
    total, seconds = float(requests.sum()), len(requests)
    share = float(hits.sum()) / total if total else 0.0
    excess = hits - share * requests
    squares = float(excess @ excess)
    if squares == 0:
        return 0.0
    seen = float(excess[1:] @ excess[:-1]) / squares
    is_seen = seen > SIGNIFICANT / math.sqrt(seconds)
    if standard_errors and (is_seen or not is_steady(hits, requests)):
        seen = max(0.0, seen) + standard_errors / math.sqrt(seconds)
    elif not is_seen:
        return 0.0
    shared = 1 - total * share * (1 - share) * (seconds - 1) / seconds / squares
    freed = min(1.0, seen / shared) if shared > 0 else seen
    return min(MOST_PERSISTENT, freed + (1 + 4 * freed) / seconds)


def is_steady(hits: FloatArray, requests: FloatArray) -> bool:
    """Whether the share of hits differs between seconds by no more than chance (Pearson's χ²)."""
    share = float(hits.sum() / requests.sum())
    if len(hits) < 2 or not 0 < share < 1:
        return True
    square = float(((hits - share * requests) ** 2 / (requests * share * (1 - share))).sum())
    return square <= chi_square_quantile(1 - DIFFER, len(hits) - 1)


def block_length(seconds: int) -> int:
    """Of the blocks of so many seconds, n^⅓."""
    return math.ceil(math.cbrt(seconds) - 1e-9)


def _block_variance(excess: FloatArray, length: int) -> float:
    """Of the sum of all, from circular blocks, which let the ends count as often as the middle."""
    seconds = len(excess)
    sums = np.cumsum(np.concatenate([[0.0], excess, excess[: length - 1]]))
    blocks = sums[length:] - sums[:-length]
    return float(blocks @ blocks) / length * seconds / (seconds - length)
