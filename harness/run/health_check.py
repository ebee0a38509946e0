"""Is the target there? Asked before the load, because a run against nothing is not a failing target, and after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from harness.clients.address import url_problems
from harness.clients.http_get import Answer, Deadline, NoAnswerError, connect, endpoint, get
from harness.recording.marks import HealthMark

LIMIT_BYTES = 1_000_000
ANSWER_S = 2.0
"""Whoever has not answered a request on a connection of its own by then does not answer."""
AGAIN_S = 0.2
TLS_FAILED = "TLS failed"
"""Begins the cause where there was a connection and no session."""
IN_A_ROW, SERIES_S = 20, 5.0
"""So many requests, each on a connection of its own, are answered one after another by a target that has come back; or
as many as are in so long. Where one of three connections is taken, and users who stay connected see nothing of it, a
single request is answered soon. With each series that fails after a good answer as many more are wanted, and it may
take as much longer: by chance one of many series is good.
"""
MOST_IN_A_ROW = 100
"""So that the last series ends: by chance hardly any is good of a target that fails one request in twenty (0.6 %)."""
PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.2
"""From one request to the next, once a series has failed: a proxy that limits how often one may ask (nginx says 503 to
who asks more often) is none that is away. Twice as long with each such series, up to the second.
"""
WATCH_S = 1.0
FRONT_PAGE = "GET / on a new connection"
TOO_MANY_REQUESTS = 429
Ask = Callable[[], tuple[bool, str]]
"""Asks once: whether it was answered well, and what came, in words."""


@dataclass(frozen=True)
class HealthResult:
    check: str
    """What was asked: ``GET /readyz``, or ``TCP 127.0.0.1:8000``."""
    ok: bool
    detail: str
    """What came: ``200 OK in 3 ms``, or the cause in words. Never a body, a header or a query."""


def check(url: str, timeout_s: float = 5.0) -> HealthResult:
    """Asks ``url`` once: GET of its path, or only a TCP connection where it has no path.

    Healthy is a status from 200 to 299. A redirect is not: what it points to was not asked. Never raises for
    a target that is away, and returns within about ``timeout_s``. Waits cooperatively under gevent.
    """
    problems = url_problems(url)
    if problems:
        return HealthResult("address", False, "; ".join(problems))
    parts = urlsplit(url)
    what = f"GET {parts.path}" if parts.path else f"TCP {parts.netloc.rpartition('@')[2]}"
    began_s = time.monotonic()
    try:
        if not parts.path:
            host, port, _ = endpoint(url)
            connect(host, port, False, Deadline(timeout_s)).close()
            return HealthResult(what, True, f"connected in {_elapsed_ms(began_s)}")
        answer = get(url, timeout_s, LIMIT_BYTES)
    except NoAnswerError as error:
        return HealthResult(what, False, str(error))
    status = f"HTTP {answer.status} {answer.reason}".rstrip()
    if 200 <= answer.status < 300:
        return HealthResult(what, True, f"{status} in {_elapsed_ms(began_s)}")
    if 300 <= answer.status < 400:
        return HealthResult(what, False, f"{status}: redirects to {answer.location or 'nowhere'}, not followed")
    return HealthResult(what, False, status)


def wait_until_healthy(url: str, within_s: float, timeout_s: float = 5.0) -> HealthResult:
    """Asks every 0.2 s until the target is healthy; the last answer when it was not within ``within_s``.

    0: asks once, and waits up to ``timeout_s`` for the answer.
    """
    end_s = time.monotonic() + within_s
    while True:
        left_s = end_s - time.monotonic() if within_s else timeout_s
        result = check(url, max(0.1, min(timeout_s, left_s)))
        if result.ok or time.monotonic() + AGAIN_S >= end_s:
            return result
        time.sleep(AGAIN_S)


class TargetHealth:
    """The health checks of one run. ``mark`` records each.

    Where there is no health path only a port is tried, and that answers also when nobody accepts any more, or whoever
    accepts has nothing but errors. So the front page is asked as well, before and after, and the answers are compared:
    what it says is the target's own business, but after the load it must not be worse.
    """

    def __init__(
        self, host: str, path: str, timeout_s: float, mark: Callable[[HealthMark], None], verified: bool = False
    ) -> None:
        """``verified``: users verify certificates, as this does, so where it gets no session they get none."""
        self.path = path
        self._verified = verified
        self._host = host.rstrip("/")
        self._timeout_s = timeout_s
        self._mark = mark
        self._status_before: int | None = None
        self._wanted_in_a_row = 1
        """``IN_A_ROW`` where as many were answered before the load."""

    def check_before(self, within_s: float) -> HealthResult:
        result = self._check("before", within_s)
        if not result.ok:
            return result
        if self.path:
            self._see_how_steady(self._healthy)
        elif (answer := self._front_page()) is not None:
            self._status_before = answer.status
            self._mark(HealthMark(0, "before", FRONT_PAGE, True, f"HTTP {answer.status}"))
            self._see_how_steady(self._as_before)
        elif failure := self._tls_failure():
            result = HealthResult(FRONT_PAGE, False, failure)
            self._mark(HealthMark(0, "before", FRONT_PAGE, False, failure))
        return result

    def _tls_failure(self) -> str:
        if self._verified and urlsplit(self._host).scheme == "https":
            try:
                get(f"{self._host}/", ANSWER_S, LIMIT_BYTES)
            except NoAnswerError as error:
                return str(error) if str(error).startswith(TLS_FAILED) else ""
        return ""

    def check_after(self, within_s: float) -> None:
        deadline_s = time.monotonic() + within_s
        if not self._check("after", within_s).ok:
            return
        if self.path:
            self._ask_in_a_row(f"GET {self.path} on a new connection", self._healthy, deadline_s)
        elif self._status_before is not None:
            self._ask_in_a_row(FRONT_PAGE, self._as_before, deadline_s)

    def watch(self, note: Callable[[float, HealthResult], None]) -> NoReturn:
        """Asks once a second, and tells when it began to (on the monotonic clock) and what came."""
        while True:
            began_s = time.monotonic()
            note(began_s, check(self._host + self.path, min(self._timeout_s, ANSWER_S)))
            time.sleep(max(0.0, began_s + WATCH_S - time.monotonic()))

    def answered_anew_in_s(self) -> float | None:
        """How long a request on a connection of its own waits for its answer, whatever that is; None: over
        ``ANSWER_S``, or the target is none to be asked by HTTP.
        """
        began_s = time.monotonic()
        return None if self._ask(self.path or "/") is None else time.monotonic() - began_s

    def _check(self, when: str, within_s: float) -> HealthResult:
        result = wait_until_healthy(self._host + self.path, within_s, self._timeout_s)
        self._mark(HealthMark(0, when, result.check, result.ok, result.detail))
        return result

    def _see_how_steady(self, ask: Ask) -> None:
        """After the load no more is wanted of it: what refuses some connections at any time has not become worse."""
        if _series(ask, IN_A_ROW).ok:
            self._wanted_in_a_row = IN_A_ROW

    def _ask_in_a_row(self, what: str, ask: Ask, deadline_s: float) -> None:
        """Series that begin by then, until one is good."""
        wanted, good, failed, pause_s = self._wanted_in_a_row, 0, 0, 0.0
        while not (series := _series(ask, wanted, pause_s)).ok:
            good, failed = good + series.good, failed + 1
            if time.monotonic() + AGAIN_S >= deadline_s:
                break
            if series.good:
                wanted = min(wanted + self._wanted_in_a_row, MOST_IN_A_ROW)
                pause_s = min(max(PAUSE_S, 2 * pause_s), LONGEST_PAUSE_S)
            time.sleep(AGAIN_S)
        detail = series.detail
        if good and not series.ok:
            detail += f"; {good} of {good + failed} requests were answered as before the load"
        self._mark(HealthMark(0, "after", what, series.ok, detail))

    def _healthy(self) -> tuple[bool, str]:
        result = check(self._host + self.path, self._timeout_s)
        # So many in a row may be more than one may ask.
        return result.ok or result.detail.startswith(f"HTTP {TOO_MANY_REQUESTS}"), result.detail

    def _as_before(self) -> tuple[bool, str]:
        answer, before = self._front_page(), self._status_before
        assert before is not None
        if answer is None:
            return False, f"no answer within {ANSWER_S:g} s"
        if is_worse(answer.status, before):
            return False, f"HTTP {answer.status}, and HTTP {before} before the load"
        return True, f"HTTP {answer.status}"

    def _front_page(self) -> Answer | None:
        return self._ask("/")

    def _ask(self, path: str) -> Answer | None:
        if urlsplit(self._host).scheme not in ("http", "https"):
            return None
        try:
            return get(self._host + path, ANSWER_S, LIMIT_BYTES)
        except NoAnswerError:
            return None


@dataclass(frozen=True)
class _Series:
    good: int
    """Answered one after another."""
    ok: bool
    detail: str
    """Of the last."""


def _series(ask: Ask, wanted: int, pause_s: float = 0.0) -> _Series:
    """Asks until one is not answered well, ``wanted`` are, or ``SERIES_S`` for each ``IN_A_ROW`` of them are over."""
    good, end_s = 0, time.monotonic() + SERIES_S * wanted / IN_A_ROW
    while True:
        ok, detail = ask()
        good += ok
        if not ok or good >= wanted or time.monotonic() >= end_s:
            return _Series(good, ok, detail)
        time.sleep(pause_s)


def is_worse(status: int, before: int) -> bool:
    """Whether an error has taken the place of an answer, or the server's of the client's. Who is asked to come later
    is answered.
    """
    return status >= 400 and status // 100 > before // 100 and status != TOO_MANY_REQUESTS


def _elapsed_ms(began_s: float) -> str:
    return f"{(time.monotonic() - began_s) * 1000:.0f} ms"
