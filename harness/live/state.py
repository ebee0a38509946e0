"""The live state: how a run stands, merged over its load processes while it goes.

It is fed once, where something arrives (``Run.take_report``, ``Run.mark``, the sampler's readings), and everybody who
shows the run reads it: alerts, the progress on the terminal, the web UI. It knows no clock: its readers say how late
it is. What it keeps does not grow with the number of requests, nor with the length of the run beyond two hours: the
series of these (``series.py``), the last samples of each source, and of each phase one histogram a name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.analysis.alert_episodes import Book, Condition, Episode, in_words
from harness.analysis.alerts import MOST_SOURCES, limits_of, of_header
from harness.analysis.phases import is_good_instant, only_class
from harness.analysis.tallies import RunningTally
from harness.live.criteria_so_far import CriterionSoFar, criteria_so_far
from harness.live.nodes import Nodes
from harness.live.phase_tally import PhaseFigures, PhaseTally
from harness.live.recovery_clock import RecoveryClock, RecoveryState
from harness.live.request_durations import RequestDurations
from harness.live.series import LiveSeries
from harness.live.stop_rules import StopRule
from harness.live.stop_watch import StopWatch
from harness.recording import ProbeSample, Slice, Unanswered
from harness.recording.header import Header
from harness.recording.marks import FINISHED, INJECTED, JOINED, UNDONE, FaultMark, GateMark, Mark, NodeMark
from harness.recording.slices import SliceSums

SETTLES_S = 1.0
"""A second is looked at when it has been over for this long: reports come about once a second."""
MOST_MOMENTS = 500
"""Marks, and alerts that are over, that are kept."""


@dataclass(frozen=True)
class Moment:
    """Something that happened at an instant, for whoever draws a line there."""

    t: float
    kind: str
    """``gate``, ``fault`` or ``node``."""
    text: str


@dataclass(frozen=True)
class Second:
    """What the rules of the alerts made of one second of the run."""

    t: int
    raised: tuple[Episode, ...]
    cleared: tuple[Episode, ...]


@dataclass(frozen=True)
class Snapshot:
    """The run as it stands; small, and nothing in it changes any more. Whoever draws a line keeps one a second."""

    phases: tuple[PhaseFigures, ...]
    alerts: tuple[str, ...]
    """Those that hold, in words."""
    faults: tuple[str, ...]
    """Those that are injected, in words."""
    nodes_wanted: int
    nodes_lost: tuple[str, ...]
    parked_users: int
    """Ready when the nodes last said so."""


class LiveState:
    """Of one run, on the master or the local runner."""

    def __init__(
        self, header: Header, stop_rules: Iterable[StopRule] = (), titles: Mapping[str, str] | None = None
    ) -> None:
        """``titles``: what the findings of a criterion are called in reports."""
        self._titles = titles or {}
        self.nodes = Nodes(header.nodes)
        self._coming = SliceSums(header)
        """Of all nodes, until somebody looks: to add them up first costs less than to take in each by itself."""
        self._phases = tuple(PhaseTally(phase, only_class(header)) for phase in header.phases)
        self._durations = RequestDurations()
        self.samples: dict[tuple[str, str], ProbeSample] = {}
        """Of each probe and source the latest; those of the probe ``generator`` are the health of the nodes."""
        self.stop_watch = StopWatch(stop_rules, self.samples, header.phases)
        self._series = LiveSeries(header)
        self.moments: list[Moment] = []
        """In the order in which they became known, the last ``MOST_MOMENTS``."""
        self._phase_starts_s = [phase.start_s for phase in header.phases]
        self._faults: dict[int, str] = {}
        self._alert_watch = of_header(header)
        self._book = Book()
        self._over: list[Episode] = []
        self.conditions: tuple[Condition, ...] = ()
        """What the rules of the alerts saw in the last second that was closed, whether it is over a limit or not."""
        self.limits = limits_of(header.alerts)
        self._criteria = header.criteria
        self._clock = RecoveryClock(header)
        baseline = (tally.total for tally in self._phases if tally.phase.name == "baseline")
        self._baseline = next(baseline, RunningTally())
        self._next_t = 0

    def add(self, line: Slice | Unanswered | ProbeSample | Mark) -> None:
        """Takes in a line of the recording. Slices may come in any order; the samples of one source come in theirs, and
        so does what one node tells of what has no answer.
        """
        if isinstance(line, Slice):
            self._coming.add(line)
        elif isinstance(line, ProbeSample):
            self._alert_watch.add(line)
            self._series.add_sample(line)
            self._keep_latest(line)
        elif isinstance(line, Unanswered):
            self._series.add_unanswered(line)
            self.stop_watch.add_unanswered(line)
        elif isinstance(line, GateMark):
            sent, late_ms = len(line.sent_us), max(line.sent_us, default=0) / 1000
            text = f"gate {line.gate} on {line.node}: {sent} of {line.planned} sent, the last after {late_ms:.0f} ms"
            self._note(line.t, "gate", text)
        elif isinstance(line, NodeMark):
            self.nodes.add(line)
            if line.event not in (JOINED, FINISHED):
                self._note(line.t, "node", f"load process {line.node} {line.event}: {line.detail}".rstrip(": "))
        elif isinstance(line, FaultMark):
            self._note(line.t, "fault", f"fault {line.fault} {line.event}: {line.detail}".rstrip(": "))
            if line.event == INJECTED:
                self._faults[line.number] = f"{line.fault}: {line.detail}"
            elif line.event == UNDONE:
                self._faults.pop(line.number, None)

    def _settle(self) -> None:
        """Takes in what came since somebody looked."""
        for piece in self._coming.take():
            is_answer = not is_good_instant(piece)
            if is_answer:
                self.stop_watch.add(piece)
            if piece.warm_up or piece.wind_down:
                continue
            self._alert_watch.add(piece)
            self._durations.add(piece)
            if is_answer:
                self._series.add_slice(piece)
            number = bisect_right(self._phase_starts_s, piece.t) - 1
            if number >= 0 and piece.t < self._phases[number].phase.end_s:
                self._phases[number].add(piece)

    @property
    def phases(self) -> tuple[PhaseTally, ...]:
        self._settle()
        return self._phases

    @property
    def durations(self) -> RequestDurations:
        """Of the requests of all phases, by name and outcome, for monitoring systems."""
        self._settle()
        return self._durations

    @property
    def series(self) -> LiveSeries:
        self._settle()
        return self._series

    def why_to_stop(self, elapsed_s: float) -> str:
        """As :meth:`StopWatch.look`, once a second, whenever it is called."""
        if not self.stop_watch.is_due(elapsed_s):
            return ""
        self._settle()
        return self.stop_watch.look(elapsed_s)

    def close_seconds(self, elapsed_s: float) -> Iterator[Second]:
        """Looks at every second that is over by now, and has been for ``SETTLES_S``; at each once, in order."""
        if self._next_t + 1 + SETTLES_S > elapsed_s:
            return  # what came is taken in together, for less of the CPU of a process that makes load as well
        self._settle()
        while self._next_t + 1 + SETTLES_S <= elapsed_s:
            t = self._next_t
            self._next_t += 1
            self.conditions = tuple(self._alert_watch.look(t))
            raised, cleared = self._book.note(t, self.conditions)
            self._clock.close_second(t, self._series.second, self._baseline)
            self._over = [*self._over, *cleared][-MOST_MOMENTS:]
            yield Second(t, tuple(raised), tuple(cleared))

    @property
    def recovery(self) -> RecoveryState | None:
        """None before the spike is over, and where there is none."""
        return self._clock.state

    def criteria_so_far(self) -> tuple[CriterionSoFar, ...]:
        """How the run's criteria look so far, a few milliseconds' work."""
        return tuple(criteria_so_far(self._criteria, self.phases, self.conditions, self.recovery, self._titles))

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Alerts from their beginning to their end, in the order of their beginning; those that hold have no end."""
        return tuple(sorted((*self._over, *self._book.open.values()), key=lambda episode: episode.start_s))

    @property
    def faults(self) -> tuple[str, ...]:
        """Those that are injected, in words."""
        return tuple(self._faults.values())

    def _note(self, t: float, kind: str, text: str) -> None:
        self.moments.append(Moment(t, kind, text))
        del self.moments[:-MOST_MOMENTS]

    def snapshot(self) -> Snapshot:
        """A few milliseconds' work with thousands of requests a second, so for about once a second."""
        return Snapshot(
            phases=tuple(phase.figures() for phase in self.phases),
            alerts=tuple(f"{episode.alert}: {in_words(episode.worst)}" for episode in self._book.open.values()),
            faults=self.faults,
            nodes_wanted=self.nodes.wanted,
            nodes_lost=tuple(sorted(self.nodes.lost)),
            parked_users=self.nodes.parked_users,
        )

    def _keep_latest(self, sample: ProbeSample) -> None:
        key = (sample.probe, sample.source)
        if key not in self.samples and len(self.samples) >= MOST_SOURCES:
            del self.samples[min(self.samples, key=lambda each: self.samples[each].t)]
        self.samples[key] = sample
