"""Even share: requests are spread evenly over those who answer them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.distributions import chi_square_above
from harness.analysis.intervals import clopper_pearson
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, no_phase, percent
from harness.criteria._single_operations import ANY, by_source, nobody_named, tries, unnamed
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

FEWEST_EXPECTED = 5.0
"""Of the answers of each, for χ² to be good for anything (Cochran 1954)."""


@dataclass(frozen=True)
class EvenShare(Estimate):
    """The share of nobody who answers is further from the even one, of which it is a part, than the limit.

    The figure is the largest |share ÷ even share − 1|; its interval that of Clopper and Pearson of each share, at a
    confidence that holds for all of them together (Bonferroni). Pearson's χ² against even shares, with its p, is told
    beside it. ``members``: how many there are; one who answers nothing is seen by that alone. Where that is not given,
    and somebody has answered before the phase who does not in it, there is no PASS.
    """

    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.25, "largest part of the even share by which a share may differ")
    members: int = parameter(0, "how many there are to answer; 0: as many as do")
    kind: str = parameter(ANY, "read or write, * for both")
    via: str = parameter(ANY, "the way of the operations that are judged, * for anything")
    phase: str = parameter("baseline", "phase in which they began")
    remedy: str = parameter("", "what to say when no answer tells who gave it")

    def judge(self, recording: Recording) -> Finding:
        title = f"most uneven share of the answers in the {self.phase}"
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase), title=title)
        operations = tries(recording, self.kind, self.via)
        inside = [one for one in operations if phase.start_s <= one.invoke_s < phase.end_s]
        counts = by_source(inside)
        if not counts:
            return self.inconclusive(nobody_named(self.via, self.remedy), title=title)
        n, members = sum(counts.values()), max(self.members, len(counts))
        told: dict[str, Scalar] = {f"answers of {source}": count for source, count in sorted(counts.items())}
        if members < 2:
            reason = f"only {next(iter(counts))} has answered, so there is nothing to be shared: say how many there are"
            return self.inconclusive(reason, told, title=title)
        expected = n / members
        all_counts = [*counts.values(), *[0] * (members - len(counts))]
        chi_square = sum((count - expected) ** 2 / expected for count in all_counts)
        p = chi_square_above(chi_square, members - 1)
        told |= {"members": members, "χ²": round(chi_square, 3), "p of χ²": round(p, 6)}
        if expected < FEWEST_EXPECTED:
            reason = f"{n} answers of {members} are {expected:.3g} of each where they are even, and five are needed"
            return self.inconclusive(reason, told, title=title)
        low, figure, high = self._deviation(all_counts, n, members)
        outcome = against(self.limit, (low, high))
        shares = ", ".join(f"{source} {percent(count / n)}" for source, count in sorted(counts.items()))
        silent = f", {members - len(counts)} of {members} nothing" if len(counts) < members else ""
        reason = (
            f"{shares}{silent}, where {percent(1 / members)} is even; χ² {chi_square:.3g}, p {p:.2g}; off by "
            f"{percent(figure)} of it at most, {percent(low)} to {percent(high)} with {percent(self.confidence)} "
            f"confidence, limit {percent(self.limit)}"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; more requests would settle it"
        mute = unnamed(inside)
        if outcome is Outcome.PASS and mute:
            outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; {mute}"
        before = by_source([one for one in operations if one.invoke_s < phase.start_s])
        gone = sorted(before.keys() - counts.keys())
        if outcome is Outcome.PASS and gone and not self.members:
            outcome = Outcome.INCONCLUSIVE
            reason += f"; {', '.join(gone)} answered before and nothing now: say with members how many there are"
        return self.finding(outcome, reason, figure, (low, high), told, title=title)

    def _deviation(self, counts: list[int], n: int, members: int) -> tuple[float, float, float]:
        """Lower end, figure and upper end of the largest one."""
        lows, figures, highs = [], [], []
        for count in counts:
            ends = [share * members - 1 for share in clopper_pearson(count, n, 1 - (1 - self.confidence) / members)]
            figures.append(abs(count / n * members - 1))
            lows.append(0.0 if ends[0] <= 0 <= ends[1] else min(map(abs, ends)))
            highs.append(max(map(abs, ends)))
        return max(lows), max(figures), max(highs)
