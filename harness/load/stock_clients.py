"""Requests that Locust's own HTTP clients send without firing an event, counted here so that no failure goes unnoticed.

Four ways lead past Locust's ``request`` event: an exception in a ``catch_response`` block, which the task may catch;
``catch_response=True`` without a block; the end of a spawned greenlet, by the user or by that of the run; and a
``gevent.Timeout`` of the user's own, which ends the request and, with ``False``, nothing else. FastHttpUser's client
takes that for one of its own, and asks again as if nothing had been, or goes on: here it ends the request, as it was
meant to. Nor does it tell of a connection that the target closes, or resets, without an answer: it asks again, eleven
times, and a target that drops every other GET looks as if it dropped none. Here that is a failure, as of HttpUser.
(What has been closed while it was idle it knows before it asks.) Our own client does all of this by itself.
"""

from __future__ import annotations

import _thread
import errno
import functools
import time
from collections.abc import Callable
from http.cookiejar import CookieJar
from typing import Any

import gevent
from gevent import GreenletExit, getcurrent
from locust import clients
from locust.contrib import fasthttp
from locust.exception import ResponseError

from harness.clients import tls
from harness.clients.address import strip_url
from harness.load.present_node import note_sent
from harness.load.spawned import GivenUpError
from harness.load.user_exceptions import CONTROL

_OPEN = "_springback_open"
"""Attribute of a session: its answers with ``catch_response`` since the last look, each with the instant it came."""
_COUNTING = "_springback_counting"
_TLS = "_springback_tls"
_LOCKING = "_springback_locking"
_asking: dict[Any, bool] = {}
"""Greenlets that wait for an answer of FastHttpUser's client, and whether they have taken a connection for it."""
_CLASSES: tuple[tuple[Any, Any], ...] = (
    (clients.HttpSession, clients.ResponseContextManager),
    (fasthttp.FastHttpSession, fasthttp.ResponseContextManager),
)


def count_all_requests() -> None:
    """From now on, in this process. Calling it again changes nothing."""
    for session, answer in _CLASSES:
        if not hasattr(session, _COUNTING):
            setattr(session, _COUNTING, True)
            session.request = _request(session.request)
            answer.__exit__ = _exit(answer.__exit__)
    agent: Any = fasthttp.LocustUserAgent
    if not hasattr(agent, _COUNTING):
        setattr(agent, _COUNTING, True)
        agent._handle_error = _handle_error(agent._handle_error)
        agent._urlopen = _urlopen(agent._urlopen)
        from geventhttpclient.connectionpool import ConnectionPool  # after Locust, which patches what it imports

        ConnectionPool.get_socket = _get_socket(ConnectionPool.get_socket)  # type: ignore[method-assign]
        # Sockets raise TimeoutError; a Timeout of gevent is the user's own, and is for the user.
        fasthttp.FAILURE_EXCEPTIONS = tuple(  # type: ignore[assignment]
            kind for kind in fasthttp.FAILURE_EXCEPTIONS if kind is not gevent.Timeout
        )


def use_run_tls() -> None:
    """From now on sessions of Locust's own clients are made as the run says (:mod:`harness.clients.tls`), where it says
    anything, and their class does not say otherwise. FastHttpUser verifies nothing unless it is told to: an authority
    that is named tells it.
    """
    for session, adjust in ((clients.HttpSession, _adjust_session), (fasthttp.FastHttpSession, _adjust_fast_session)):
        if not hasattr(session, _TLS):
            setattr(session, _TLS, True)
            session.__init__ = adjust(session.__init__)  # type: ignore[method-assign]


def lock_cookies_natively() -> None:
    """From now on jars of cookies have the lock that they have without gevent. With gevent's, three times for each
    request of FastHttpUser, Python asks who holds it, and with an audit hook (:mod:`harness.clients.connection_guard`)
    that costs more than to record the request. Greenlets need no lock: none gives others a turn while it holds it.
    """
    jar: Any = CookieJar
    if not hasattr(jar, _LOCKING):
        setattr(jar, _LOCKING, True)
        jar.__init__ = _lock_natively(jar.__init__)


