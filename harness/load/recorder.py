"""The recorder: counts every request into one-second slices, keyed by its intended start.

This is the hot path: it runs once for each request of a load process, so it only counts. A slice is taken out as a
delta, again and again, and merging deltas is adding.
"""

from __future__ import annotations

import math
import time
from math import floor
from typing import Any
from weakref import WeakKeyDictionary

from gevent import getcurrent
from locust import User

from harness.analysis.answer_sizes import size_index
from harness.analysis.histogram import bucket_index
from harness.load.answers import Recorded, recorded
from harness.load.cell import Cell, merge, positive
from harness.load.outcomes import ExpectedStatuses
from harness.load.pacing import Start
from harness.load.traces import Trace, Traces
from harness.recording import Slice
from harness.recording.values import ITERATION, OK, OTHER_MEDIA_TYPES, OTHER_NAMES

MAX_SERIES = 500
"""Different methods, names, outcomes and statuses that are kept apart; a run that names each URL apart would fill the
memory. Those that are ok and the others have so many each, so that names without end cannot hide one that fails."""
MAX_MEDIA_TYPES = 10
"""Media types of each of these that are kept apart: the target may name new ones without end. They do not count against
``MAX_SERIES``, so that an error page in HTML for each name does not take the place of names.
"""

ROUNDING_S = 0.002
"""Clients that are not ours tell how long a request took, some of them in whole milliseconds."""

WARM_UP, WIND_DOWN, LOAD = "warm-up", "wind-down", "load"
Key = tuple[str, str, str, int, str, str, str]
"""Method, name, outcome, status, whether it is load, class of its user, and media type of an answer nobody checked."""
Series = tuple[str, str, str, int, str, str]
"""A key without its media type."""


