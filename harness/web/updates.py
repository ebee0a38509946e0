"""What the live page is sent: once a second what has changed in the live state, made once for all pages that look.

Server-sent events (HTML Living Standard, 9.2): the master pushes when a second is over, and a page that nobody has open
costs nothing. Around a herd's instant nothing is read and nothing sent, so that watching does not spread the release;
what happened then comes with the next update. A page that was away gets everything again. What a message holds is in
``messages.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import gevent
import msgspec
from gevent.queue import Empty, Full, Queue

from harness.live.phase_tally import NameFigures
from harness.run.run import Run
from harness.web.messages import Messages
from harness.web.status import Watch

AT_S = 0.9
"""So long after the end of a second it is sent: reports come about once a second."""
IDLE_S = 1.0
PIECE = 200
"""Points that are read at once; the master goes on between the pieces, which in the local runner makes load."""
NAMES_AT_ONCE = 10
MOST_UNREAD = 60
"""Updates of a page that does not read them: it is cut off, and begins anew."""
KEEP_ALIVE_S = 15.0


class Updates:
    """Of one session. ``secrets`` are those that no page may show."""

    def __init__(self, watch: Watch, secrets: Callable[[], Collection[str]]) -> None:
        self._watch = watch
        self._messages = Messages(secrets)
        self._pages: set[Queue[str | None]] = set()
        self._sender: gevent.Greenlet[[], None] | None = None
        self._run: Run | None = None
        self._stamp = 0
        self._names: dict[tuple[str, str], NameFigures] = {}
        """By phase and name, as they were sent last."""
        self._told = ""
        """The state that was sent last."""

    def stream(self) -> Iterator[str]:
        """For one page, until it goes away."""
        queue: Queue[str | None] = Queue(MOST_UNREAD)
        yield "retry: 1000\n\n"
        while (quiet_s := self._watch.quiet_s()) is not None:
            gevent.sleep(quiet_s)
        run = self._watch.run
        if self._sender is None or self._sender.ready():
            self._follow(run)
            self._sender = gevent.spawn(self._send)
        self._pages.add(queue)  # before the rest is read: what comes meanwhile is sent once more
        try:
            if run is not None:
                yield from self._whole(run)
            yield _event(self._messages.state(run, self._watch.status()))
            while True:
                try:
                    update = queue.get(timeout=KEEP_ALIVE_S)
                except Empty:
                    update = ": nothing new\n\n"
                if update is None:
                    return
                yield update
        finally:
            self._pages.discard(queue)

    def _follow(self, run: Run | None) -> None:
        """From now on only what is new of it; it may not wait for anything, or something would be in between."""
        self._run, self._names = run, {}
        self._messages.begin()
        self._stamp = 0 if run is None else run.live.series.seconds_since(0)[0]

    def _send(self) -> None:
        """As long as there are pages."""
        gevent.sleep(self._pause_s(self._run))
        while self._pages:
            run = self._watch.run
            if (quiet_s := self._watch.quiet_s()) is not None:
                self._put(_event({"kind": "quiet", "quiet_s": quiet_s}))
                gevent.sleep(quiet_s)
                continue
            if run is not self._run:
                self._follow(run)
                self._stamp = 0
                if run is not None:
                    self._put(_event(self._messages.plan(run)))
            update = "".join(map(_event, self._news(run))) if run is not None else ""
            gevent.sleep(0)
            state = _event(self._messages.state(run, self._watch.status()))
            update += state if state != self._told else _event({"kind": "beat"})
            self._told = state
            self._put(update)
            gevent.sleep(self._pause_s(run))

    def _pause_s(self, run: Run | None) -> float:
        """Until the next second of the run is over by ``AT_S``, and not into a time in which nothing is read."""
        elapsed_s = None if run is None or run.finished else run.elapsed_s()
        if elapsed_s is None or run is None:
            return IDLE_S
        pause_s = (AT_S - elapsed_s) % 1.0
        pause_s = pause_s if pause_s > 0.1 else pause_s + 1.0
        return min([pause_s, *(s for s in self._watch.quiet_begins_s(run) if s > 0)])

    def _put(self, update: str) -> None:
        for queue in tuple(self._pages):
            try:
                queue.put_nowait(update)
            except Full:
                self._pages.discard(queue)
                queue.queue.clear()
                queue.put_nowait(None)

    def _whole(self, run: Run) -> Iterator[str]:
        """All that is kept of a run, in pieces."""
        yield _event(self._messages.plan(run))
        series = run.live.series
        _, seconds = series.seconds_since(0)
        for begin in range(0, len(seconds), PIECE):
            yield _event(self._messages.points(run, [series.point(t) for t in seconds[begin : begin + PIECE]], []))
            gevent.sleep(0)
        for figure, subject in self._messages.figures(run):
            yield _event(self._messages.points(run, [], [(figure, subject, figure.changed_since(0))]))
            gevent.sleep(0)
        for tally in run.live.phases:
            names = tuple(tally.by_name)
            for begin in range(0, len(names), NAMES_AT_ONCE):
                rows = [(tally.phase.name, tally.figures_of(name)) for name in names[begin : begin + NAMES_AT_ONCE]]
                yield _event(self._messages.names(run, rows))
                gevent.sleep(0)

    def _news(self, run: Run) -> Iterator[dict[str, Any]]:
        """What has changed since the last update."""
        series, before = run.live.series, self._stamp
        self._stamp, seconds = series.seconds_since(before)
        looked_at = [(figure, subject, figure.changed_since(before)) for figure, subject in self._messages.figures(run)]
        figures = [each for each in looked_at if each[2]]
        if seconds or figures:
            yield self._messages.points(run, [series.point(t) for t in seconds], figures)
        if rows := self._news_of_names(run):
            yield self._messages.names(run, rows)

    def _news_of_names(self, run: Run) -> list[tuple[str, NameFigures]]:
        rows = []
        for tally in run.live.phases:
            for name in tuple(tally.by_name):
                each = tally.figures_of(name)
                if self._names.get((tally.phase.name, name)) is not each:
                    self._names[tally.phase.name, name] = each
                    rows.append((tally.phase.name, each))
                    if len(rows) % NAMES_AT_ONCE == 0:
                        gevent.sleep(0)
        return rows


def _event(message: dict[str, Any]) -> str:
    return f"data: {msgspec.json.encode(message).decode()}\n\n"
