"""``catch_response=True``: the user decides whether the request counts as a success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import GreenletExit
from locust.exception import (
    CatchResponseError,
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    ResponseError,
    StopTest,
    StopUser,
)

from harness.load.http.errors import NotJsonError
from harness.load.http.response import Response

_NOT_A_FAILURE = (
    GreenletExit,
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)


class ResponseContextManager(Response):
    """Fires the event at the end of the with-block.

    As in Locust's own classes; except that an exception in the block, which they let pass without counting the
    request at all, makes it a failure here before it passes on, and that a request without a with-block, which they do
    not count either, counts as it is as soon as nobody holds the answer any more.
    """

    __slots__ = ("_entered", "_fire", "_manual", "request_meta")

    def __init__(self, response: Response, fire: Callable[..., Any], meta: dict[str, Any]) -> None:
        super().__init__(response.status_code, response._head, response.body, response._max_bytes)
        self.error = response.error
        self.url = response.url
        self.history = response.history
        self.request_meta = meta
        """Arguments of the event; may be changed inside the block, as in Locust."""
        self._fire = fire
        self._entered = False
        self._manual: bool | Exception = False

    def __enter__(self) -> ResponseContextManager:
        self._entered = True
        self.request_meta["response"] = self  # not sooner: in a circle it would be let go at some time or other
        return self

    def __del__(self) -> None:
        if not self._entered:
            self._fire(**self.request_meta)

    def __exit__(self, kind: Any, error: Any = None, trace: Any = None) -> bool:
        passed_on = error is not None
        if self._manual is True:
            self.request_meta["exception"] = None
            self.request_meta["unchecked_bytes"] = None
        elif isinstance(self._manual, Exception):
            self.request_meta["exception"] = self._manual
        elif error is not None and not isinstance(error, _NOT_A_FAILURE):
            if self.request_meta.get("exception") is None:  # what had failed before keeps its cause
                self.request_meta["exception"] = error
            passed_on = not isinstance(error, ResponseError)
            if isinstance(error, NotJsonError):
                error.counts_as_answer = True
        self._fire(**self.request_meta)
        return not passed_on

    def success(self) -> None:
        """The request counts as a success, whatever its status."""
        self._check_entered()
        self._manual = True

    def failure(self, reason: object) -> None:
        """The request counts as failed; ``reason`` is an exception or a text."""
        self._check_entered()
        self._manual = reason if isinstance(reason, Exception) else CatchResponseError(reason)

    def raise_for_status(self) -> None:
        if isinstance(self._manual, Exception):
            raise self._manual
        if not self._manual:
            super().raise_for_status()

    def _check_entered(self) -> None:
        if not self._entered:
            raise ValueError("success() and failure() belong inside a with-block around the request")
