"""Retries as real clients make them: how often, after which pause, within which budget; and every attempt is counted.

Retries are why an overloaded service stays down, so a load without them is kinder than its users are. A request is
counted once, from its intended start to its last answer; its attempts are counted apart, each from its own send
(:class:`harness.load.attempts.Attempts`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent

from harness.load.http.errors import HttpError, ShedError
from harness.load.http.expectation import Statuses, statuses
from harness.load.http.response import Response
from harness.load.outcomes import outcome_of, retry_after_s

LONGEST_AWAY_S = 60.0
"""A service that asks for more is not given more."""
RESERVE = 10.0
"""Retries that a budget allows before there were requests to earn them, and the most that it keeps."""

FURTHEST = 40
"""Pauses grow no further than so many times: nobody waits for longer, and numbers end somewhere."""

Counted = Callable[[float, float, str, str], None]
"""(sent, done, name, outcome); instants on this process's monotonic clock."""


@dataclass(frozen=True)
class Retries:
    """What a client does about a request that has failed. Raises ValueError for what makes no sense."""

    count: int = 3
    """Attempts after the first one, at most."""
    backoff_s: float = 0.1
    """Pause before the first retry; 0: at once."""
    factor: float = 2.0
    """By which each further pause is longer."""
    longest_s: float = 10.0
    jitter: bool = True
    """Full jitter (Brooker 2015): the pause is anything from 0 to what it would be. Without, clients that failed
    together come back together."""
    budget_ratio: float | None = None
    """Most retries ÷ requests, for all users of the class on one load process, beyond a reserve of 10: a token bucket
    as in Finagle's RetryBudget and gRPC's retryThrottling. None: there is no budget."""
    on: Statuses = (408, 429, 500, 502, 503, 504)
    """Statuses that are tried again, where they are failures or shedding."""
    without_answer: bool = True
    """Whether what had no answer (time-out, connection refused or reset) is tried again."""

    def __post_init__(self) -> None:
        least = {"count": 0, "backoff_s": 0, "factor": 1, "longest_s": 0, "budget_ratio": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if name == "budget_ratio" and value is None:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not lowest <= value < float("inf"):
                raise ValueError(f"retries: {name} is {value!r}: give a number of {lowest} or more")
        if not isinstance(self.count, int):
            raise ValueError(f"retries: count is {self.count!r}: give a whole number")
        statuses(self.on)


def retries_of(given: object) -> Retries:
    """From a number, or as it is. Raises ValueError for anything else."""
    if isinstance(given, Retries):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return Retries(given)
    raise ValueError(f"{given!r}: give a number of retries, or Retries(3, backoff_s=0.1)")


class Retrier:
    """Of all users of one class on one load process."""

    def __init__(self, retries: Retries, counted: Counted | None = None, seed: int | None = None) -> None:
        self.retries = retries
        self._counted = counted
        self._on = statuses(retries.on)
        self._random = random.Random(seed)
        self._tokens = RESERVE

    def until_it_is_over(
        self,
        name: str,
        response: Response,
        first_s: tuple[float, float],
        attempt: Callable[[float], Response],
        honours_retry_after: bool,
    ) -> Response:
        """The answer to the last attempt. ``response`` is that to the first one, sent and done at ``first_s``;
        ``attempt`` makes one at an instant, which is now.
        """
        self._tokens = min(RESERVE, self._tokens + (self.retries.budget_ratio or 0.0))
        attempts, (sent_s, done_s) = 1, first_s
        while True:
            if self._counted is not None:
                self._counted(sent_s, done_s, name, outcome_of(response.error, response))
            if isinstance(response.error, gevent.Timeout):  # of the user's own
                return response
            pause_s = self.pause_s(attempts, response, honours_retry_after)
            if pause_s is None:
                return response
            try:
                gevent.sleep(pause_s)
            except gevent.Timeout as users_own:
                response = Response(0, b"", b"")
                response.error = users_own
                return response
            sent_s = time.monotonic()
            response = attempt(sent_s)
            done_s = time.monotonic()
            attempts += 1

    def pause_s(self, attempts: int, response: Response, honours_retry_after: bool) -> float | None:
        """How long to wait before the next attempt, after so many; None: there is none."""
        if response.error is None or attempts > self.retries.count or not self._may_be_repeated(response):
            return None
        if self.retries.budget_ratio is not None:
            if self._tokens < 1:
                return None
            self._tokens -= 1
        growth = self.retries.factor ** min(attempts - 1, FURTHEST)
        pause_s = min(self.retries.longest_s, self.retries.backoff_s * growth)
        if self.retries.jitter:
            pause_s = self._random.uniform(0, pause_s)
        asked_s = retry_after_s(response) if honours_retry_after and response.status_code else None
        return max(pause_s, min(asked_s or 0.0, LONGEST_AWAY_S))

    def _may_be_repeated(self, response: Response) -> bool:
        if response.status_code == 0:
            return self.retries.without_answer
        # A good status with a body that is wrong would be wrong again.
        return response.status_code in self._on and isinstance(response.error, HttpError | ShedError)
