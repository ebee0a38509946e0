"""Time until those who were dropped are back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import histogram, phases, tallies
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, no_phase, percent, seconds
from harness.criteria._seen import Seen, after
from harness.criteria.websocket import _connections as connections
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import ATTEMPT, NOT_TRIED, OK, Scalar, Sparse


@dataclass(frozen=True)
class ReconnectTime(Criterion):
    """A share of the connections that were dropped in a phase is open again soon enough.

    Each connection's time counts from the instant at which it was lost to the handshake of the one that stayed, or
    answered; one that was ended again before that brought nobody back, and is counted as a kick. One that did not come
    back while it was watched took longer than that: the time is then a lower bound, never 0 and never a pass. All
    connections are counted, so the interval is no wider than the histogram's bucket. It takes that the drop was one: of
    those who were connected, ``dropped`` have to have lost their connection.
    """

    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(30.0, "largest time in seconds until the share is back")
    share: float = parameter(0.99, "share of the dropped connections that has to be back", lowest=0.01, highest=1)
    dropped: float = parameter(0.99, "smallest share of the open connections that the drop must have ended", highest=1)
    drop: str = parameter("drop", "phase that begins with the drop")
    connections: str = parameter("*", "only connections of this name, * for anything")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        yield from after(recording, 0, f"* {self.connections} reconnect")

    def judge(self, recording: Recording) -> Finding:
        phase = recording.phase(self.drop)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.drop), title=self._title)
        before = connections.open_at(recording, phase.start_s, self.connections)
        lost = sum(connections.ended_in(recording, phase, self.connections).values())
        times = self._reconnect_times(recording, phase)
        back = histogram.total(times)
        away = max(0, lost - back)
        evidence: dict[str, Scalar] = {
            "open before the drop": before,
            "dropped": lost,
            "back": back,
            **self._count_failed_attempts(recording, phase),
            **self._kicks(recording),
        }
        if not lost or lost < self.dropped * before:
            dropped = f"only {lost:,} of {before:,} connections were dropped" if before else "nobody was connected"
            reason = f"{dropped} in the phase {self.drop}, so there was no reconnect storm to be judged"
            return self.inconclusive(reason, evidence, title=self._title)
        if (stayed_away := self._not_tried(recording, phase)) and not back:
            reason = (
                f"{stayed_away:,} of {lost:,} dropped connections were not opened again, because the users do not come "
                "back (reconnect is none); let them, or judge without this criterion"
            )
            return self.inconclusive(reason, evidence, title=self._title)
        for label, share in (("half back after (s)", 0.5), ("all back after (s)", 1.0)):
            value_us = histogram.quantile_us(times, share, away)
            evidence[label] = None if value_us is None or math.isinf(value_us) else value_us / 1e6
        rank = max(1, math.ceil(self.share * (back + away) - 1e-9))
        if rank > back:
            return self._judge_those_away(recording, phase, back, away, evidence)
        high_s = histogram.values_at_us(times, (rank,))[0] / 1e6
        low_s = histogram.bucket_bounds_us(histogram.bucket_index(int(high_s * 1e6)))[0] / 1e6
        outcome = against(self.limit_s, (low_s, high_s))
        back_after = f"{percent(self.share)} of {lost:,} dropped connections were back after {seconds(high_s)}"
        reason = f"{back_after}, limit {seconds(self.limit_s)}"
        if outcome is Outcome.INCONCLUSIVE:
            reason += f": too close to tell, as times are kept to {seconds(high_s - low_s)}"
        again = connections.dropped_again(recording, phase, self.connections)
        if outcome is Outcome.PASS and again > (1 - self.share) * before:
            outcome = Outcome.INCONCLUSIVE
            reason += f"; but {again:,} more were dropped than were there, so those who were back were dropped again: "
            reason += "users with a longer stable_s would show when they were back for good"
        return self.finding(outcome, reason, high_s, (low_s, high_s), evidence, title=self._title)

    @property
    def _title(self) -> str:
        return f"{percent(self.share)} back after the {self.drop}"

    def _reconnect_times(self, recording: Recording, phase: Phase) -> Sparse:
        """Histogram of the times from the loss until it was back, of those that were lost in the phase."""
        slices = phases.slices_of(phases.only(recording, f"WS {self.connections} reconnect"), phase)
        return histogram.merge(piece.latency for piece in slices if piece.outcome == OK)

    def _count_failed_attempts(self, recording: Recording, phase: Phase) -> dict[str, Scalar]:
        """By cause, from the drop to the end of the run."""
        found = phases.only(recording, f"{ATTEMPT} {self.connections} reconnect").slices
        tally = tallies.tally(tuple(piece for piece in found if piece.t >= phase.start_s))
        return {f"failed attempts, {cause}": count for cause, count in tally.causes.items()}

    def _not_tried(self, recording: Recording, phase: Phase) -> int:
        found = phases.only(recording, f"{ATTEMPT} {self.connections} reconnect").slices
        return sum(piece.count for piece in found if piece.t >= phase.start_s and piece.outcome == NOT_TRIED)

    def _kicks(self, recording: Recording) -> dict[str, Scalar]:
        kicks = connections.kicks_by_second(recording, self.connections)
        return {"kicked": sum(kicks.values()), "kicked per second at most": max(kicks.values())} if kicks else {}

    def _judge_those_away(
        self, recording: Recording, phase: Phase, back: int, away: int, evidence: dict[str, Scalar]
    ) -> Finding:
        """Censored. Watched until the last second that is known, from the last second in which anybody was lost."""
        last_s = max((piece.t + 1 for piece in recording.slices), default=phase.start_s)
        run_end_s = recording.header.planned_end_s
        end_s = min(run_end_s, recording.end.t if recording.end is not None else last_s)
        ends = phases.slices_of(phases.only(recording, f"connection {self.connections} ended"), phase)
        watched_s = max(0.0, end_s - 1 - max(piece.t for piece in ends if not connections.is_kick(piece.outcome)))
        outcome = Outcome.FAIL if watched_s >= self.limit_s else Outcome.INCONCLUSIVE
        reason = (
            f"{away:,} of {back + away:,} dropped connections were not back in the {watched_s:g} s that were watched, "
            f"limit {seconds(self.limit_s)}"
        )
        if outcome is Outcome.INCONCLUSIVE:
            longer = math.ceil(self.limit_s - watched_s) + 1
            reason += f"; a recovery phase that is {longer} s longer would settle it"
        return self.finding(outcome, reason, None, (watched_s, math.inf), evidence, title=self._title, censored=True)
