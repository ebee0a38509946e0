"""Request names that stay slower than before, though all requests together do not: where one request in ten is of a
name that takes 80 ms instead of 20, neither the median of all requests nor the SLO shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from harness.analysis import histogram, phases
from harness.analysis.names import names_with_class
from harness.analysis.quality import SLO_QUANTILE, mean_log_latency
from harness.criteria.recovery._baseline_band import times_slower
from harness.criteria.recovery._left_behind import FEWEST
from harness.criteria.recovery._recovery import Slowdown
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import ITERATION, OK

CHANCE = 0.005
"""That any name of a service that is well is found to be slower: each is tested at its part of it (Bonferroni, which is
the first step of Holm's procedure: one name is enough for a doubt).
"""


def slower_names(recording: Recording, window_s: int, baseline: Phase, last: Phase) -> Mapping[str, Slowdown]:
    """Name → how much slower it is in ``last``, where its latency is proven to be longer there than in the baseline:
    Welch's test of its windows, as of all requests together. Names with fewer than ten good answers in either are none,
    and so is the only one, which is all requests.
    """
    answered: dict[str, list[Slice]] = defaultdict(list)
    name_of = names_with_class(recording)
    for piece in recording.slices:
        if piece.outcome == OK and piece.name != ITERATION:
            answered[name_of(piece)].append(piece)
    found: dict[str, Slowdown] = {}
    if len(answered) < 2:
        return found
    for name, pieces in answered.items():
        alone = replace(recording, slices=tuple(pieces))
        of_baseline = phases.of_phase(alone, baseline)
        if min(of_baseline.ok, phases.of_phase(alone, last).ok) < FEWEST:
            continue
        before, after = (mean_log_latency(alone, phase, window_s) for phase in (baseline, last))
        ratio = times_slower(before, after, CHANCE / len(answered))
        if ratio is not None:
            p95_us = histogram.quantile_us(of_baseline.latency, SLO_QUANTILE) or 0.0
            found[name] = Slowdown.of(ratio, p95_us / 1e6)
    return found
