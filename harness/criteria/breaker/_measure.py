"""Circuit breaker: when it opened, what got through, when it closed, measured around one fault of ours.

In the words of Nygard (*Release It!*): a *closed* breaker lets calls through, an *open* one fails them fast, a
*half-open* one lets few through to see whether the dependency is back.

Three witnesses, none of which is enough alone:

- the **clients**: answers that failed fast, in one-second slices (:mod:`harness.criteria.breaker._clients`);
- the **dependency's own counter** of calls: without it nobody knows whether a fast failure spared the dependency;
- the **breaker's own state**, where its service tells it, one breaker an instance
  (:mod:`harness.criteria.breaker._state`).

The failure lasts from the FaultMark ``injected`` to ``undone``. Every instant is a ``Moment``, an interval: clients
are known to the second, states to the sample, and states are preferred where there are any. With several instances
"open" means all of them, so the opening is the last instance's, and so is the closing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis import phases, tallies
from harness.criteria._outcome import with_remedy
from harness.criteria.breaker import _clients as clients
from harness.criteria.breaker import _state as state
from harness.criteria.breaker._clients import MAJORITY, FastFailures, Second
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._state import UNSEEN, Instance, Moment, Samples
from harness.recording import Recording, Slice
from harness.recording.marks import FAILED, INJECTED, UNDONE, FaultMark
from harness.recording.values import CENSORED, UNSERVED, USER_EXCEPTION, Scalar

_NOT_SENT = (CENSORED, UNSERVED, USER_EXCEPTION)
"""What did not reach the service, or is not known to have been answered: no breaker can have failed it, or spared it.
Where the dependency hangs, arrivals that find no free user are more than all others.
"""


@dataclass(frozen=True)
class Leak:
    """Dependency calls and client requests between two samples of the dependency's counter.

    Slices are whole seconds and samples are not, so the requests lie between ``fewest`` and ``most``.
    """

    calls: float
    requests: float
    fewest: int
    most: int
    begin_s: float
    end_s: float

    @property
    def ratio(self) -> float:
        return self.calls / self.requests if self.requests else math.inf

    @property
    def interval(self) -> tuple[float, float]:
        return self.calls / self.most if self.most else 0.0, self.calls / self.fewest if self.fewest else math.inf


@dataclass(frozen=True)
class BreakerBehaviour:
    """All that one run shows about the breaker. Instants are seconds after the origin."""

    missing: str = ""
    """Why nothing can be measured; then nothing else is set."""
    injected_s: float = 0.0
    healed_s: float | None = None
    """None: the failure was not undone while the run was recorded."""
    end_s: float = 0.0
    """Until when requests were recorded."""
    seconds: tuple[Second, ...] = ()
    """From the injection on."""
    signature: bool = False
    """Whether fast failures were told by their signature, not by their speed."""
    instances: tuple[Instance, ...] = ()
    opened: Moment = UNSEEN
    """Of the last instance; its end is infinite when that was not seen."""
    open_before_s: int | None = None
    """From when on requests failed fast, if before the failure; None where breakers tell of themselves."""
    closed: Moment = UNSEEN
    has_failed_before: bool = True
    """Whether a failure of the dependency was seen before the opening: a breaker opens for what it has tried. A request
    that failed slowly, a call that the dependency counted, or the breaker's own word or signature. A refusal that was
    fast from the first on may come without any breaker, from a port that nobody listens on."""
    leak: Leak | None = None
    """While open; while the dependency failed, where the breaker was not seen to open."""
    unobserved: str = ""
    """Why the dependency's side is not observable; empty when it is."""
    before_per_s: float = 0.0
    """Requests per second in the baseline."""
    slowest_failure_s: float = 0.0
    """Longest answer that failed and not fast."""

    @property
    def until_s(self) -> float:
        """End of the failure, or of the recording."""
        return self.end_s if self.healed_s is None else self.healed_s

    @property
    def has_opened(self) -> bool:
        return math.isfinite(self.opened.by_s)

    @property
    def is_seen_open(self) -> bool:
        """Whether any instance was seen open, where ``has_opened`` asks for all of them. What looked like it, or was
        said, and did not spare the dependency, or had no failure before it, was no open breaker.
        """
        if not self.has_failed_before or (self.has_opened and self.leak is not None and not self.is_spared):
            return False
        return self.has_opened or any(math.isfinite(instance.opened.by_s) for instance in self.instances)

    @property
    def open_before(self) -> str:
        """How it was open before its dependency failed: then it did not open for that. Empty where it was closed."""
        told = [instance.source for instance in self.instances if instance.was_open]
        if told:
            return f"{', '.join(told)} was open before its dependency failed: begin with a closed breaker"
        if self.open_before_s is None:
            return ""
        early = f"open before the failure: requests failed fast from {self.open_before_s} s on"
        return f"{early}, the dependency from {self.injected_s:.1f} s on: begin with a closed breaker"

    @property
    def failed_fast(self) -> int:
        return sum(second.failed_fast for second in self.seconds)

    @property
    def is_spared(self) -> bool:
        """Whether the dependency's counter stayed flat: fewer calls than MAJORITY of the requests. How many exactly
        get through is the leak-through, which has a limit of its own.
        """
        return self.leak is not None and self.leak.ratio < MAJORITY

    @property
    def probe_traffic_per_s(self) -> float:
        """Requests per second and instance between healing and closing: without them no breaker would close."""
        last_s = self.closed.by_s if math.isfinite(self.closed.by_s) else self.end_s
        seen = [second.requests for second in self.seconds if self.until_s - 1 < second.t < last_s]
        return sum(seen) / len(seen) / max(1, len(self.instances)) if seen else 0.0

    def describe_witnesses(self) -> dict[str, Scalar]:
        """Evidence that every finding about a breaker shows."""
        evidence: dict[str, Scalar] = {
            "dependency failed from (s)": round(self.injected_s, 3),
            "until (s)": None if self.healed_s is None else round(self.healed_s, 3),
            "requests that failed fast": self.failed_fast,
            "told by": "signature" if self.signature else "speed",
        }
        for instance in self.instances:
            if instance.silent_from_s is not None:
                evidence[f"{instance.source} silent from (s)"] = instance.silent_from_s
        return evidence


