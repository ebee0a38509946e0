"""When did a share of requests come back below a threshold, for good? A hidden Markov model answers.

The true share is a level that stays from one window to the next, or, with a small probability, jumps to another one,
drawn anew. That is a product partition model (Barry & Hartigan 1992; Fearnhead 2006) on a grid of levels, which makes
it exact at a cost of windows × levels. It supposes neither how many changes there were nor how large: a target that
fails wholly and is back at once is told to the window, and one that comes back gradually as long as it is near the
threshold. Whether levels stay or fade between jumps is not known, either: both are tried, and count as much as the
requests say for each (Bayesian model averaging, Hoeting et al. 1999). Half of the prior lies on each side of the
threshold, so without requests nothing is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.analysis.lazy import BoolArray, FloatArray, np

BELOW, ABOVE = 16, 32
"""Levels on the two sides of the threshold, the denser the nearer to the ends of the scale."""
LAST = 0.05
"""How much less likely the last level is above than below, before anything is known: a stretch in the middle takes two
jumps, and the last windows shall need no less evidence.
"""
STAYING = (0.1,)
"""Probability with which a level moves to each of its neighbours, without a jump."""
FADING = (0.15, 0.1, 0.05)
"""The same to its neighbours, to theirs, and to theirs, of a level that fades. It fades downwards across the threshold;
upwards it takes a jump.
"""
FADES = 0.3
"""Probability that levels fade, before anything is known."""
MOST_LOG_ODDS = 500.0
"""Beyond it one of the two is as good as certain, and an exponential would overflow."""
SCALED = 16
"""Windows after which all levels are scaled again. In each of them the likeliest keeps more than a billionth of the
whole, for it may have been jumped to: so many are far from an underflow.
"""
CHANGES = 0.5
"""Expected in the whole run, before anything is known of it."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of the level of each window from all of them; shape (windows,)."""

    within_from: FloatArray
    """Probability that it is at or below the threshold in this window and in all that follow."""
    above: FloatArray
    """Probability that it is above in this window."""


def posterior(hits: FloatArray, n: FloatArray, threshold: float) -> Posterior:
    """``hits`` of ``n`` requests in each window; both may be fractions, where requests are worth less than one."""
    levels, prior = _grid(threshold)
    logs = np.outer(hits, np.log(levels)) + np.outer(n - hits, np.log1p(-levels))
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    within = levels <= threshold
    change = min(0.1, CHANGES / max(len(n), 1))
    drifts = np.stack([_drift(within, STAYING, crossing=False), _drift(within, FADING, crossing=True)])
    staying, fading = _smoothed(likelihood, within, prior, (1 - change) * drifts + change * prior)
    odds = FADES / (1 - FADES) * math.exp(min(MOST_LOG_ODDS, fading[1] - staying[1]))
    fades = odds / (1 + odds)
    return Posterior(
        (1 - fades) * staying[0].within_from + fades * fading[0].within_from,
        (1 - fades) * staying[0].above + fades * fading[0].above,
    )


def _smoothed(
    likelihood: FloatArray, within: BoolArray, prior: FloatArray, moves: FloatArray
) -> list[tuple[Posterior, float]]:
    """Forwards and backwards, for each of the ways to move, ``moves`` of shape (ways, levels, levels); and the
    logarithm of how likely all windows together are, but for a constant.
    """
    (windows, levels), ways = likelihood.shape, len(moves)
    expected, likely = np.empty((windows, ways, 1, levels)), np.zeros(ways)
    expected[:1], state = prior, np.tile(prior, (ways, 1, 1))
    for window in range(windows):
        state = expected[window] * likelihood[window]
        if window % SCALED == 0:
            total = state.sum(axis=-1, keepdims=True)
            likely += np.log(total[:, 0, 0])
            state /= total
        if window + 1 < windows:
            np.matmul(state, moves, out=expected[window + 1])
    # Of what follows: with any levels, and with none above the threshold; scaled alike.
    last = np.where(within, 1.0, LAST)
    likely += np.log((state * last).sum(axis=(1, 2)))
    following = np.empty((windows, ways, 2, levels))
    following[-1:, :, 0], following[-1:, :, 1] = last, 1.0
    back = np.ascontiguousarray(moves.transpose(0, 2, 1))
    of_both = likelihood[:, None] * np.stack([np.ones(levels), within])
    for window in range(windows - 1, 0, -1):
        came = following[window] * of_both[window]
        if window % SCALED == 0:
            came /= came[:, :1].sum(axis=-1, keepdims=True)
        np.matmul(came, back, out=following[window - 1])
    here = expected[:, :, 0] * likelihood[:, None]
    any_level, none_above = here * following[:, :, 0], here * following[:, :, 1]
    whole = any_level.sum(axis=-1)
    within_from, above = none_above[..., within].sum(axis=-1) / whole, any_level[..., ~within].sum(axis=-1) / whole
    return [(Posterior(within_from[:, way], above[:, way]), float(likely[way])) for way in range(ways)]


def _drift(within: BoolArray, steps: tuple[float, ...], crossing: bool) -> FloatArray:
    """Probabilities to go from one level to another in a window without a jump: to near ones, on the same side or,
    where it is ``crossing``, from above the threshold to below.
    """
    levels = len(within)
    stay = np.eye(levels)
    for apart, probability in enumerate(steps, 1):
        near = np.eye(levels, k=apart, dtype=bool) | np.eye(levels, k=-apart, dtype=bool)
        goes = near & ((within[:, None] == within) | (crossing & within))
        stay += probability * (goes - np.diag(goes.sum(axis=1)))
    return stay


def _grid(threshold: float) -> tuple[FloatArray, FloatArray]:
    """Levels and their prior probabilities."""
    below = threshold * ((np.arange(BELOW) + 0.5) / BELOW) ** 2
    # Squares of sines are dense at both ends, near the threshold and near the whole.
    above = threshold + (1 - threshold) * np.sin(np.pi / 2 * (np.arange(ABOVE) + 0.5) / ABOVE) ** 2
    prior = np.concatenate([np.full(BELOW, 0.5 / BELOW), np.full(ABOVE, 0.5 / ABOVE)])
    return np.concatenate([below, above]), prior
