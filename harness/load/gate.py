"""The gate: releases a herd of parked users at one instant (a rendezvous).

The gate sends and the users read. While parked, each user hands over its connected socket with the request
prepared on it; at the instant the gate writes them all in one tight loop, then wakes the users. Waking users that
send for themselves takes two to four times as long, because each wake-up runs the user's whole path to its send.
Nearly all of a write is the kernel's work, for which Python lets other threads go on: so two share the loop, where
there is a core for each.
Where connections are to be opened at the instant, the gate begins them all and then sends on those that are there.
Users without such a connection (stock HttpUser and the like) are woken in the same loop and do send for themselves.
"""

from __future__ import annotations

import gc
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import gevent
from gevent.monkey import get_original

from harness.load.clock import Clock
from harness.load.machine_reader import usable_cores
from harness.load.pacing import Slot, Start
from harness.load.turns import end_long_turn
from harness.recording_marks import GateMark, gate_stream
from shapes._profile import Herd

CHECK_INTERVAL_S = 0.5
"""How often connections that the other side has closed are looked for; their users connect again."""
LAST_CHECK_S = 0.25
"""No reconnection is started later than this before the instant."""
LAST_RENEWAL_S = 1.0
"""No user whose token runs out leaves the gate later than this before the instant."""
TIMER_SLACK_S = 0.003
"""A timer of the event loop can fire a millisecond or two late, so the last stretch is slept outside of it …"""
SPIN_S = 0.0002
"""… and only the very last one is spent looking at the clock: who has just slept is not the next to be preempted."""

_sleep_outside_loop = get_original("time", "sleep")
_start_thread = get_original("_thread", "start_new_thread")


class Gate:
    """Holds one node's part of the herds. Re-armable: users released at one herd may come back for the next."""

    def __init__(
        self,
        herds: Iterable[Herd],
        users: Mapping[str, int],
        origin_s: float,
        clock: Clock,
        report: Callable[[GateMark], None],
        note_due: Callable[[Herd, Mapping[str, int]], None] = lambda *_: None,
    ) -> None:
        """``users`` of each class wait for its herds. ``note_due`` hears of each herd, and of whom it is, when it is
        due.
        """
        self._herds = deque(sorted(herds, key=lambda herd: herd.t))
        self._users = users
        self._origin_s = origin_s
        self._clock = clock
        self._report = report
        self._note_due = note_due
        self._slots: dict[Slot, None] = {}
        self._latest: Release | None = None

    def park(self, slot: Slot) -> None:
        self._slots[slot] = None

    def remove(self, slot: Slot) -> None:
        self._slots.pop(slot, None)

    def has_starts_left(self, kind: str) -> bool:
        """Whether a herd is still to come, so that it is worth keeping connections open."""
        return any(_is_of(herd, kind) for herd in self._herds)

    @property
    def is_about_to_release(self) -> bool:
        """Whether the next herd is so near that who leaves now might miss it."""
        if not self._herds:
            return False
        return self._clock.to_local(self._origin_s + self._herds[0].t) - time.monotonic() <= LAST_RENEWAL_S

    def run(self) -> None:
        while self._herds:
            herd = self._herds[0]
            self._wait_for(self._origin_s + herd.t)
            held = {kind: users for kind, users in self._users.items() if _is_of(herd, kind)}
            release = Release(herd, sum(held.values()), self._clock.to_local(self._origin_s + herd.t))
            stream = gate_stream(herd.name)
            # All that can be done before the instant is: whatever is done for each of thousands while they are sent
            # keeps the last of them waiting. So would a collection of garbage, for tens of milliseconds.
            sends = [_Send(Start(herd.t, release.instant_s, release, stream)) for _ in range(release.planned)]
            gc.collect()
            gevent.sleep(max(0.0, release.instant_s - time.monotonic() - TIMER_SLACK_S))
            self.report_release()
            self._latest = release
            slots = [slot for slot in self._slots if slot.kind in held]
            self._herds.popleft()
            self._release_users(release, list(zip(slots, sends, strict=False)))
            self._note_due(herd, held)
            if release.complete:
                self.report_release()

    def report_release(self) -> None:
        """Reports the latest release, with the sends known so far. Users who send for themselves need time for it."""
        if self._latest is not None:
            self._report(self._latest.mark(self._clock))
            self._latest = None

    def _wait_for(self, instant_master_s: float) -> None:
        """Sleeps until a moment before the instant, sending users with dead connections back for fresh ones."""
        while True:
            left_s = self._clock.to_local(instant_master_s) - time.monotonic()
            if left_s <= LAST_CHECK_S:
                break
            gevent.sleep(min(CHECK_INTERVAL_S, left_s - LAST_CHECK_S))
            if left_s > LAST_CHECK_S:
                for slot in [slot for slot in self._slots if slot.connection and not slot.connection.is_alive()]:
                    self.remove(slot)
                    slot.woken.set()

    def _release_users(self, release: Release, users: Sequence[tuple[Slot, _Send]]) -> None:
        collecting = gc.isenabled()
        gc.disable()
        try:
            with _realtime_scheduling():
                self._send(release, users)
                end_long_turn()  # all of the herd is on its way; of ten thousand that was a quarter of a second
                for slot, _ in users:
                    if slot.connection is not None:
                        slot.connection.continue_request()
                for slot, _ in users:
                    self.remove(slot)
                    slot.woken.set()
        finally:
            if collecting:
                gc.enable()

    def _send(self, release: Release, users: Sequence[tuple[Slot, _Send]]) -> None:
        sends = []
        for slot, send in users:
            if slot.connection is not None:
                send.begin = slot.connection.begin
                sends.append(send)
        _SendsAtOnce(sends, release.instant_s).make()
        for slot, send in users:
            slot.start = send.start
            if slot.connection is not None and slot.connection.note_begun(send.outcome):
                send.start.sent_s = send.sent_s
                release.user_sent(send.sent_s)