def measure(recording: Recording, criterion: BreakerCriterion) -> BreakerBehaviour:
    """Measures the first failure of the dependency in the run; see the module for what is measured and how."""
    sent = tuple(piece for piece in phases.settled(recording).slices if piece.outcome not in _NOT_SENT)
    recording = replace(recording, slices=sent)
    slices = phases.only(recording, criterion.requests).slices
    injected, undone, missing = _find_failure(recording, criterion)
    baseline = recording.phase(criterion.baseline)
    if injected is None or baseline is None:
        return BreakerBehaviour(missing or f"the run has no phase {criterion.baseline!r} to compare with")
    before = tallies.tally(tuple(piece for piece in slices if baseline.start_s <= piece.t < baseline.end_s))
    if before.ok <= MAJORITY * before.intended:
        cause = next(iter(before.causes), "nothing was sent")
        seen = f"{before.ok:,} of {before.intended:,} requests were answered well in the {baseline.name} ({cause})"
        return BreakerBehaviour(f"{seen}: without a dependency that works there is nothing to break")
    fast = FastFailures.of(recording, before)
    seconds = clients.by_second(slices, fast)
    end_s = max(second.t + 1.0 for second in seconds)
    healed_s = undone.t if undone is not None else None
    until_s = end_s if healed_s is None else healed_s
    instances = state.read_instances(recording, criterion, injected.t, until_s)
    if instances:
        opened = Moment.last(instance.opened for instance in instances)
    else:
        opened = clients.find_opening(seconds, injected.t, until_s)
    counter = state.longest_series(recording, criterion.dependency)
    unobserved = _why_unobserved(counter, criterion, (baseline.start_s, baseline.end_s), before.intended)
    told = bool(instances) or fast.signature
    failed = told or _has_failed(slices, fast, counter, injected.t, opened.by_s)
    begin_s = opened.by_s if math.isfinite(opened.by_s) else injected.t
    return BreakerBehaviour(
        injected_s=injected.t,
        healed_s=healed_s,
        end_s=end_s,
        seconds=tuple(second for second in seconds if second.t + 1 > injected.t),
        signature=fast.signature,
        instances=instances,
        opened=opened,
        open_before_s=None if instances else clients.find_earlier_opening(seconds, injected.t, until_s),
        closed=_find_closing(instances, seconds, healed_s),
        has_failed_before=failed,
        leak=None if unobserved else measure_leak(counter, seconds, begin_s, until_s),
        unobserved=unobserved,
        before_per_s=before.intended / baseline.duration_s,
        slowest_failure_s=clients.slowest_failure_s(slices, fast, injected.t, until_s),
    )


