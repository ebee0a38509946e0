"""Users who work on Valkey or Redis itself, and whether it can be worked on at all.

Two kinds of keys: plain ones of the run's own, whose value is their version, and those of a service that keeps its
items as JSON, ``[version, value]`` or ``{"version": …}``, which are only looked at.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from harness.clients.address import allowed_hosts, require_allowed, strip_url, userinfo_problem
from harness.errors import ConfigurationError
from harness.load.users.measured import Measured, WrongAnswerError
from harness.plugins import parameter
from harness.recording import READ, WRITE

TIMEOUT_S = 2.0
CACHE_PEEK = "cache of the service"
"""The ``via`` of a look into the cache of a service: what lies there is no answer that the service gave. It may know
better, and pass by the cache until an invalidation that had no answer has been made up for.
"""
KEY_TTL_S = 3600
"""Our own keys are gone this long after their last write, however the run ends."""

_CAUSES: tuple[tuple[type[RedisError], str], ...] = (
    (OutOfMemoryError, "out of memory"),
    (ReadOnlyError, "read only"),
    (AuthenticationError, "authentication"),
    (InvalidResponse, "malformed answer"),
)


class ValkeyOptions:
    """Options of a scenario with such users."""

    valkey: str = parameter(
        "", "Valkey or Redis to work on directly, redis://:PASSWORD@HOST:PORT; empty: only the service", secret=True
    )
    cached_as: str = parameter("item:{key}", "key under which the service caches an item as JSON", web=True)


class ValkeyUser(Measured):
    """A session on Valkey, with :class:`ValkeyOptions`, over one connection that is opened again after it broke."""

    abstract = True
    number: int

    def connect_valkey(self, url: str) -> None:
        self._valkey = connect(url)

    def read_key(self, key: str) -> int | None:
        """The version of a key of ours; None where there is none, or no good answer."""

        def version_of(text: str | None) -> int | None:
            if text is not None and not text.isdecimal():
                raise WrongAnswerError("no version")
            return None if text is None else int(text)

        return self._read("GET key", key, key, "valkey", version_of)

    def write_key(self, key: str, version: int) -> None:
        with self.measure("VALKEY", "SET key") as request:
            self._execute(lambda: self._valkey.set(key, version, ex=KEY_TTL_S))
        returned_s = request.done_s if request.error is None else None
        self.operation(WRITE, key, str(self.number), version, request.sent_s, returned_s, "valkey")

    def peek_cache(self, key: str, kept_as: str) -> int | None:
        """The version that the cache has of a service's item. That it has none says nothing about the item, and is kept
        as no operation.
        """
        return self._read("GET item", key, kept_as.format(key=key), CACHE_PEEK, _cached_version)

    def _read(
        self, name: str, key: str, kept_as: str, via: str, version_of: Callable[[str | None], int | None]
    ) -> int | None:
        version: int | None = None
        with self.measure("VALKEY", name) as request:
            version = version_of(self._execute(lambda: self._valkey.get(kept_as)))
        peeks = via == CACHE_PEEK
        if request.error is not None:
            self.operation(READ, key, str(self.number), None, request.sent_s, None, via)
        elif version is not None or not peeks:
            source_and_cache = ("cache", "hit") if peeks else ("", "")
            self.operation(READ, key, str(self.number), version, request.sent_s, request.done_s, via, *source_and_cache)
        return version

    def _execute(self, command: Callable[[], Any]) -> Any:
        try:
            return command()
        except RedisError as error:
            for kind, outcome in _CAUSES:
                if isinstance(error, kind):
                    raise WrongAnswerError(outcome) from None
            raise  # its cause is among its arguments or in its chain

    def on_stop(self) -> None:
        valkey = getattr(self, "_valkey", None)
        if valkey is not None:
            valkey.close()


def connect(url: str, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A client that does not retry: whoever measures wants the first answer. Raises ValueError for a bad address."""
    return redis.Redis.from_url(
        url,
        max_connections=1,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        client_name="springback",
    )


