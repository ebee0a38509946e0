"""Quantiles and probabilities of the distributions that the intervals are built from.

By scipy.special: scipy.stats gives the same figures, and takes half a second of every verdict to load.
"""

from __future__ import annotations

from harness.analysis.lazy import ArrayLike, FloatArray, np, special


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Of the beta distribution with the shapes ``a`` and ``b``."""
    return float(special.betaincinv(a, b, probability))


def binomial_at_most(hits: ArrayLike, n: ArrayLike, p: float) -> FloatArray:
    """P(Bin(n, p) ≤ hits), element by element; 0 for fewer than no hits."""
    hits, n = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    within = np.clip(hits, 0, np.maximum(n - 1, 0))
    # The sum of a binomial is an incomplete beta function (DLMF 8.17.5).
    below = special.betainc(np.maximum(n - within, 1), within + 1, 1 - p)
    return np.where(hits < 0, 0.0, np.where(hits >= n, 1.0, below))


def binomial_quantile(probability: float, n: ArrayLike, p: float) -> FloatArray:
    """The fewest hits k with P(Bin(n, p) ≤ k) ≥ ``probability``, element by element."""
    n = np.asarray(n, dtype=np.float64)
    inverse = special.bdtrik(probability, n, p)
    # bdtrik is NaN for n = 0 and for p = 0. It is a real number, so that its ceiling may be off by one.
    hits = np.clip(np.ceil(np.where(np.isnan(inverse), n * p, inverse)), 0, n)
    hits = np.where(binomial_at_most(hits - 1, n, p) >= probability, hits - 1, hits)
    return np.where(binomial_at_most(hits, n, p) < probability, np.minimum(hits + 1, n), hits)


def normal_quantile(probability: float) -> float:
    """Of the standard normal distribution."""
    return float(special.ndtri(probability))


def normal_quantiles(probabilities: FloatArray) -> FloatArray:
    """The same, element by element."""
    return np.asarray(special.ndtri(probabilities), dtype=np.float64)


def normal_above(value: float) -> float:
    """P(Z > value) of the standard normal distribution."""
    return float(special.ndtr(-value))


def normal_probability(values: FloatArray) -> FloatArray:
    """P(Z ≤ value) of the standard normal distribution, element by element."""
    return np.asarray(special.ndtr(values), dtype=np.float64)


def student_quantile(probability: float, freedom: float) -> float:
    """Of Student's t with so many degrees of freedom."""
    return float(special.stdtrit(freedom, probability))


def beta_probability(value: float, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """P(X ≤ value) of the beta distribution with the shapes ``a`` and ``b``, element by element."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.asarray(special.betainc(a, b, value), dtype=np.float64)


def chi_square_quantile(probability: float, freedom: float) -> float:
    """Of the χ² distribution with so many degrees of freedom."""
    return float(2 * special.gammaincinv(freedom / 2, probability))


def ranks(values: FloatArray) -> FloatArray:
    """From 1 to n, of shape (n,); equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def chi_square_above(value: float, freedom: float) -> float:
    """P(χ² > ``value``)."""
    return float(special.gammaincc(freedom / 2, value / 2))