class Recorder:
    """Listens to Locust's ``request`` event on one node. Times are on this node's monotonic clock."""

    def __init__(self) -> None:
        self.starts: dict[Any, Start] = {}
        """Greenlet → the start that its paced user is working on."""
        self._readying: WeakKeyDictionary[Any, tuple[float, float]] = WeakKeyDictionary()
        """Greenlet → from when to when its paced user last got ready to be started: what it sent then is warm-up."""
        self._winding_down_since_s = math.inf
        """From when on users do nothing but come to their end: what they send then is wind-down."""
        self._has_paced_users = False
        """Else nobody has to be looked for in these two, which for each request costs as much as to count it."""
        self.requests = 0
        """Requests that have ended, whatever their outcome."""
        self.last_ended_s: dict[Any, float] | None = None
        """Greenlet → when its last request ended, where that is all that is known of users: those without a pacer. Who
        reads it takes out those that are dead: weak references would cost more than all the rest of a request.
        """
        self.expected = ExpectedStatuses()
        """What counts as an answer to clients that are not ours."""
        self.traces: Traces | None = None
        self.by_class = False
        """Whether the classes of users are kept apart: where there are several."""
        self._class_of: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        """Greenlet → class of the user that it is of."""
        self._cells: dict[int, dict[Key, Cell]] = {}
        self._series: dict[bool, dict[Series, set[str]]] = {True: {}, False: {}}
        """Those that are ok, and those that are not, with the media types that are kept apart."""
        self._origin_s: float | None = None

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: BaseException | None = None,
        response: Any = None,
        sent_s: float | None = None,
        done_s: float | None = None,
        intended_s: float | None = None,
        trace: Trace | None = None,
        unchecked_bytes: int | None = None,
        # Of no use here; but what Python has to collect as the rest takes longer than all that is done with it.
        context: Any = None,  # noqa: ARG002
        start_time: Any = None,  # noqa: ARG002
        url: Any = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """One request has ended. Clients of ours give exact instants, and how long a body is that nobody has checked;
        for others the instants follow from the response time, and what a user has called a success is checked."""
        if done_s is None:
            done_s = time.monotonic()
        if sent_s is None:
            sent_s = done_s - (response_time or 0.0) / 1000
            found = recorded(exception, response, response_length or 0, self.expected)
        else:  # our own clients, and they alone, give the instant; they have looked at the status
            found = recorded(exception, response, unchecked_bytes)
        self.ended(request_type, name, found, response_length, sent_s, done_s, intended_s, trace)

    def ended(
        self,
        method: str,
        name: str,
        found: Recorded,
        length_bytes: int,
        sent_s: float,
        done_s: float,
        intended_s: float | None,
        trace: Trace | None,
    ) -> None:
        """Counts one request. The first request of a paced iteration was intended when the pacer said so, any other
        when it was sent, unless its client says when. All requests of an iteration that a gate has released count in
        the second of the gate: they are what the herd did."""
        outcome, status, media_type, unchecked_bytes = found
        start, kind = None, LOAD
        if sent_s >= self._winding_down_since_s:
            kind = WIND_DOWN
        elif done_s >= self._winding_down_since_s:
            return  # it has been counted as unfinished
        elif intended_s is None and (self.starts or self._has_paced_users):
            start, kind = self._sent_for(sent_s)
        if intended_s is None:
            intended_s = sent_s
        origin_s = self._origin_s
        second = floor(intended_s if origin_s is None else intended_s - origin_s)
        begins = False
        if start is not None:
            if not start.answered:
                begins = start.answered = True
                intended_s = start.intended_s
                if start.release is not None and start.sent_s is None:
                    start.release.user_sent(sent_s)
            if begins or start.release is not None:
                second = floor(start.t)
        if start is not None and outcome is not OK:
            start.failed = True
        user_class = self.class_of(getcurrent()) if self.by_class else ""
        key = (method, name, outcome, status, kind, user_class, media_type)
        of_second = self._cells.get(second)
        cell = None if of_second is None else of_second.get(key)
        if cell is None:
            cell = self._cell(second, key)
        cell.count += 1
        if begins:
            cell.starts += 1
        self.requests += 1
        if self.last_ended_s is not None:
            self.last_ended_s[getcurrent()] = done_s
        if length_bytes:
            cell.bytes += int(length_bytes)
        if outcome is OK and unchecked_bytes is not None:
            size = size_index(int(unchecked_bytes))
            cell.sizes[size] = cell.sizes.get(size, 0) + 1
        latency = bucket_index(int((done_s - intended_s) * 1e6))
        counts = cell.latency
        counts[latency] = counts.get(latency, 0) + 1
        if cell.service is not None or sent_s != intended_s:
            if cell.service is None:
                cell.service = {**counts}
                cell.service[latency] -= 1
            service = bucket_index(int((done_s - sent_s) * 1e6))
            cell.service[service] = cell.service.get(service, 0) + 1
        if trace is not None and self.traces is not None and kind is LOAD and origin_s is not None:
            self.traces.ended(trace, intended_s - origin_s, f"{method} {name}", outcome, done_s - intended_s, sent_s)

    def gets_ready(self, user: Any) -> None:
        """The user gets ready to be started, for the first time or again; until :meth:`is_ready`."""
        self._has_paced_users = True
        self._readying[user] = (time.monotonic(), math.inf)

    def is_ready(self, user: Any) -> None:
        self._has_paced_users = True
        since_s, _ = self._readying.get(user, (math.inf, 0.0))
        self._readying[user] = (since_s, time.monotonic())

    def is_load(self, sent_s: float) -> bool:
        """Whether what the calling greenlet sent then is load, and not something with which its user got ready."""
        return self._sent_for(sent_s)[1] == LOAD and sent_s < self._winding_down_since_s

    def second_of(self, sent_s: float) -> int | None:
        """In which second of the run a request that the calling greenlet sends then counts, unless it is the first one
        of an iteration. None where it is no load, or the run has not begun.
        """
        start, kind = self._sent_for(sent_s)
        if self._origin_s is None or kind != LOAD or sent_s >= self._winding_down_since_s:
            return None
        return int((start.t if start is not None and start.release is not None else sent_s - self._origin_s) // 1)

    def wind_down(self) -> None:
        """The account of the load is closed: all that was without an answer has been counted."""
        self._winding_down_since_s = time.monotonic()

    def _sent_for(self, sent_s: float) -> tuple[Start | None, str]:
        """The start for which a request was sent, by the calling greenlet or for the user that spawned it (a task may
        send several at a time), and whether it is load. An answer may come when its user has gone on to something
        else: what a spawned greenlet sent before the start is not for it.
        """
        if not self.starts and not self._readying:
            return None, LOAD
        current: Any = getcurrent()
        greenlet = current
        while greenlet is not None:
            start = self.starts.get(greenlet)
            if start is not None and (greenlet is current or sent_s >= start.began_s - ROUNDING_S):
                return start, LOAD
            if (readying := self._readying.get(greenlet)) is not None:
                since_s, until_s = readying
                return None, WARM_UP if since_s - ROUNDING_S <= sent_s < until_s else LOAD
            if start is not None:
                return None, LOAD
            spawner = getattr(greenlet, "spawning_greenlet", None)
            greenlet = spawner() if spawner is not None else None
        return None, LOAD

    def class_of(self, greenlet: Any) -> str:
        """Class of the user that it is of, or that has spawned it; empty where there is none, or one class alone."""
        if not self.by_class:
            return ""
        known = self._class_of.get(greenlet)
        if known is None:
            known, each = "", greenlet
            while each is not None and not known:
                # So Locust itself finds the user of a greenlet.
                user = next(iter(getattr(each, "args", ())), None)
                known = type(user).__name__ if isinstance(user, User) else ""
                spawner = getattr(each, "spawning_greenlet", None)
                each = spawner() if spawner is not None else None
            self._class_of[greenlet] = known
        return known

    def without_answer(
        self, t: int, name: str, outcome: str, begins: bool = True, count: int = 1, user_class: str | None = None
    ) -> None:
        """Counts ``count`` of what should have begun in second ``t`` and has no latency: ``unfinished``, ``unserved`` …

        ``begins``: it is the first of an iteration, which no request before it has been counted for. ``user_class``:
        whose it is; None: of the calling greenlet.
        """
        of = self.class_of(getcurrent()) if user_class is None else user_class
        cell = self._cell(t, ("", name or ITERATION, outcome, 0, LOAD, of, ""))
        cell.count += count
        cell.starts += begins * count

    def begin(self, origin_s: float) -> None:
        """The instant of t = 0 is known. What was counted before belongs to the warm-up, whatever its second."""
        early, self._cells = self._cells, {}
        self._origin_s = origin_s
        for second, cells in early.items():
            # Keyed by whole seconds of the clock so far: moved to the second of the run that holds its middle.
            t = int(min((second + 0.5 - origin_s) // 1, -1))
            for key, cell in cells.items():
                merge(self._cells.setdefault(t, {}).setdefault(key, Cell()), cell)

    def drain(self, node: str) -> list[Slice]:
        """Takes out what was counted since the last call, as slices. Empty until the origin is known."""
        if self._origin_s is None:
            return []
        cells, self._cells = self._cells, {}
        return [
            Slice(
                t=t,
                node=node,
                name=f"{method} {name}".strip(),
                outcome=outcome,
                count=cell.count,
                bytes=cell.bytes,
                latency=cell.latency,
                starts=cell.starts,
                service=None if cell.service is None else positive(cell.service),
                status=status,
                warm_up=kind == WARM_UP,
                wind_down=kind == WIND_DOWN,
                user_class=user_class,
                sizes=cell.sizes if outcome == OK else None,
                media_type=media_type,
            )
            for t, of_second in sorted(cells.items())
            for (method, name, outcome, status, kind, user_class, media_type), cell in of_second.items()
        ]

    def _cell(self, second: int, key: Key) -> Cell:
        of_second = self._cells.get(second)
        if of_second is None:
            of_second = self._cells[second] = {}
        cell = of_second.get(key)
        if cell is None:
            *_, media_type = key
            known, series = self._series[key[2] == OK], key[:6]
            if series not in known and len(known) >= MAX_SERIES:
                series = (key[0], OTHER_NAMES, *key[2:6])
            media_types = known.setdefault(series, set())
            if media_type not in media_types and len(media_types) >= MAX_MEDIA_TYPES:
                media_type = OTHER_MEDIA_TYPES
            else:
                media_types.add(media_type)
            cell = of_second.setdefault((*series, media_type), Cell())
        return cell
