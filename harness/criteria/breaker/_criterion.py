"""What the criteria about a circuit breaker have in common: where its witnesses are found in a recording."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.criteria._criterion import Criterion
from harness.criteria._injections import injections, not_judged
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True, kw_only=True)
class BreakerCriterion(Criterion):
    """Which witness says what: :mod:`harness.criteria.breaker._measure`. One without a name is not heard; what a
    scenario has to say about one that is missing is its remedy. All are judged by the first failure of the dependency,
    so there is no PASS where others came when that was over.
    """

    evidence = CLIENTS
    """Also where a breaker tells its state: what it does, and when, it does in answer to requests."""

    requests: str = parameter("", "only requests of this name go through the breaker, * for anything; empty for all")
    fault: str = parameter("", "name of the fault that makes the dependency fail; empty for the first one")
    baseline: str = parameter("baseline", "phase that shows what is normal")
    dependency: str = parameter("", "probed counter of calls that the dependency has received")
    state: str = parameter("", "probed state of an instance's breaker: 0 closed, 1 open, 2 half-open")
    opens: str = parameter("", "probed counter of its openings, also from half-open")
    closes: str = parameter("", "probed counter of its closings")
    probes: str = parameter("", "probed counter of the calls that it let through half-open")
    fault_remedy: str = parameter("", "what to say when the dependency was never made to fail")
    dependency_remedy: str = parameter("", "what to say when nothing counted the calls of the dependency")
    state_remedy: str = parameter("", "what to say when openings and closings were not counted")
    signature_remedy: str = parameter("", "what to say when no answer had the signature of an open breaker")

    def judge(self, recording: Recording) -> Finding:
        found = self._judge(recording)
        later = not_judged(injections(recording, self.fault or "*"))
        if not later or found.outcome is not Outcome.PASS:
            return found
        reason = f"{found.reason}; {later}: name with fault the one that makes the dependency fail, and plan it once"
        return replace(found, outcome=Outcome.INCONCLUSIVE, reason=reason)

    def _judge(self, recording: Recording) -> Finding:
        """By the first failure of the dependency."""
        raise NotImplementedError
