"""Guard: the users' own code raised no exceptions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from harness.criteria._criterion import Guard
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording

MOST_TOLD = 20


@dataclass(frozen=True)
class UserExceptions(Guard):
    """Exceptions in ``on_start``, ``prepare``, ``check``, tasks and ``on_stop``, in the whole run, stay within a limit.

    It voids nothing: it fails. A user whose code crashes does less than it should, and what was measured is not what
    was planned. Locust's own control exceptions (``StopUser``, ``RescheduleTask`` …) are none.
    """

    title = "exceptions in users' code"
    may_guard_nothing = True
    unit = "exceptions"
    guarded: ClassVar[tuple[str, ...]] = ()

    limit: int = parameter(0, "largest number of exceptions in users' code that is accepted")

    def judge(self, recording: Recording) -> Finding:
        kinds: Counter[str] = Counter()
        for mark in recording.exceptions:
            kinds[str(mark)] += mark.count
        total = kinds.total()
        if not total:
            return self.finding(Outcome.PASS, "no exception was raised", 0)
        most, count = kinds.most_common(1)[0]
        times = "once" if total == 1 else f"{total:,} times"
        reason = f"{total:,}, of {len(kinds)} kinds, most of them" if len(kinds) > 1 else times
        evidence = dict(kinds.most_common(MOST_TOLD))
        outcome = Outcome.PASS if total <= self.limit else Outcome.FAIL
        told = f"{reason} {most}" + (f" ({count:,})" if len(kinds) > 1 else "")
        return self.finding(outcome, told, total, (total, total), evidence)
