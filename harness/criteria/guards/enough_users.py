"""Guard: arrivals did not have to wait for a user of ours."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.analysis import histogram, phases
from harness.criteria._criterion import Guard
from harness.criteria._outcome import percent, seconds
from harness.criteria.guards._delivery import NOBODY
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import STARTS_PER_S
from harness.recording.marks import ARRIVALS, StartsMark
from harness.recording.values import UNSERVED

OPTIONS = ("pool_users", "canary_users")
"""Of shapes: how many users there are for arrivals, of a surge and beside a herd."""


@dataclass
class Stream:
    """Arrivals of one class of users in one phase."""

    phase: str
    user_class: str
    """The class of users; empty where nobody says."""
    held: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    """Second → users started for it that were free again, and for how long they had not been. In every phase: who
    holds the users of one may have started in another.
    """
    due: int = 0
    started: int = 0
    waits: dict[int, int] = field(default_factory=dict)
    """Of those that began after a wait for a free user: microseconds."""
    due_in: dict[int, int] = field(default_factory=dict)
    """Second → arrivals that were due in it."""
    late_in: dict[int, int] = field(default_factory=dict)
    """Second → those of them that waited, or never began."""

    def add(self, mark: StartsMark, user_class: str) -> None:
        t, due, started = int(mark.t), mark.due.get(user_class, 0), mark.starts.get(user_class, 0)
        waits = mark.waits.get(user_class, {})
        self.due += due
        self.started += started
        histogram.add(self.waits, waits)
        self.due_in[t] = self.due_in.get(t, 0) + due
        self.late_in[t] = self.late_in.get(t, 0) + due - started + histogram.total(waits)

    @property
    def what(self) -> str:
        return f"{self.phase}, {self.user_class or NOBODY}"

    def late(self, wait_limit_s: float) -> int:
        """Arrivals that waited for longer than that, or never found a free user."""
        longer = histogram.total(self.waits) - histogram.count_at_most(self.waits, wait_limit_s * 1e6)
        return longer + self.due - self.started

    def users_needed(self) -> tuple[int, float, float] | None:
        """Little's law where arrivals had to wait: users = arrivals per second × the time for which a start takes a
        user away, and these two. None where no user was free again.

        The rate is that of the seconds whose arrivals waited. The time is that of the starts which held the users
        then, and may be older: while a target hangs nobody comes back, and those who come after it are quick. It is
        the mean of a second's starts, of the second where it is longest.
        """
        crowded = sorted(t for t, late in self.late_in.items() if late > 0)
        busy_s_of = {t: busy_s / freed for t, (freed, busy_s) in self.held.items() if freed}
        holding = [
            busy_s
            for start, busy_s in busy_s_of.items()
            if (after := bisect_left(crowded, start)) < len(crowded) and crowded[after] <= start + busy_s
        ]
        if not holding:
            return None
        rate = sum(self.due_in[t] for t in crowded) / len(crowded)
        return math.ceil(round(rate * max(holding), 6)), rate, max(holding)


@dataclass(frozen=True)
class EnoughUsers(Guard):
    """Guard: no arrival had to wait until a user of ours was free.

    Latency counts from the intended start, so such a wait would be blamed on the target; and a service that is asked
    later than planned had less to do. Arrivals of each class of users, in each phase. A FAIL that holds counted from
    the send as well is the target's own, and stands.
    """

    title = "arrivals that waited for a free user"
    may_guard_nothing = True
    unit = "ratio"
    guarded = (CLIENTS,)
    of_generator = True

    limit: float = parameter(0.01, "largest share of the arrivals of a phase that may wait for a free user", highest=1)
    wait_s: float = parameter(
        0.25, "seconds for which an arrival may wait for a free user and not be counted", lowest=0
    )

    def judge(self, recording: Recording) -> Finding:
        if recording.header.level_unit != STARTS_PER_S:
            return self.finding(Outcome.PASS, "users set the pace here, so nothing waits for a free one")
        streams = [each for each in _streams(recording) if each.due]
        if not streams:
            return self._untold(recording)
        shares = {each.what: each.late(self.wait_s) / each.due for each in streams}
        evidence = {f"{each.what}, waited": each.late(self.wait_s) for each in streams}
        worst = max(streams, key=lambda each: shares[each.what])
        share = shares[worst.what]
        longest_us = max(histogram.quantile_us(each.waits, 1) or 0 for each in streams)
        if share <= self.limit:
            longest = "none waited" if not longest_us else f"the longest waited {seconds(longest_us / 1e6)}"
            told = f"{percent(1 - share)} of the arrivals found a free user within {seconds(self.wait_s)}; {longest}"
            return self.finding(Outcome.PASS, told, share, evidence=evidence)
        crowded = [each for each in streams if shares[each.what] > self.limit]
        of_classes = [
            [each for each in crowded if each.user_class == user_class]
            for user_class in sorted({each.user_class for each in crowded})
        ]
        reason = "; ".join(_in_words(of_class, self.wait_s) for of_class in of_classes)
        return self.finding(Outcome.INCONCLUSIVE, f"{reason}{_option(recording)}", share, evidence=evidence)

    def without_objection(self, recording: Recording) -> Recording:
        return phases.from_the_send(recording)

    def _untold(self, recording: Recording) -> Finding:
        unserved = sum(piece.count for piece in recording.slices if piece.outcome == UNSERVED)
        if unserved:
            reason = f"{unserved:,} arrivals never found a free user: give them more users{_option(recording)}"
        else:
            reason = "the recording does not tell how long arrivals waited for a free user; a new run would"
        return self.inconclusive(reason)


def _option(recording: Recording) -> str:
    """The option of the run's shape that says how many there are; empty where its users have other sources."""
    known = recording.header.parameters
    option = next((f"--{name.replace('_', '-')}" for name in OPTIONS if name in known), "")
    return f" ({option} says how many there are)" if option else ""


