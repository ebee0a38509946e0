"""A node: what one load process does in one run.

It collects parked users until the plan arrives, deals them out to the pacers, counts starts that never came to an
answer, and drains itself after the last phase. It knows nothing of messages: whoever owns it hands it the plan and
takes its reports.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent import getcurrent
from gevent.event import Event

from harness.load.active import ActiveUsers
from harness.load.arrivals import Arrivals
from harness.load.attempts import Attempts
from harness.load.clock import Clock
from harness.load.gate import LAST_RENEWAL_S, Gate
from harness.load.iterations import Iterations
from harness.load.mix import interleaved, rotated
from harness.load.newcomers import Newcomers
from harness.load.pacing import Pacer, Slot, Start
from harness.load.recorder import Recorder
from harness.load.request_log import RequestLog
from harness.load.run_plan import Load, Plan
from harness.load.schedule import active_changes, due_times
from harness.load.spawned import SpawnedRequests
from harness.load.streams import Streams
from harness.load.user_exceptions import UserExceptions
from harness.load.users.csv_rows import RowDealer
from harness.recording import Operation
from harness.recording.marks import ARRIVALS, GateMark, gate_stream
from harness.recording.values import INTERRUPTED, UNFINISHED, UNSERVED, USER_EXCEPTION
from shapes._profile import USERS, Herd, places

DRAIN_CHECK_S = 0.05


class Node:
    """State of one load process in one run. It is number ``index`` of ``nodes``, which serves to number the users."""

    def __init__(self, run: str, clock: Clock, index: int = 0, nodes: int = 1) -> None:
        self.run = run
        self.clock = clock
        self.recorder = Recorder()
        self.request_log: RequestLog | None = None
        self.exceptions = UserExceptions(self.iteration_raised)
        self.plan: Plan | None = None
        self.gate_marks: list[GateMark] = []
        self.operations: list[Operation] = []
        self.streams = Streams()
        self.attempts = Attempts()
        self.iterations = Iterations(self.recorder, self.streams)
        self.spawned = SpawnedRequests()
        self._local_origin_s = 0.0
        self.cut_off = set[str]()
        """Classes of users of which an ``on_stop`` has not come to its end since this was reported last."""
        self.unfinished = 0
        self.stop_draining = False
        """Set to end the wait for answers at once."""
        self.ending = False
        """Whether the node drains: iterations that would go on have to come to an end now."""
        self.on_ending: list[Callable[[], None]] = []
        """Called from the event loop when the node begins to drain."""
        self.index = index
        self.nodes = nodes
        self._numbered = Counter[str]()
        self._planned = Event()
        self.deal_row: Callable[[str, str], int] = RowDealer().deal
        """Of a file of rows, by its option and its digest; the owner's, where it is one node of several."""
        self.connect_early: bool | None = None
        """Whether parked users hold a connection open; None: as they say."""
        self._parked_before_plan: dict[Any, str] = {}
        """Greenlet of a user → its class."""
        self._seen_before_plan: dict[Any, str] = {}
        """The same, with those who have been parked and get ready again."""
        self._pacer_of: dict[Any, tuple[Pacer, str]] = {}
        """Greenlet of a user → what starts it, and its class."""
        self._pacers: dict[str, Arrivals | ActiveUsers] = {}
        """By class; "": of all classes that have none of their own."""
        self._newcomers = Newcomers()
        self._gate: Gate | None = None
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    # What users call, each from its own greenlet

    def number_user(self, kind: str = "") -> int:
        """The next user's number, of all or of a class; nodes count interleaved, so that no two users of a run share
        one.
        """
        self._numbered[kind] += 1
        return self.index + (self._numbered[kind] - 1) * self.nodes

    def park(self, slot: Slot) -> Start | None:
        """Blocks the calling user until it is released; None means: get ready afresh and park again."""
        user = getcurrent()
        self.recorder.is_ready(user)
        if slot.until_s <= time.monotonic():
            slot.until_s = math.inf  # what does not even last until it parks would have it get ready for ever
        start = self._park(user, slot)
        if start is None:
            self.recorder.gets_ready(user)
        return start

    def _park(self, user: Any, slot: Slot) -> Start | None:
        if self.plan is None:
            self._parked_before_plan[user] = self._seen_before_plan[user] = slot.kind
            try:
                self._planned.wait(_left_s(slot))
            finally:
                self._parked_before_plan.pop(user, None)
            if self.plan is None:
                return None
            if slot.connection is not None and not slot.connection.is_alive():
                return None
        pacer, kind = self._pacer_of.get(user) or self._assign(user, slot.kind)
        self.iterations.note_free(user)
        parked_at_s = time.monotonic()
        pacer.park(slot)
        try:
            while not (slot.woken.wait(_left_s(slot)) or slot.woken.is_set()):
                # Shortly before its herd a user stays where it is: getting ready it would miss the gate.
                if pacer is self._gate and self._gate.is_about_to_release:
                    slot.until_s = time.monotonic() + LAST_RENEWAL_S
                    continue
                pacer.remove(slot)
                return None
        except BaseException:
            pacer.remove(slot)
            if slot.start is not None:  # it was woken, and stopped before it had its turn
                self.recorder.without_answer(int(slot.start.t // 1), "", INTERRUPTED)
            raise
        self._newcomers.note_started(pacer, kind, time.monotonic() - parked_at_s)
        return slot.start

    def iteration_raised(self) -> None:
        """The calling user's task has raised. A user without a pacer has no iteration that could say so later."""
        if not self.iterations.fail() and self.plan is not None and not self.plan.paced:
            self.recorder.without_answer(int((self.elapsed_s() or 0.0) // 1), "", USER_EXCEPTION, begins=False)

    @property
    def stays_connected(self) -> bool:
        """Whether the calling user may be started again, so that it should park with an open connection."""
        pacer, kind = self._pacer_here()
        return pacer is None or pacer.has_starts_left(kind)

    def connects_anew_in_s(self) -> float | None:
        """In how many seconds the calling user, which parks, is to connect anew, if it is one of the newcomers; the run
        has none where it says how all connect.
        """
        return None if self.connect_early is not None else self._newcomers.connects_in_s(*self._pacer_here())

    # What the owner calls

    @property
    def parked(self) -> int:
        """Users that are ready and wait for the plan."""
        return len(self._parked_before_plan)

    def set_connect_early(self, connect_early: bool | None) -> None:
        """Before the plan: everybody gets ready afresh, with an open connection or without."""
        if connect_early is self.connect_early:
            return
        self.connect_early = connect_early
        self._parked_before_plan.clear()
        waiting, self._planned = self._planned, Event()
        waiting.set()

    def begin(self, plan: Plan) -> None:
        """Takes the plan and sets the pacers going. Gate and pacer get users of each class by its share."""
        if self.plan is not None:
            return
        self.plan = plan
        self._local_origin_s = self.clock.to_local(plan.origin_s)
        self.recorder.begin(self._local_origin_s)
        if not plan.paced:
            self.recorder.last_ended_s = {}
            return
        held = Counter[str]()
        self._gate = Gate(plan.herds, held, plan.origin_s, self.clock, self.gate_marks.append, self._note_herd)
        for place, load in zip(places(plan.loads), plan.loads, strict=True):
            self._deal_out(plan, load, place, held)
        self._seen_before_plan.clear()
        self._planned.set()
        # The pacers begin in a later turn of the loop, when the users have taken their slots.
        self._greenlets = [gevent.spawn(pacer.run) for pacer in (*self._pacers.values(), self._gate)]

    def _deal_out(self, plan: Plan, load: Load, place: tuple[int, int], held: Counter[str]) -> None:
        """The users of a load, to a pacer of its own and to the gate, where they are ``held``."""
        assert self._gate is not None
        of_all = not load.user_class
        seen = {user: kind for user, kind in self._seen_before_plan.items() if not user.dead}
        kind_of = {user: kind for user, kind in seen.items() if of_all or kind == load.user_class}
        users = interleaved(kind_of)
        herd_users = max(0, len(users) - plan.own_background_users(load)) if plan.has_herd(load) else 0
        kinds = [kind_of[user] for user in users[herd_users:]] or [load.user_class]
        pacer = self._pacers[load.user_class] = self._pacer_for(plan, load, place, kinds)
        if plan.has_herd(load):
            self._newcomers.come_to(pacer)
        for user in users[:herd_users]:
            self._pacer_of[user] = self._gate, kind_of[user]
            held[kind_of[user]] += 1

    def elapsed_s(self) -> float | None:
        """Seconds after the origin, None before the plan is here."""
        return None if self.plan is None else self.t_of(time.monotonic())

    def t_of(self, local_s: float) -> float:
        """Seconds after the origin of an instant on this node's clock. The plan must be here."""
        assert self.plan is not None
        return self.clock.to_master(local_s) - self.plan.origin_s

    def attempt_ended(self, sent_s: float, done_s: float, name: str, outcome: str) -> None:
        """One attempt of a request that may be tried again; those with which users got ready are not counted."""
        if self.plan is not None and (t := self.t_of(sent_s)) >= 0 and self.recorder.is_load(sent_s):
            self.attempts.ended(t, name, outcome, done_s - sent_s)

    def instant_s(self, t: float) -> float:
        """On this node's clock, ``t`` seconds after the origin, by the offset of the run's beginning: exactly that many
        seconds after the instant from which the recorder counts. The plan must be here.
        """
        return self._local_origin_s + t

    def operation_t(self, local_s: float) -> float:
        """As :meth:`t_of`, but with the offset of the run's beginning: a better one, found in mid-run, would shift what
        comes after it against what came before, and the order of a node's own operations has to be exact.
        """
        return round(local_s - self._local_origin_s, 7)

    def operation_uncertainty_s(self) -> float:
        """Bound of the error of :meth:`operation_t` against the master's clock, by the best offset known now."""
        if self.plan is None:
            return 0.0
        shift_s = self.clock.to_local(self.plan.origin_s) - self._local_origin_s
        return self.clock.uncertainty_s() + abs(shift_s)

    def active_users(self) -> int | None:
        """None where they do not set the pace."""
        pacers = [pacer for pacer in self._pacers.values() if isinstance(pacer, ActiveUsers)]
        return sum(pacer.active for pacer in pacers) if pacers else None

    def unanswered(self) -> Counter[tuple[int, str, str, bool, str]]:
        """Starts that have no answer yet, and arrivals that have no user: (second, name, outcome, whether it is the
        first request of its iteration, class of user as in a slice) → number.
        """
        recorder = self.recorder
        waiting = Counter(
            (int(start.t // 1), start.name, UNFINISHED, not start.answered, recorder.class_of(user))
            for user, start in recorder.starts.items()
        )
        for (t, kind), count in self._unserved().items():
            waiting[t, "", UNSERVED, True, kind if recorder.by_class else ""] += count
        waiting += self.spawned.unanswered()
        return waiting

    def drain(self, still_answering: bool = True) -> None:
        """Stops the pacers, waits up to ``plan.drain_s`` for answers that are out, then settles the accounts."""
        gevent.killall(self._greenlets)
        if not self.ending:
            self.ending = True
            gevent.get_hub().loop.run_callback(self._notify_ending)
        for pacer in self._pacers.values():
            pacer.stop(self.elapsed_s() or 0.0)
        gevent.sleep(0)  # who was woken this very moment takes its start …
        gevent.sleep(0)  # … and sends, for which Locust's users wait another turn of the loop
        if self.plan is not None and still_answering:
            deadline_s = time.monotonic() + self.plan.drain_s
            starts = self.recorder.starts  # of iterations that are not over, also when their first request is
            while (starts or self.spawned.out or self._unserved()) and not self.stop_draining:
                if time.monotonic() >= deadline_s:
                    break
                gevent.sleep(DRAIN_CHECK_S)
        self.iterations.note_all_free()
        if self._gate is not None:
            self._gate.report_release()
        for (t, name, outcome, begins, kind), count in self.unanswered().items():
            self.recorder.without_answer(t, name, outcome, begins, count, kind)
        self.unfinished += len(self.recorder.starts) + self.spawned.out
        self.recorder.starts.clear()
        self.spawned = SpawnedRequests()
        for pacer in self._pacers.values():
            pacer.clear()

    def _notify_ending(self) -> None:
        for listener in self.on_ending:
            listener()

    def _pacer_for(self, plan: Plan, load: Load, place: tuple[int, int], kinds: list[str]) -> Arrivals | ActiveUsers:
        """``kinds`` of the users that it serves, in their order."""
        if plan.pacing == USERS:
            changes = active_changes(load.level, plan.share, plan.shares)
            return ActiveUsers(changes, plan.origin_s, self.clock, kinds)
        due = due_times(load.level, plan.share, plan.shares, plan.seed, place)
        order = rotated(kinds, plan.share, plan.shares)
        return Arrivals(due, plan.origin_s, self.clock, order, lambda t, kind: self.streams.due(t, ARRIVALS, kind))

    def _pacer_here(self) -> tuple[Pacer | None, str]:
        """Of the calling user; None before it has one."""
        return self._pacer_of.get(getcurrent(), (None, ""))

    def _note_herd(self, herd: Herd, held: Mapping[str, int]) -> None:
        for kind, count in held.items():
            self.streams.due(herd.t, gate_stream(herd.name), kind, count)

    def _assign(self, user: Any, kind: str) -> tuple[Pacer, str]:
        """begin() has run: the plan is here."""
        pacer = self._pacers.get(kind) or self._pacers[""]
        self._pacer_of[user] = pacer, kind
        return pacer, kind

    def _unserved(self) -> Counter[tuple[int, str]]:
        return sum((pacer.unserved() for pacer in self._pacers.values()), Counter[tuple[int, str]]())


def _left_s(slot: Slot) -> float | None:
    """For how long what its user has made ready holds; None: for ever."""
    return None if slot.until_s == math.inf else max(0.0, slot.until_s - time.monotonic())