class _Send:
    """Of one user: nothing of Python is left to do at the instant that could be done before or afterwards."""

    __slots__ = ("begin", "outcome", "sent_s", "start")
    begin: Callable[[], int]
    """As in :class:`GateConnection`, of one that has a connection."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.outcome: int | None = None
        """As in :meth:`GateConnection.note_begun`."""
        self.sent_s = 0.0


class _SendsAtOnce:
    """Made by two threads, each of which takes what is next, where there are cores for both."""

    def __init__(self, sends: Iterable[_Send], instant_s: float) -> None:
        self._left = iter(sends)
        self._instant_s = instant_s
        self._second_is_sending = False

    def make(self) -> None:
        """Returns when all are made. Gives no other greenlet a turn."""
        if usable_cores() > 1:
            # Where the system gives no thread any more, one does it. One that comes too late finds nothing left.
            with suppress(RuntimeError):
                _start_thread(self._make_beside, ())
        self._make_some()
        while self._second_is_sending:  # its last one
            _sleep_outside_loop(SPIN_S)

    def _make_beside(self) -> None:
        with _realtime_scheduling():
            self._second_is_sending = True
            try:
                self._make_some()
            finally:
                self._second_is_sending = False

    def _make_some(self) -> None:
        _sleep_outside_loop(max(0.0, self._instant_s - time.monotonic() - SPIN_S))
        while time.monotonic() < self._instant_s:
            pass
        for send in self._left:
            try:
                send.outcome = send.begin()
            except OSError:
                continue
            send.sent_s = time.monotonic()


def _is_of(herd: Herd, kind: str) -> bool:
    return not herd.classes or kind in herd.classes


@contextmanager
def _realtime_scheduling() -> Iterator[None]:
    """Puts this thread in the real-time class for the few milliseconds of a release, where that is permitted.

    With the target on the same machine, its processes wake with the first requests and would take the core away
    from the rest of the herd.
    """
    try:
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (AttributeError, OSError):
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


class Release:
    """One opening of the gate: when each of its users sent."""

    def __init__(self, herd: Herd, planned: int, instant_s: float) -> None:
        self.herd = herd
        self.planned = planned
        self.instant_s = instant_s
        self._sent_us: list[int] = []

    def user_sent(self, sent_s: float) -> None:
        self._sent_us.append(round((sent_s - self.instant_s) * 1e6))

    @property
    def complete(self) -> bool:
        return len(self._sent_us) >= self.planned

    def mark(self, clock: Clock) -> GateMark:
        return GateMark(
            t=self.herd.t,
            node="",
            gate=self.herd.name,
            planned=self.planned,
            sent_us=tuple(self._sent_us),
            clock_uncertainty_s=clock.uncertainty_s(),
        )
