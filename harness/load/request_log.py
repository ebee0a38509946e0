"""The short way of a request of our own client to those who count it.

Locust's ``request`` event hands thirteen named arguments to each listener. In most runs nobody listens but Locust's
statistics and the recorder: then both are told directly, for half of that. As soon as somebody else listens, all are
told by the event, in its order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.load.answers import recorded
from harness.load.recorder import Recorder
from harness.load.traces import Trace

if TYPE_CHECKING:
    from locust.env import Environment

    from harness.load.http.response import Response
    from harness.load.locust_statistics import CountedTogether


class RequestLog:
    """Of one run of a load process. Both whom it tells listen to the event already."""

    def __init__(self, environment: Environment, statistics: CountedTogether, recorder: Recorder) -> None:
        self._listeners: list[Any] = environment.events.request._handlers
        self._own = [each for each in self._listeners if each in (statistics.on_request, recorder.on_request)]
        self._note = statistics.note
        self._ended = recorder.ended

    @property
    def is_all(self) -> bool:
        """Whether nobody else listens now."""
        return self._listeners == self._own

    def ended(
        self,
        method: str,
        name: str,
        response: Response,
        sent_s: float,
        done_s: float,
        unchecked_bytes: int | None,
        trace: Trace | None,
    ) -> None:
        """As the event with ``response.error`` for its exception."""
        error, length = response.error, len(response.body)
        found = recorded(error, response, unchecked_bytes)
        self._note(method, name, (done_s - sent_s) * 1000, length, error)
        self._ended(method, name, found, length, sent_s, done_s, None, trace)
