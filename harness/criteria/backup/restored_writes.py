"""Restored writes: what was acknowledged before a backup began is in it, and nothing that was begun after its end."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria import _clocks
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.backup._steps import steps_of
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import READ, WRITE, Recording
from harness.recording.values import Scalar

EXAMPLES = 3


@dataclass(frozen=True)
class RestoredWrites(Criterion):
    """Writes that a restored backup lacks, or has more than once, or should not have, stay within a limit.

    A write that was acknowledged before the backup began has to be in it, exactly once and as it was; one begun after
    the backup had ended cannot be. What overlaps the backup may be either way. There is no PASS without writes of
    both kinds, and without one in the last ``near_s`` before the beginning: the youngest are the first to be missed.
    """

    title = "writes that a restored backup has wrongly, or lacks"
    unit = "writes"
    evidence = CLIENTS
    may_be_absent = ("via",)

    limit: float = parameter(0.0, "most writes of which this may be true")
    backup: str = parameter("take dump", "the step that took the backup")
    restored: str = parameter("read restored dump", "the step that read what was restored")
    via: str = parameter("restored dump", "the way of these reads")
    near_s: float = parameter(1.0, "so shortly before the backup, in seconds, a write has to be acknowledged", lowest=0)
    remedy: str = parameter("", "what to say when there was no such backup")

    def judge(self, recording: Recording) -> Finding:
        title = f"writes wrong or missing in the {self.via}"
        steps = steps_of(recording)
        taken, read = steps.get(self.backup), steps.get(self.restored)
        if taken is None or taken.return_s is None or read is None or read.return_s is None:
            missing = self.backup if taken is None or taken.return_s is None else self.restored
            reason = f"the step {missing!r} was not made, or failed, so there is nothing to compare"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        error_s = _clocks.apart_s(_clocks.uncertainty_s(recording))
        acknowledged: dict[str, float] = {}
        begun: dict[str, float] = {}
        found: dict[str, int] = {}
        for batch in recording.operations:
            for each in batch.operations:
                if each.kind == WRITE:
                    begun[each.key] = min(each.invoke_s, begun.get(each.key, each.invoke_s))
                    if each.return_s is not None:
                        acknowledged[each.key] = min(each.return_s, acknowledged.get(each.key, each.return_s))
                elif each.kind == READ and each.via == self.via:
                    found[each.key] = each.version or 0
        before = {key for key, t in acknowledged.items() if t + error_s < taken.invoke_s}
        after = {key for key, t in begun.items() if t - error_s > taken.return_s}
        near = sum(acknowledged[key] >= taken.invoke_s - self.near_s for key in before)
        lacking = sorted((key for key in before if not found.get(key)), key=acknowledged.__getitem__)
        doubled = sorted(key for key, copies in found.items() if copies > 1)
        too_new, unknown = sorted(after & found.keys()), sorted(found.keys() - begun.keys())
        wrong = len(lacking) + len(doubled) + len(too_new) + len(unknown)
        outcome = against(self.limit, (wrong, wrong))
        reason = (
            f"of {len(before):,} writes acknowledged before the backup {len(lacking):,} are missing or changed, of "
            f"{len(after):,} begun after it {len(too_new):,} are there, {len(doubled):,} are there more than once"
            + (f", and {len(unknown):,} were never written" if unknown else "")
            + f"; limit {self.limit:g}"
        )
        if outcome is Outcome.PASS and not (near and after):
            outcome = Outcome.INCONCLUSIVE
            when = (
                f"acknowledged in the {seconds(self.near_s)} before the backup"
                if not near
                else "begun after the backup"
            )
            reason += f"; none was {when}, where one could be wrong: more writers, or a longer load, would show it"
        evidence: dict[str, Scalar] = {
            "missing": len(lacking),
            "acknowledged before": len(before),
            "begun after": len(after),
            "in the backup": len(found),
            "backup took (s)": round(taken.return_s - taken.invoke_s, 3),
            **{
                f"missing {n}": f"{key}, acknowledged {seconds(taken.invoke_s - acknowledged[key])} before"
                for n, key in enumerate(lacking[-EXAMPLES:], start=1)
            },
        }
        return self.finding(outcome, reason, float(wrong), (float(wrong), float(wrong)), evidence, title=title)
