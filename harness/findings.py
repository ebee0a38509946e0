"""Finding and verdict: the words in which a run is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from harness.recording.values import Scalar


class Outcome(Enum):
    """PASS < INCONCLUSIVE < FAIL: a verdict is the worst of its findings."""

    PASS = "PASS"
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        return list(Outcome).index(self)

    @property
    def exit_code(self) -> int:
        return {Outcome.PASS: 0, Outcome.INCONCLUSIVE: 4, Outcome.FAIL: 3}[self]


EXIT_USAGE = 2
EXIT_STOPPED_EARLY = 5
"""By a rule of the run or a safety limit, whatever the findings are."""

CLIENTS, TARGET, RUN = ALL = ("clients", "target", "run")
"""From what a figure is measured: by the clients, from probes of the target, from what the run says of itself."""

ERROR_RATIO, LATENCY_QUANTILE, RECOVERY_TIME = "error_ratio", "latency_quantile", "recovery_time"
METASTABILITY, TARGET_HEALTHY, ENOUGH_USERS = "metastability", "target_healthy", "enough_users"
BASELINE_HEALTHY = "baseline_healthy"
"""Criteria that something besides themselves has to know by name."""

BASELINE = "baseline"
"""What a guard voids besides: all that is compared with the baseline, from whatever it is measured."""


class Basis(Enum):
    """What an interval leaves open."""

    ESTIMATE = "estimate"
    """What other requests of the same kind would have given: chance, at the stated confidence."""
    CENSUS = "census"
    """Nothing: the figure is that of all requests of one herd, which shared one queue, and says nothing of the next."""
    MEASURED = "measured"
    """What clocks, sampling and requests without an answer left unknown; often nothing, where all were counted."""


@dataclass(frozen=True)
class Finding:
    """What one criterion found."""

    criterion: str
    """The criterion's name in this run, e.g. ``latency_quantile`` or ``latency_quantile_p99``."""
    title: str
    """One line for people, e.g. ``p95 latency in the spike``."""
    outcome: Outcome
    reason: str
    """One sentence: why this outcome; for INCONCLUSIVE also what would settle it."""
    figure: float | None = None
    unit: str = ""
    limit: float | None = None
    interval: tuple[float, float] | None = None
    """Of the figure; an open end is ±infinity, e.g. (60, inf) for "never recovered in 60 s"."""
    basis: Basis = Basis.MEASURED
    confidence: float | None = None
    """Of the interval of an estimate, by itself; what findings together need is in the verdict."""
    evidence: Mapping[str, Scalar] = field(default_factory=dict)
    kind: str = ""
    """The criterion's file, whatever the finding is called."""
    censored: bool = False
    """What was waited for had not come when the watching ended: the figure is larger than the interval's lower end."""
    voids: tuple[str, ...] = ()
    """Of a guard that did not pass: the kinds of evidence that it voids, with all that is measured from them."""
    voided_by: str | None = None
    is_guard: bool = False
    part: str = ""
    """Of the run, as the scenario calls it; empty where it has none."""


@dataclass(frozen=True)
class Verdict:
    outcome: Outcome
    reason: str
    """One sentence for the top of a report."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know besides: damage to the recording, an early end."""
    stopped_early: bool = False
    """By a rule of the run or a safety limit: then it is no verdict of the whole run."""

    @property
    def exit_code(self) -> int:
        return EXIT_STOPPED_EARLY if self.stopped_early else self.outcome.exit_code

    @property
    def parts(self) -> dict[str, Outcome]:
        """Part of the run → the worst of its findings."""
        found: dict[str, Outcome] = {}
        for each in self.findings:
            if each.part:
                found[each.part] = max(found.get(each.part, each.outcome), each.outcome, key=lambda one: one.rank)
        return found

    @property
    def word(self) -> str:
        """Its outcome, for people."""
        return f"STOPPED EARLY, {self.outcome.value}" if self.stopped_early else self.outcome.value


def objections(verdicts: Sequence[Verdict], is_about_target: Callable[[Finding], bool]) -> list[list[Finding]]:
    """Guards that failed, or that doubt a run without voiding any finding; and those by which the target itself has
    made a run void: that is no accident, and the run is not left out for nothing.
    """
    found: dict[str, list[Finding]] = {}
    for verdict in verdicts:
        for finding in verdict.findings:
            doubts = finding.outcome is Outcome.INCONCLUSIVE and (not finding.voids or is_about_target(finding))
            if finding.is_guard and (finding.outcome is Outcome.FAIL or doubts):
                found.setdefault(finding.criterion, []).append(finding)
    return list(found.values())