def _has_failed(
    slices: Sequence[Slice], fast: FastFailures, counter: Samples, injected_s: float, opened_s: float
) -> bool:
    """Whether, before it seemed to open, a request failed slowly or the dependency counted a call, both since the
    failure began.
    """
    if clients.slowest_failure_s(slices, fast, injected_s, opened_s) * 1e6 > fast.below_us:
        return True
    before = [sample for sample in counter if sample.begun_s >= injected_s and sample.begun_s <= opened_s]
    return state.increase([sample.value for sample in before]) > 0


def measure_leak(counter: Samples, seconds: Sequence[Second], begin_s: float, end_s: float) -> Leak | None:
    """Calls between the first sample begun at or after ``begin_s`` and the last one that ended by ``end_s``; None with
    fewer than two such samples.
    """
    inside = [sample for sample in counter if sample.begun_s >= begin_s and sample.ended_s <= end_s]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]

    def share(second: Second) -> float:
        return max(0.0, min(second.t + 1, last.begun_s) - max(second.t, first.begun_s))

    return Leak(
        calls=state.increase([sample.value for sample in inside]),
        requests=sum(second.requests * share(second) for second in seconds),
        fewest=sum(second.requests for second in seconds if first.ended_s <= second.t <= last.begun_s - 1),
        most=sum(second.requests for second in seconds if first.begun_s - 1 < second.t < last.ended_s),
        begin_s=first.begun_s,
        end_s=last.begun_s,
    )


def _find_failure(recording: Recording, criterion: BreakerCriterion) -> tuple[FaultMark | None, FaultMark | None, str]:
    """When the dependency began to fail and when it was healed; or why that is not known."""
    fault = criterion.fault
    marks = [mark for mark in recording.faults if not fault or mark.fault == fault]
    injected = next((mark for mark in marks if mark.event == INJECTED), None)
    if injected is None:
        what = f"the fault {fault}" if fault else "a fault of the dependency"
        failed = next((mark.detail for mark in marks if mark.event == FAILED), criterion.fault_remedy)
        return None, None, with_remedy(f"{what} was never injected, so no breaker had a reason to open", failed)
    same = (injected.fault, injected.number)
    after = [mark for mark in marks if (mark.fault, mark.number) == same and mark.t >= injected.t]
    return injected, next((mark for mark in after if mark.event == UNDONE), None), ""


def _find_closing(instances: Sequence[Instance], seconds: Sequence[Second], healed_s: float | None) -> Moment:
    if healed_s is None:
        return UNSEEN
    closings = [instance.closed for instance in instances if instance.closed is not None]
    return Moment.last(closings) if closings else clients.find_closing(seconds, healed_s)


def _why_unobserved(counter: Samples, criterion: BreakerCriterion, baseline: tuple[int, int], requests: int) -> str:
    """Why the dependency's side is not known; empty when it is."""
    name = criterion.dependency
    if not counter:
        unread = f"no probe read {name}" if name else "nothing counts the calls that the dependency receives"
        return with_remedy(unread, criterion.dependency_remedy)
    begin_s, end_s = baseline
    inside = [sample.value for sample in counter if begin_s <= sample.begun_s < end_s]
    if len(inside) < 2:
        return f"{name} was not read in the baseline"
    calls = state.increase(inside)
    if calls < MAJORITY * requests * (len(inside) - 1) / (end_s - begin_s):
        return f"{name} rose by {calls:g} for {requests:,} requests in the baseline: they do not call what it counts"
    return ""