def _lock_natively(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def make(jar: Any, *rest: Any, **named: Any) -> None:
        original(jar, *rest, **named)
        jar._cookies_lock = _thread.RLock()

    return make


def _adjust_session(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def make(session: Any, *rest: Any, **named: Any) -> None:
        original(session, *rest, **named)
        of_run = tls.of_run()
        if of_run.insecure or of_run.ca_file:
            session.verify = of_run.ca_file or False
            # REQUESTS_CA_BUNDLE would go before what a session says, but not before what a request says.
            merge = session.merge_environment_settings
            session.merge_environment_settings = lambda url, proxies, stream, verify, cert: merge(
                url, proxies, stream, session.verify if verify is None else verify, cert
            )
        if of_run.client_cert:
            session.cert = (of_run.client_cert, of_run.client_key) if of_run.client_key else of_run.client_cert

    return make


def _adjust_fast_session(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def make(session: Any, *rest: Any, **named: Any) -> None:
        of_run = tls.of_run()
        if (of_run.ca_file or of_run.client_cert) and not named.get("ssl_context_factory"):
            verify = bool(of_run.ca_file) or not named.get("insecure", True)
            named |= {"insecure": not verify, "ssl_context_factory": lambda: tls.context(verify=verify)}
        elif of_run.insecure:
            named["insecure"] = True
        original(session, *rest, **named)

    return make


_name_of = functools.lru_cache(maxsize=1000)(strip_url)
"""Most users ask for the same few addresses again and again."""


def count_without_block(client: object) -> None:
    """The answers of this session whose with-block was forgotten count as they are; a client that is none has none."""
    for response, done_s in getattr(client, _OPEN, ()):
        if not response._entered:
            response.request_meta["done_s"] = done_s
            response.__exit__(None, None, None)
    if hasattr(client, _OPEN):
        delattr(client, _OPEN)


def _request(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def request(session: Any, method: str, url: str, *rest: Any, **named: Any) -> Any:
        user = session.user
        # A paced user says when its iteration is over.
        if _OPEN in vars(session) and not hasattr(user, "current_start"):
            count_without_block(session)
        begun_s = time.monotonic()
        agent: Any = getattr(session, "client", None)
        redirects = getattr(agent, "redirect_response_codes", None)
        name = named.get("name") or (rest[0] if rest else None) or session.request_name
        if not name and isinstance(url, str):
            name = named["name"] = _name_of(url)  # as our own client does
        of_user = getcurrent() is getattr(user, "_greenlet", None)  # as almost always: no call, and no name
        spawned = None if of_user else note_sent(user, f"{method} {name}")
        try:
            response = original(session, method, url, *rest, **named)
        except (gevent.Timeout, GreenletExit) as users_own:
            if isinstance(users_own, GreenletExit) and spawned is None:
                raise  # the user's own greenlet: its iteration tells
            if redirects is not None:
                agent.redirect_response_codes = redirects  # with allow_redirects=False they had been put aside
            session.request_event.fire(
                request_type=method,
                name=name,
                response_time=(time.monotonic() - begun_s) * 1000,
                response_length=0,
                response=None,
                context={**(user.context() if user else {}), **(named.get("context") or {})},
                exception=users_own if isinstance(users_own, gevent.Timeout) else GivenUpError(),
                start_time=time.time() - (time.monotonic() - begun_s),
                url=url,
            )
            raise
        finally:
            if spawned is not None:
                spawned.end()
        if named.get("catch_response"):
            vars(session).setdefault(_OPEN, []).append((response, time.monotonic()))
        return response

    return request


def _handle_error(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def handle_error(agent: Any, error: BaseException, *rest: Any, **named: Any) -> Any:
        if isinstance(error, gevent.Timeout):
            raise error
        return original(agent, error, *rest, **named)

    return handle_error


def _urlopen(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def urlopen(agent: Any, request: Any) -> Any:
        greenlet = getcurrent()
        _asking[greenlet] = False
        try:
            return original(agent, request)
        finally:
            _asking.pop(greenlet, None)

    return urlopen


def _get_socket(original: Callable[..., Any]) -> Callable[..., Any]:
    """One for each request: who wants another has had no answer on the first."""

    @functools.wraps(original)
    def get_socket(pool: Any) -> Any:
        greenlet = getcurrent()
        if (has_one := _asking.get(greenlet)) is not None:
            if has_one:
                raise ConnectionResetError(errno.ECONNRESET, "the peer closed the connection without an answer")
            _asking[greenlet] = True
        return original(pool)

    return get_socket


def _exit(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def leave(answer: Any, kind: Any, error: Any, trace: Any) -> Any:
        # FastHttpUser's event has another object than the block had, which would not know what was called in it.
        if (told := answer.request_meta.get("response")) is not answer and told is not None:
            told._manual_result = answer._manual_result
        handled = original(answer, kind, error, trace)
        if error is None or isinstance(error, ResponseError | GreenletExit) or answer._manual_result is not None:
            return handled
        if isinstance(error, CONTROL):
            original(answer, None, None, None)  # the user has seen enough, and the status decides
        else:
            answer.request_meta["exception"] = error
            answer._report_request()
        return handled

    return leave
