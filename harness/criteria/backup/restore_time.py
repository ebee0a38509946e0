"""Restore time: how long it takes until the rows of a backup can be read again. Its limit is the recovery time
objective (RTO) of a database that has to be restored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.backup._steps import steps_of, tries_of
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class RestoreTime(Criterion):
    """From the beginning of the restoring to the end of the reading of all rows takes no longer than a limit.

    It is measured by the operator's clock, so it has no interval, and it is that of a database of this size: the bytes
    of the backup are in the evidence. A step that failed has restored nothing: where it was tried again, the time is
    that from the first try on. Of several restorings the longest counts. There is no PASS where no rows were read, nor
    where ``restored_writes`` fails: what is restored wrongly is not restored.
    """

    title = "restoring to the last row read"
    unit = "s"
    evidence = CLIENTS
    follows = ("restored_writes",)

    limit_s: float = parameter(60.0, "largest time in seconds from the beginning of the restoring to the last row read")
    backup: str = parameter("take dump", "the step that took the backup")
    restore: str = parameter("restore dump", "the step that restores it")
    read: str = parameter("read restored dump", "the step that reads what was restored, and says how many rows")
    remedy: str = parameter("", "what to say when there was no such step")

    def judge(self, recording: Recording) -> Finding:
        steps = steps_of(recording)
        taken, restored, read = (steps.get(name) for name in (self.backup, self.restore, self.read))
        for name, step in ((self.restore, restored), (self.read, read)):
            if step is None or step.return_s is None:
                why = "was not made" if step is None else f"failed ({step.cache or 'it has no end'})"
                reason = f"the step {name!r} {why}, so nobody knows how long it takes"
                return self.inconclusive(with_remedy(reason, self.remedy))
        assert restored is not None
        assert restored.return_s is not None
        assert read is not None
        if read.invoke_s < restored.return_s:
            reason = f"the step {self.read!r} began before {self.restore!r} had ended: it read something else"
            return self.inconclusive(reason)
        restorings = list(self._restorings(recording))
        longest = max(restorings, key=lambda each: each.took_s)
        evidence: dict[str, Scalar] = {
            "restoring (s)": round(longest.restored_s - longest.begun_s, 3),
            "reading (s)": round(longest.read_s - longest.read_begun_s, 3),
            "backup (bytes)": None if taken is None else taken.version,
            "rows read": min((each.rows for each in restorings if each.rows is not None), default=None),
        }
        reason = f"the rows of the backup could be read {seconds(longest.took_s)} after its restoring began"
        if longest.tries > 1:
            evidence["tries"] = longest.tries
            reason += f", which was tried {longest.tries} times"
        reason += f", limit {seconds(self.limit_s)}"
        interval = longest.took_s, longest.took_s
        outcome = against(self.limit_s, interval)
        if outcome is Outcome.PASS and not all(each.rows for each in restorings):
            outcome = Outcome.INCONCLUSIVE
            is_known = any(each.rows is not None for each in restorings)
            found = "has found none" if is_known else "does not say how many it has found"
            reason += f"; but the step {self.read!r} {found}: one that finds rows, and says how many, would settle it"
        return self.finding(outcome, reason, longest.took_s, interval, evidence)

    def _restorings(self, recording: Recording) -> Iterator[_Restoring]:
        """Each ends with the first reading that succeeds after a restoring that did."""
        begun_s: list[float] = []
        restored_s: float | None = None
        for step in tries_of(recording):
            if step.key == self.restore:
                begun_s.append(step.invoke_s)
                restored_s = step.return_s
            elif step.key != self.read or step.return_s is None or restored_s is None:
                continue
            elif step.invoke_s >= restored_s:
                yield _Restoring(begun_s[0], restored_s, step.invoke_s, step.return_s, len(begun_s), step.version)
                begun_s, restored_s = [], None


@dataclass(frozen=True)
class _Restoring:
    """Until its rows could be read."""

    begun_s: float
    """By the first try."""
    restored_s: float
    read_begun_s: float
    read_s: float
    tries: int
    rows: int | None
    """None: the reading does not say how many."""

    @property
    def took_s(self) -> float:
        return self.read_s - self.begun_s