def checks(options: Any) -> Iterator[str]:
    """The ``problems`` of :class:`ValkeyOptions`, for :func:`harness.attach`; none where no address is given."""
    return problems(options.valkey, options.allow_host) if options.valkey else iter(())


def problems(url: str, allow_host: str | Iterable[str] = (), flag: str = "--valkey") -> Iterator[str]:
    """What keeps users from reading and writing at ``url``, with the remedy; asks the server. Never a password.
    ``allow_host``: other hosts that load may go to.
    """
    shown = f"{flag} {strip_url(url)}"
    if problem := userinfo_problem(url):
        yield f"{shown}: {problem}"
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        # What is no address is not shown: it may be the password alone.
        yield f"{shown if '://' in url else flag}: give an address like redis://:PASSWORD@127.0.0.1:6379/0"
        return
    allowed = allowed_hosts(allow_host)
    try:
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        require_allowed(f"http://{host}:{parts.port or 6379}", allowed)
        client = connect(url)
    except ConfigurationError as error:
        yield from (f"{flag}: {message}" for message in error.messages)
        return
    except ValueError as error:
        yield f"{shown}: {error}; give an address like redis://:PASSWORD@127.0.0.1:6379/0"
        return
    probe = f"springback:check:{time.time_ns()}"
    try:
        client.set(probe, 1, px=1000)
        client.delete(probe)
    except (RedisError, OSError) as error:
        yield f"{shown}: {_remedy(error, parts.scheme == 'rediss')}"
    except TypeError as error:  # by a name in its query; redis-py hands on whatever stands there
        name = re.search(r"argument '(\w+)'", str(error))
        yield f"{shown}: it has no option {name[1] if name else 'of that kind'!r}; leave out what comes after the '?'"
    finally:
        client.close()


def _remedy(error: Exception, encrypted: bool) -> str:
    chain = list(_chain(error))
    message = str(error)
    if any(isinstance(link, AuthenticationError) for link in chain) or "NOAUTH" in message or "WRONGPASS" in message:
        return "the password is missing or wrong; write it into the address, redis://:PASSWORD@HOST:PORT"
    if isinstance(error, OutOfMemoryError):
        return "it takes no writes because its memory is full; raise maxmemory, or choose an eviction policy"
    if isinstance(error, ReadOnlyError):
        return "it is a read-only replica; name its primary"
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return "its certificate is not trusted; add ?ssl_ca_certs=FILE with the authority's certificate"
    if any(isinstance(link, ssl.SSLError) for link in chain):
        return "it does not speak TLS there; write redis:// in place of rediss://"
    if any(isinstance(link, InvalidResponse) for link in chain):
        return "what answers there is neither Valkey nor Redis; correct the port"
    if isinstance(error, ResponseError):
        return f"it refused a write ({message}); use a user and a database that may read and write"
    if any(isinstance(link, ConnectionRefusedError) for link in chain):
        return "nothing listens there; start it, or correct the address"
    if any(isinstance(link, TimeoutError | redis.TimeoutError) for link in chain):
        # A server without TLS takes our greeting for the beginning of a command, and waits for the rest.
        plain = "; if it speaks no TLS, write redis:// in place of rediss://" if encrypted else ""
        return f"no answer within {TIMEOUT_S:g} s; is it Valkey, and is it running?{plain}"
    other = "if it wants TLS, write rediss://" if not encrypted else "is it Valkey, and does it speak TLS?"
    return f"it closed the connection without an answer; {other}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cached_version(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        document = json.loads(text)
        version = document["version"] if isinstance(document, dict) else document[0]
    except (ValueError, KeyError, IndexError, TypeError):
        version = None
    if not isinstance(version, int) or isinstance(version, bool):
        raise WrongAnswerError("no version")
    return version
