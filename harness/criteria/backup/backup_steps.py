"""Backup steps: taking, verifying, restoring and letting go, each of which does what it should or does not."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.backup._steps import steps_of
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class BackupSteps(Criterion):
    """Steps that failed stay within a limit, and all that were planned were made; each with how long it took."""

    title = "steps of the backup that failed"
    unit = "steps"
    evidence = CLIENTS

    limit: float = parameter(0.0, "most steps that may fail")
    steps: tuple[str, ...] = parameter((), "steps that have to be made")
    remedy: str = parameter("", "what to say when none was made")

    def judge(self, recording: Recording) -> Finding:
        made = steps_of(recording)
        if not made:
            reason = "no step of a backup was made: users keep them with self.operation(STEP, …)"
            return self.inconclusive(with_remedy(reason, self.remedy))
        failed = {name: step.cache or "no end" for name, step in made.items() if step.return_s is None}
        missing = [name for name in self.steps if name not in made]
        figure = float(len(failed))
        interval = figure, figure + len(missing)
        outcome = against(self.limit, interval)
        reason = f"{len(failed)} of {len(made)} steps failed, limit {self.limit:g}"
        if failed:
            reason += ": " + "; ".join(f"{name}: {why}" for name, why in failed.items())
        if missing:
            reason += f"; not made: {', '.join(missing)}"
            if outcome is Outcome.INCONCLUSIVE:
                reason += "; a longer phase would leave time for them"
        took = {
            f"{name} took": seconds(step.return_s - step.invoke_s)
            for name, step in made.items()
            if step.return_s is not None
        }
        sizes = {f"{name} (bytes)": step.version for name, step in made.items() if step.version is not None}
        return self.finding(outcome, reason, figure, interval, {**took, **sizes})
