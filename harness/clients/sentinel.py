"""Sentinels of Valkey or Redis: which server is the primary of a service, and which ones follow it.

https://valkey.io/topics/sentinel/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from harness.analysis.lazy import LazyModule
from harness.clients.address import strip_url, userinfo_problem

if TYPE_CHECKING:
    import redis
    from redis import backoff, retry
else:  # the faults that may use it are loaded for every run
    redis, backoff, retry = (LazyModule(name) for name in ("redis", "redis.backoff", "redis.retry"))

EXAMPLE = "redis://127.0.0.1:26379"
DEFAULT_PORT = 26379
_T = TypeVar("_T")


class SentinelError(Exception):
    """No Sentinel has answered, or none knows the service. ``str()`` is the cause in words, without user info."""


@dataclass(frozen=True)
class Server:
    """Where a server of the service listens, and whether it takes writes."""

    host: str
    port: int
    is_primary: bool

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def address_problems(urls: Sequence[str]) -> list[str]:
    """What keeps these from being asked, each with its remedy."""
    problems = []
    for url in urls:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        if problem := userinfo_problem(url):
            problems.append(problem)
        elif not usable:
            problems.append(f"a Sentinel's address cannot be read. Give one like {EXAMPLE}")
    return problems


def as_http(url: str) -> str:
    """Where it is, in the form in which allowed hosts are checked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"http://{f'[{host}]' if ':' in host else host}:{parts.port or DEFAULT_PORT}"


def servers(urls: Sequence[str], service: str, timeout_s: float) -> tuple[Server, ...]:
    """The primary and its replicas, by the first Sentinel that answers. Raises SentinelError."""

    def ask(client: Any) -> tuple[Server, ...]:
        host, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
        replicas = client.sentinel_slaves(service)
        found = [Server(str(host), int(port), True)]
        return (*found, *(Server(str(each["ip"]), int(each["port"]), False) for each in replicas))

    return _first(urls, service, timeout_s, ask)


@dataclass(frozen=True)
class Replication:
    """What a server says of itself."""

    is_primary: bool
    is_linked: bool
    """It follows a primary, and has a connection to it."""
    offset_bytes: float
    """How much of the stream of commands it has written, or got."""


def named_primaries(urls: Sequence[str], service: str, timeout_s: float) -> list[str]:
    """Which servers the Sentinels lead clients to, ``host:port``; each is asked, and may not answer."""
    found = []
    for url in urls:
        try:
            found.append(next(server.name for server in servers((url,), service, timeout_s) if server.is_primary))
        except SentinelError:
            continue
    return list(dict.fromkeys(found))


def replication_of(name: str, password: str, timeout_s: float) -> Replication:
    """Of the server ``host:port``. Raises SentinelError."""
    host, _, port = name.rpartition(":")
    client = redis.Redis(host, int(port), password=password or None, **_options(timeout_s))
    try:
        said: Any = client.info("replication")
        leads = said["role"] == "master"
        offset = said["master_repl_offset"] if leads else said["slave_repl_offset"]
        return Replication(leads, not leads and said["master_link_status"] == "up", float(offset))
    except (redis.RedisError, OSError) as error:
        raise SentinelError(_reason(error)) from None
    except (KeyError, TypeError, ValueError):
        raise SentinelError("its INFO replication cannot be read") from None
    finally:
        client.close()


def fail_over(urls: Sequence[str], service: str, timeout_s: float) -> None:
    """Lets the first Sentinel that answers replace the primary, as if it were away. Raises SentinelError."""

    def ask(client: Any) -> None:
        client.execute_command("SENTINEL", "FAILOVER", service)

    _first(urls, service, timeout_s, ask)


def _first(urls: Sequence[str], service: str, timeout_s: float, ask: Callable[[Any], _T]) -> _T:
    problems = []
    for url in urls:
        client = redis.Redis.from_url(url, **_options(timeout_s))
        try:
            return ask(client)
        except (redis.RedisError, OSError) as error:
            problems.append(f"{strip_url(url)}: {_reason(error)}")
        except TypeError:  # in place of an address: nothing
            problems.append(f"{strip_url(url)}: it watches no service {service!r}")
        finally:
            client.close()
    raise SentinelError("; ".join(problems))


def _options(timeout_s: float) -> dict[str, Any]:
    """Of a client that asks once."""
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": retry.Retry(backoff.NoBackoff(), 0),
        "decode_responses": True,
    }


def _reason(error: Exception) -> str:
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, redis.exceptions.AuthenticationError):
        return "the password is missing or wrong"
    if isinstance(error, redis.exceptions.ResponseError):
        return str(error)
    refused = isinstance(error.__cause__ or error.__context__, ConnectionRefusedError)
    return "connection refused: nothing listens there" if refused else "no connection"
