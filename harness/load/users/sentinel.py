"""Users of Valkey or Redis under Sentinel: each asks a Sentinel for the primary, writes keys there, and in the end
looks whether they are still there, on whichever server is the primary then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gevent
import redis

from harness.clients.sentinel import servers
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced
from harness.load.users.valkey import KEY_TTL_S, connect
from harness.plugins import parameter
from harness.recording import READ, WRITE

if TYPE_CHECKING:
    from locust.env import Environment

VALKEY, AUDIT = "valkey", "valkey audit"
"""The ways of the load's operations, and of the look for the keys in the end."""
RETRY_S = 0.25
ASK_S, AUDIT_RETRY_S = 1.0, 0.5


class SentinelOptions:
    """Options of a scenario with such users."""

    sentinels: tuple[str, ...] = parameter((), "addresses of Sentinels, redis://host:port", secret=True)
    sentinel_service: str = parameter("", "name of the service that they watch")
    valkey_password: str = parameter("", "password of its servers", secret=True)
    write_attempts: int = parameter(3, "how often a write without an answer is tried", lowest=1)
    audit_within_s: float = parameter(15.0, "longest time in the end for a user to look for its keys")


class SentinelUser(Measured, Paced):
    """A session on the primary, with :class:`SentinelOptions`, over one connection; after it broke, or the server took
    no write, the Sentinels are asked anew.
    """

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options: Any = environment.parsed_options
        self.on_stop_s += options.audit_within_s
        self._keys: list[str] = []
        """All that it has written, or tried to."""
        self._valkey: redis.Redis | None = None
        self._server = ""
        """Where that is connected to."""
        self._turns = self.number
        """They are started in turn: from the same one on, all would read at the same time, and none write."""

    def work_on_keys(self) -> None:
        """Writes two keys, and reads the newest, one of these each time."""
        self._turns += 1
        if self._turns % 3:
            self.write_new_key()
        else:
            self.read_own_key()

    def write_new_key(self) -> bool:
        """Whether the primary of then has acknowledged it in the end. Each attempt is an operation with a version of
        its own: users who gave up after one would see a new primary no sooner than their turn comes again.
        """
        key = f"springback:{self.node.run}-{self.number}-{len(self._keys)}"
        self._keys.append(key)
        options: Any = self.environment.parsed_options
        for attempt in range(1, options.write_attempts + 1):
            if attempt > 1:
                gevent.sleep(RETRY_S)
                if self.node.ending:
                    break
            if self._write(key, attempt):
                return True
        return False

    def read_own_key(self) -> None:
        """The newest; who has none yet writes one."""
        if self._keys:
            self._read(self._keys[-1], "GET own key", VALKEY)
        else:
            self.write_new_key()

    def look_for_keys(self) -> None:
        """Each of them, as long as there is time, on the primary that the Sentinels name now: one that was replaced may
        still have the connection, and what the new one has lost.
        """
        self._forget_primary()
        options: Any = self.environment.parsed_options
        until_s = time.monotonic() + options.audit_within_s
        for key in self._keys:
            while time.monotonic() < until_s and not self._read(key, "GET own key in the end", AUDIT):
                gevent.sleep(AUDIT_RETRY_S)

    def _write(self, key: str, attempt: int) -> bool:
        with self.measure("VALKEY", "SET new key") as request:
            self._primary().set(key, 1, ex=KEY_TTL_S)
        is_written = request.error is None
        self._keep(WRITE, key, attempt, request.sent_s, request.done_s if is_written else None, VALKEY)
        return is_written

    def _read(self, key: str, name: str, via: str) -> bool:
        found: Any = None
        with self.measure("VALKEY", name) as request:
            found = self._primary().get(key)
        answered = request.error is None
        self._keep(READ, key, 1 if found else None, request.sent_s, request.done_s if answered else None, via)
        return answered

    def _keep(
        self, kind: str, key: str, version: int | None, begun_s: float, returned_s: float | None, via: str
    ) -> None:
        self.operation(kind, key, str(self.number), version, begun_s, returned_s, via, self._server)
        if returned_s is None:
            self._forget_primary()

    def _forget_primary(self) -> None:
        if self._valkey is not None:
            self._valkey.close()
            self._valkey = None

    def _primary(self) -> redis.Redis:
        """Raises SentinelError when no Sentinel tells of one."""
        if self._valkey is None:
            options: Any = self.environment.parsed_options
            found = servers(options.sentinels, options.sentinel_service, ASK_S)
            self._server = next(server.name for server in found if server.is_primary)
            secret = f":{quote(options.valkey_password, safe='')}@" if options.valkey_password else ""
            self._valkey = connect(f"redis://{secret}{self._server}", ASK_S)
        return self._valkey
