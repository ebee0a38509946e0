"""Guard: the classes of users kept their shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.criteria._criterion import Guard
from harness.criteria._outcome import percent
from harness.findings import BASELINE, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import STARTS_PER_S, Phase


@dataclass(frozen=True)
class UserMix(Guard):
    """Guard: in every phase the iterations begun are shared by the classes of users as in the baseline.

    Otherwise two kinds of load are compared, and a difference says nothing about the target. The figure is the largest
    total variation distance of a phase from the baseline, ½ Σ |share − share in the baseline|, less what whole numbers
    make of it: half a class's one iteration more or less in each of the two.
    """

    title = "change in the mix of users"
    may_guard_nothing = True
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = (BASELINE,)

    limit: float = parameter(0.05, "largest share of the iterations that may belong to other classes", highest=1)
    baseline: str = parameter(BASELINE, "phase whose mix is that of the others")

    def judge(self, recording: Recording) -> Finding:
        if recording.header.level_unit != STARTS_PER_S:
            # There are as many of each class as there should be, but how often they come is up to the target.
            return self.finding(Outcome.PASS, "the closed model keeps the shares of the users who are active")
        if any(each.level for each in recording.header.classes):
            return self.finding(Outcome.PASS, "each class has a level of its own; spike_delivered looks at each")
        mixes = {phase.name: _mix(recording, phase) for phase in recording.header.phases}
        mixes = {name: mix for name, mix in mixes.items() if mix.total()}
        if len({user_class for mix in mixes.values() for user_class in mix}) < 2:
            return self.finding(Outcome.PASS, "there is one class of users, or Locust itself deals them out")
        usual = mixes.pop(self.baseline, None)
        if not usual or not mixes:
            told = f"nobody was started in the {self.baseline}, so there is no mix to compare with"
            return self.inconclusive(told)
        distances = {name: _distance(mix, usual) for name, mix in mixes.items()}
        worst = max(distances, key=lambda name: distances[name])
        told = "; ".join(f"{name}: {_words(mix)}" for name, mix in {self.baseline: usual, **mixes}.items())
        evidence = {f"{name}, {user_class}": count for name, mix in mixes.items() for user_class, count in mix.items()}
        if distances[worst] <= self.limit:
            return self.finding(Outcome.PASS, told, distances[worst], evidence=evidence)
        reason = f"the {worst} had another mix than the {self.baseline} ({told}); give each class more users"
        return self.finding(Outcome.INCONCLUSIVE, reason, distances[worst], evidence=evidence)


def _mix(recording: Recording, phase: Phase) -> Counter[str]:
    counts: Counter[str] = Counter()
    for mark in recording.starts:
        if phase.start_s <= mark.t < phase.end_s:
            counts.update(mark.starts)
    return counts


def _distance(mix: Counter[str], usual: Counter[str]) -> float:
    names = {*mix, *usual}
    apart = sum(abs(mix[name] / mix.total() - usual[name] / usual.total()) for name in names) / 2
    whole_numbers = len(names) / 2 * (1 / mix.total() + 1 / usual.total())
    return max(0.0, apart - whole_numbers)


def _words(mix: Mapping[str, int]) -> str:
    total = sum(mix.values())
    return ", ".join(f"{user_class} {percent(count / total)}" for user_class, count in sorted(mix.items()))
