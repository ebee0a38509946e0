"""Throughput: good answers per second in a phase."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import phases
from harness.analysis.time_series import level_at
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, SHORTER_THAN_HELP, JudgesAnswers
from harness.criteria._outcome import no_phase, percent, titled, with_remedy
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Header, Phase


@dataclass(frozen=True)
class Throughput(JudgesAnswers):
    """Good answers to the requests of a phase ÷ its seconds reach a limit.

    It is counted, so the figure has no interval but for requests of a run that was cut off. A service cannot answer
    more than it is asked: where less was asked for than the limit, nothing is proven.
    """

    unit = "1/s"
    evidence = CLIENTS
    compared_with = ("shorter_than",)

    lower_limit_per_s: float = parameter(1.0, "fewest good answers per second that are accepted")
    lower_limit_of_users_ratio: float = parameter(
        0.0, "in place of that, as a share of the users of the phase; 0: it holds as it is"
    )
    phase: str = parameter("spike", "phase that is judged")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when there are none of them")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    shorter_than: str = parameter("baseline", SHORTER_THAN_HELP)

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        return recording.phase(self.shorter_than), recording.phase(self.phase)

    def _judge(self, recording: Recording) -> Finding:
        recording = phases.judged(recording, self.requests)
        title = titled(f"good answers per second in the {self.phase}", self.requests)
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase), title=title)
        tally = phases.of_phase(recording, phase)
        lasted_s = phase.end_s - phase.start_s
        limit_per_s, told = self.lower_limit_per_s, ""
        if self.lower_limit_of_users_ratio:
            users = _users(recording.header, phase)
            if not users:
                reason = f"how many users the {self.phase} has is not planned; give lower_limit_per_s"
                return self.inconclusive(reason, title=title)
            limit_per_s = self.lower_limit_of_users_ratio * users
            told = f", {percent(self.lower_limit_of_users_ratio)} of {users:g} users"
        if not tally.intended or lasted_s <= 0:
            reason = f"no requests in the {self.phase}, so there is nothing to judge"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        good = tally.intended - tally.failed - tally.unknown
        low, high = good / lasted_s, (good + tally.unknown) / lasted_s
        asked = tally.intended / lasted_s
        outcome = Outcome.PASS if low >= limit_per_s else Outcome.INCONCLUSIVE
        if high < limit_per_s <= asked:
            outcome = Outcome.FAIL
        reason = f"{good:,} good answers in {lasted_s:g} s, {low:.3g}/s of {asked:.3g}/s asked for; "
        reason += f"at least {limit_per_s:g}/s{told} wanted"
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; ask for more than that" if asked < limit_per_s else "; a run to its end would show it"
        evidence = {"good": good, "failed": tally.failed, "seconds": lasted_s}
        return self.finding(outcome, reason, low, (low, high), evidence, title=title)


def _users(header: Header, phase: Phase) -> float:
    """Of a phase as it was planned: those of its herds, and those that are active in the closed model; 0: not known."""
    herd = sum(gate.users for gate in header.gates if phase.start_s <= gate.t < phase.end_s)
    if header.level_unit != "users":
        return float(herd)
    instants = (t + part for t in range(phase.start_s, phase.end_s) for part in (0.0, 0.999))
    return herd + max((level_at(header.level, t) for t in instants), default=0.0)
