"""Restore time: how long it takes until the rows of a backup can be read again. Its limit is the recovery time
objective (RTO) of a database that has to be restored.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.backup._steps import steps_of
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording_values import Scalar


@dataclass(frozen=True)
class RestoreTime(Criterion):
    """From the beginning of the restoring to the end of the reading of all rows takes no longer than a limit.

    It is measured by the operator's clock, so it has no interval, and it is that of a database of this size: the bytes
    of the backup are in the evidence. A step that failed has restored nothing.
    """

    title = "restoring to the last row read"
    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(60.0, "largest time in seconds from the beginning of the restoring to the last row read")
    backup: str = parameter("take dump", "the step that took the backup")
    restore: str = parameter("restore dump", "the step that restores it")
    read: str = parameter("read restored dump", "the step that reads what was restored")
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
        assert read.return_s is not None
        if read.invoke_s < restored.return_s:
            reason = f"the step {self.read!r} began before {self.restore!r} had ended: it read something else"
            return self.inconclusive(reason)
        took_s = read.return_s - restored.invoke_s
        evidence: dict[str, Scalar] = {
            "restoring (s)": round(restored.return_s - restored.invoke_s, 3),
            "reading (s)": round(read.return_s - read.invoke_s, 3),
            "backup (bytes)": None if taken is None else taken.version,
        }
        reason = f"the rows of the backup could be read {seconds(took_s)} after its restoring began"
        return self.finding(
            against(self.limit_s, (took_s, took_s)),
            f"{reason}, limit {seconds(self.limit_s)}",
            took_s,
            (took_s, took_s),
            evidence,
        )
