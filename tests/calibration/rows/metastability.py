"""One server, first come, first served, that takes 100 requests a second on average and goes on with what nobody waits
for; clients give up after 1 s and try again at once, three times (`tests/calibration/retries.py`). 30 s of baseline, a
spike, 60 s of recovery where nothing else is said, of which the last half is looked at, and a gauge of the queue.
Truth is the model's: the queue stays if λ(1 + R) > μ and the spike has left work of more than a time-out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from harness.findings import Outcome
from harness.recording import CriterionSpec
from harness.verdict import judge
from tests.calibration.figures import Figure, Share
from tests.calibration.retries import GAUGE, Storm, play, recorded

TITLE = "Metastable or slow"
SHORT = 4
METASTABLE, SLOW, BACK, UNCLEAR, UNOBSERVABLE = "metastable", "slow", "back", "unclear", "not observable"
CASES = (
    ("λ 80/s, spike 300/s for 10 s", Storm(), METASTABLE),
    ("λ 80/s, spike 160/s for 2 s", Storm(spike_per_s=160, spike_s=2), METASTABLE),
    ("λ 30/s, spike 300/s for 10 s", Storm(base_per_s=30), METASTABLE),
    ("λ 22/s, spike 300/s for 10 s, 120 s of recovery", Storm(base_per_s=22, recovery_s=120), SLOW),
    ("λ 20/s, spike 300/s for 10 s", Storm(base_per_s=20), SLOW),
    ("λ 80/s, spike 160/s for 1 s", Storm(spike_per_s=160, spike_s=1, even_work=True), BACK),
    ("λ 80/s, spike 300/s for 10 s, no retries", Storm(retries=0), SLOW),
    ("the same, 150 s of recovery", Storm(retries=0, recovery_s=150), BACK),
    ("λ 80/s, spike 300/s for 10 s, last come first served", Storm(lifo=True), BACK),
    ("λ 80/s, spike 300/s for 10 s, at most 50 wait", Storm(bound=50), BACK),
    ("λ 80/s, spike 300/s for 10 s, at most 300 wait", Storm(bound=300), UNCLEAR),
)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    for case, storm, truth in CASES:
        said = list(each(_said, [(replace(storm, seed=seed), truth) for seed in seeds]))
        right = sum(with_gauge == true for true, with_gauge, _ in said)
        yield Share(case, f"said to be {truth}, where it was", right, len(seeds), (0.95, 1))
        false = sum(with_gauge == METASTABLE != true for true, with_gauge, _ in said)
        yield Share(case, "falsely said to be metastable", false, len(seeds), (0, 0.02))
        if truth in (METASTABLE, SLOW):
            blind = sum(without == (BACK if true == BACK else UNOBSERVABLE) for true, _, without in said)
            yield Share(case, "without a gauge: not observable", blind, len(seeds), (1, 1))


def _said(given: tuple[Storm, str]) -> tuple[str, str, str]:
    """The truth, what the criterion says with the gauge, and what without. By chance the spike may have left too little
    work to start a storm.
    """
    storm, truth = given
    played = play(storm)
    started = played.waiting[-1] > storm.served_per_s * storm.timeout_s
    run = recorded(storm, played=played)
    return BACK if truth == METASTABLE and not started else truth, _word(run, GAUGE), _word(run, "")


def _word(run: Any, gauge: str) -> str:
    finding = judge(run, [CriterionSpec("metastability", {"gauge": gauge})]).findings[0]
    if finding.outcome is Outcome.FAIL:
        return METASTABLE
    if finding.outcome is Outcome.PASS:
        return BACK
    words = ((SLOW, ": slow, not metastable"), (UNOBSERVABLE, "metastable or slow: not observable"))
    return next((word for word, text in words if text in finding.reason), UNCLEAR)