def _streams(recording: Recording) -> Iterator[Stream]:
    marks = [mark for mark in recording.starts if mark.stream == ARRIVALS]
    user_classes = sorted({user_class for mark in marks for user_class in mark.due})
    held = {user_class: _held(marks, user_class) for user_class in user_classes}
    for phase in recording.header.phases:
        inside = [mark for mark in marks if phase.start_s <= mark.t < phase.end_s]
        for user_class in user_classes:
            stream = Stream(phase.name, user_class, held[user_class])
            for mark in inside:
                stream.add(mark, user_class)
            yield stream


def _held(marks: Iterable[StartsMark], user_class: str) -> dict[int, tuple[int, float]]:
    added: dict[int, tuple[int, float]] = {}
    for mark in marks:
        (freed, busy_s), (before, before_s) = mark.busy.get(user_class, (0, 0.0)), added.get(int(mark.t), (0, 0.0))
        added[int(mark.t)] = freed + before, busy_s + before_s
    return added


def _in_words(crowded: list[Stream], wait_s: float) -> str:
    """Of one class of users, by the phase that needs most of them: so many are enough for the others, too."""
    needed = {each.phase: each.users_needed() for each in crowded}
    stream = max(crowded, key=lambda each: needed[each.phase] or ())
    late, never = stream.late(wait_s), stream.due - stream.started
    longest_us = histogram.quantile_us(stream.waits, 1)
    longest = f", the longest {seconds(longest_us / 1e6)}" if longest_us else ""
    gone = f", {never:,} of them until the end" if never else ""
    others = len(crowded) - 1
    as_well = f", and too many in {others} other phase{'s' if others > 1 else ''}" if others else ""
    told = (
        f"{late:,} of {stream.due:,} arrivals ({stream.what}) waited for a free user of ours{longest}{gone}{as_well}: "
    )
    most = needed[stream.phase]
    if most is None:
        return f"{told}no user of theirs was free again, so more are needed than there were"
    users, rate, busy_s = most
    about = "at least" if None in needed.values() else "about"
    return f"{told}give them {about} {users:,} users, for {rate:.3g} arrivals a second that took {seconds(busy_s)} each"
