"""The client of one user: requests as Locust users know them, each of which fires Locust's ``request`` event."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import gevent
from gevent import GreenletExit, getcurrent
from locust import User

from harness.analysis.answer_sizes import content_bytes
from harness.load.http.catch_response import ResponseContextManager
from harness.load.http.connecting import PendingConnection
from harness.load.http.connection import Connection
from harness.load.http.cookies import Cookies
from harness.load.http.errors import HttpError, ProtocolError, ShedError, StaleConnectionError, TooManyRedirectsError
from harness.load.http.pool import ConnectionPool
from harness.load.http.redirects import next_request
from harness.load.http.request import Body, Request, RequestBuilder
from harness.load.http.response import Response
from harness.load.http.retries import LONGEST_AWAY_S, Retrier
from harness.load.http.settings import ClientSettings, Timeouts, timeouts_of
from harness.load.http.tls import tls_context
from harness.load.pacing import Start
from harness.load.present_node import note_sent, request_log_of_run, traces_of_run
from harness.load.spawned import GivenUpError
from harness.load.traces import Trace
from harness.load.user_exceptions import raised_in

if TYPE_CHECKING:
    from locust.env import Environment


Check: TypeAlias = Callable[[Response], "str | Exception | None"]


class HttpClient(RequestBuilder):
    """Requests of one user to one origin, over connections that are kept alive.

    Never raises for what the target does: a failed request is an outcome, and a Response with ``status_code`` 0 when
    there was no answer. Raises ValueError at once for what could not be sent.
    """

    def __init__(
        self,
        environment: Environment,
        host: str,
        settings: ClientSettings | None = None,
        user: User | None = None,
        pool: ConnectionPool | None = None,
        retrier: Retrier | None = None,
    ) -> None:
        self._settings = settings = settings or ClientSettings()
        super().__init__(host, settings.headers, settings.expectation)
        self._request_event = environment.events.request
        self._log = request_log_of_run(environment)
        self._user_error = environment.events.user_error
        self._user = user
        self._retrier = retrier
        self._not_before_s = 0.0
        self._context = user.context if user is not None and type(user).context is not User.context else dict
        self._cookies: Cookies | None = None
        self._traces = traces_of_run(environment)
        self._traced: WeakKeyDictionary[Any, Trace | None] = WeakKeyDictionary()
        """Greenlet → the trace of what it sends, or has prepared."""
        self._owns_pool = pool is None
        origin = self._base.origin
        if origin.scheme == "https":
            tls_context(settings.tls.verify, settings.tls.ca_file)  # a mistake in it is one of use, not an outcome
        self._pool = pool or ConnectionPool(origin, settings.concurrency, settings.tls, settings.limits)

    @property
    def cookies(self) -> Cookies:
        if self._cookies is None:
            self._cookies = Cookies(self._base.origin.host, self._base.origin.scheme == "https")
        return self._cookies

    def away_s(self) -> float:
        """For how much longer the service wants to be left alone, by its latest ``Retry-After``, at most a minute."""
        return max(0.0, self._not_before_s - time.monotonic())

    def close(self) -> None:
        """Closes the user's idle connections. The client can be used again."""
        if self._owns_pool:
            self._pool.close()

    # Sending

    def request(
        self,
        method: str,
        path: str,
        name: str | None = None,
        *,
        timeout: float | Timeouts | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
        context: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Response:
        """Sends a request and reads the answer; further arguments as for :meth:`prepare`.

        ``timeout`` in seconds is for the whole, or Timeouts for each part.
        """
        request = self.prepare(method, path, name=name, **arguments) if arguments else self.cached(method, path, name)
        return self.send(
            request, timeout=timeout, catch_response=catch_response, allow_redirects=allow_redirects, context=context
        )

    def get(self, path: str, name: str | None = None, **arguments: Any) -> Response:
        if not arguments:
            return self.send(self.cached("GET", path, name))
        return self.request("GET", path, name, **arguments)

    def head(self, path: str, name: str | None = None, **arguments: Any) -> Response:
        return self.request("HEAD", path, name, **{"allow_redirects": False, **arguments})

    def options(self, path: str, name: str | None = None, **arguments: Any) -> Response:
        return self.request("OPTIONS", path, name, **arguments)

    def delete(self, path: str, name: str | None = None, **arguments: Any) -> Response:
        return self.request("DELETE", path, name, **arguments)

    def post(self, path: str, data: Body | None = None, json: Any = None, **arguments: Any) -> Response:
        return self.request("POST", path, data=data, json=json, **arguments)

    def put(self, path: str, data: Body | None = None, **arguments: Any) -> Response:
        return self.request("PUT", path, data=data, **arguments)

    def patch(self, path: str, data: Body | None = None, **arguments: Any) -> Response:
        return self.request("PATCH", path, data=data, **arguments)

    def send(
        self,
        request: Request,
        start: Start | None = None,
        check: Check | None = None,
        *,
        timeout: float | Timeouts | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
        context: Mapping[str, Any] | None = None,
    ) -> Response:
        """Sends a prepared request (unless a gate has sent it already: ``start.sent_s``) and reads the answer.

        ``check(response)`` may return the reason for which an answer with a good status is wrong all the same: in
        words, or as an exception like ``WrongAnswerError("a form again")``, whose cause is then told by itself.
        """
        timeouts = self._settings.timeouts if timeout is None else timeouts_of(timeout, self._settings.timeouts)
        if self._not_before_s and start is None and (away_s := self.away_s()):
            gevent.sleep(away_s)
        sent_s = None if start is None else start.sent_s
        begun_s = time.monotonic() if sent_s is None else sent_s
        ended_by: BaseException | None = None
        of_user = getcurrent() is getattr(self._user, "_greenlet", None)  # as almost always: no call, and no name
        spawned = None if of_user else note_sent(self._user, f"{request.method} {request.name}")
        try:
            response = self._attempt(request, sent_s is not None, begun_s, timeouts, allow_redirects, check)
            done_s = time.monotonic()
            if self._retrier is not None:
                response = self._retrier.until_it_is_over(
                    f"{request.method} {request.name}",
                    response,
                    (begun_s, done_s),
                    # No function of its own: its variables would cost each request of a client without retries.
                    partial(
                        self._attempt, request, False, timeouts=timeouts, allow_redirects=allow_redirects, check=check
                    ),
                    self._settings.honours_retry_after,
                )
                done_s = time.monotonic()
            if isinstance(response.error, gevent.Timeout):
                ended_by = response.error
        except GreenletExit as killed:
            if spawned is None:  # the user's own greenlet: its iteration tells
                raise
            ended_by, response, done_s = killed, Response(0, b"", b""), time.monotonic()
            response.error = GivenUpError()
        finally:
            if spawned is not None:
                spawned.end()
        error = response.error
        if type(error) is ShedError and error.retry_after_s and self._settings.honours_retry_after:
            self._not_before_s = done_s + min(error.retry_after_s, LONGEST_AWAY_S)
        # Who is ended goes on without the answer, and nobody would know that there had been a request.
        caught = catch_response and ended_by is None
        answer = self._tell(request, response, begun_s, done_s, check is not None, caught, context)
        if ended_by is not None:
            raise ended_by
        return answer

    def _tell(
        self,
        request: Request,
        response: Response,
        begun_s: float,
        done_s: float,
        has_check: bool,
        caught: bool,
        context: Mapping[str, Any] | None,
    ) -> Response:
        """That the request has ended, to all who count it; where it is ``caught``, when the with-block ends."""
        is_checked = has_check or (request.expectation or self._expectation).checks_body
        unchecked_bytes = None if is_checked else content_bytes(response.body)
        trace = None if self._traces is None else self._traced.pop(getcurrent(), None)
        if self._log is not None and self._log.is_all and not caught:
            self._log.ended(request.method, request.name, response, begun_s, done_s, unchecked_bytes, trace)
            return response
        fire: Callable[..., None] = self._request_event.fire
        tell = partial(_in_block, response, fire) if caught else fire
        # Not from a dictionary, which would be copied for each request.
        answer = tell(
            request_type=request.method,
            name=request.name,
            response_time=(done_s - begun_s) * 1000,
            response_length=len(response.body),
            exception=response.error,
            response=response,
            context={**self._context(), **context} if context else self._context(),
            start_time=time.time() - (done_s - begun_s),
            url=request.url,
            sent_s=begun_s,
            done_s=done_s,
            unchecked_bytes=unchecked_bytes,
            trace=trace,
        )
        return response if answer is None else answer

    def _attempt(
        self,
        request: Request,
        sent: bool,
        begun_s: float,
        timeouts: Timeouts,
        allow_redirects: bool,
        check: Check | None,
    ) -> Response:
        """One request and its answer; why it failed, if it did, is the answer's ``error``."""
        error: BaseException | None = None
        deadline_s = begun_s + timeouts.total_s
        try:
            response = self._exchange(request, sent, begun_s, deadline_s, timeouts)
            status = response.status_code
            if 300 <= status < 400 and allow_redirects:
                response = self._follow(request, response, deadline_s, timeouts)
                status = response.status_code
            expectation = request.expectation or self._expectation
            if not expectation.is_of_status or status not in expectation.statuses:
                error = expectation.error_of(response)
            if error is None and check is not None:
                error = self._checked(check, response)
        except (OSError, ProtocolError, TooManyRedirectsError) as problem:
            # Without its traceback, whose frames would keep this one alive until the next garbage collection.
            error = problem.with_traceback(None)
            response = Response(0, b"", b"")
        except gevent.Timeout as users_own:
            error = users_own
            response = Response(0, b"", b"")
        response.error = error
        return response

    def _exchange(self, request: Request, sent: bool, now_s: float, deadline_s: float, timeouts: Timeouts) -> Response:
        """One request and its answer, over a connection of the pool."""
        pool = self._pool
        connection = pool.acquire(now_s, timeouts.connect_s, deadline_s, sent)
        kept = False
        try:
            payload = None if sent and connection.awaits_response else self.payload(request)
            try:
                response = connection.exchange(request, payload, deadline_s, timeouts.first_byte_s)
            except StaleConnectionError:
                # Nothing was sent, so nothing is sent twice. Once only: a fresh connection cannot be stale.
                connection = pool.replace(connection, min(deadline_s, time.monotonic() + timeouts.connect_s))
                response = connection.exchange(request, payload, deadline_s, timeouts.first_byte_s)
            kept = connection.keep_alive
        finally:
            # Also after a kill in mid-request: half an answer on the connection would spoil the next one.
            if kept:
                pool.release(connection, time.monotonic())
            else:
                pool.discard(connection)
        response.url = request.url
        if response.sets_cookies:
            self.cookies.store(response.headers.get_all("set-cookie"), request.target)
        return response

    def payload(self, request: Request) -> bytes:
        """The bytes to send, with the cookies of the moment, and the trace that the request belongs to, if any."""
        payload = request.payload
        if self._cookies or request.cookies:
            jar = self._cookies.header(request.target) if self._cookies else ""
            together = "; ".join(part for part in (request.cookies, jar) if part)
            payload = request.with_cookies(together) if together else request.payload
        if self._traces is not None:
            trace = self._traced[getcurrent()] = self._traces.begin()
            if trace is None:
                return payload
            payload = payload[: request.head_length] + trace.header + payload[request.head_length :]
        return payload

    def _follow(self, request: Request, response: Response, deadline_s: float, timeouts: Timeouts) -> Response:
        history: list[Response] = []
        for _ in range(self._settings.max_redirects):
            following = next_request(request, response, self._base.origin)
            if following is None:
                return response
            history.append(response)
            request = following
            response = self._exchange(request, False, time.monotonic(), deadline_s, timeouts)
            response.history = history
        if next_request(request, response, self._base.origin) is None:
            return response
        raise TooManyRedirectsError(f"more than {self._settings.max_redirects} redirects")

    def _checked(self, check: Check, response: Response) -> Exception | None:
        """A check that cannot cope with the answer (no JSON, a missing field) has found it wrong."""
        try:
            reason = check(response)
            if isinstance(reason, bool):  # False would be taken for "nothing is wrong"
                raise TypeError(
                    f"check() returned {reason}: return why the answer is wrong, as text, or None where it is right"
                )
        except HttpError as problem:
            return problem  # of the answer, like one that is not JSON: no defect of the check
        except Exception as problem:
            raised_in("check", problem)
            self._user_error.fire(user_instance=self._user, exception=problem, tb=problem.__traceback__)
            reason = f"{type(problem).__name__}: {problem}"
        if isinstance(reason, Exception):
            return reason
        return HttpError(reason) if reason else None

    # For users that park: with an open connection, or with one that is opened when they start

    def warm_up(self) -> Connection:
        """Connects, handshake included, unless an idle connection is alive. Raises OSError."""
        return self._pool.warm_up(self._settings.timeouts.connect_s)

    def connect_anew(self, after_s: float) -> None:
        """Then a new connection takes the place of those that are idle, unless a request has come before."""
        self._pool.connect_anew(after_s, self._settings.timeouts.connect_s)

    def pending_connection(self) -> PendingConnection:
        """One that is not open yet, for a gate to open; any other is closed. Raises OSError."""
        return self._pool.pending_connection(time.monotonic() + self._settings.timeouts.connect_s)


def _in_block(response: Response, fire: Callable[..., None], /, **meta: Any) -> ResponseContextManager:
    return ResponseContextManager(response, fire, meta)
