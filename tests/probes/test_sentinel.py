"""The probe sentinel, on a Valkey of these tests' own with a Sentinel: who is primary, who follows, who is dead."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from harness import probes
from harness.errors import ConfigurationError
from harness.probes import Reading
from target.stack.valkey import binary
from tests.ports import free_port
from tests.probes.loopback import wait_for

PASSWORD = "hush"


@contextmanager
def valkey(directory: Path, lines: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    file = directory / "valkey.conf"
    directory.mkdir()
    file.write_text(f"bind 127.0.0.1\ndir {directory}\nsave ''\n{lines}")
    process = subprocess.Popen([str(binary()), str(file), *arguments], stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int, password: str | None = None) -> bool:
    try:
        return bool(redis.Redis("127.0.0.1", port, password=password).ping())
    except redis.RedisError:
        return False


def test_who_is_primary_who_follows_it_and_who_is_dead(tmp_path: Path) -> None:
    first, second, sentinel = free_port(), free_port(), free_port()
    secret = f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\nrepl-diskless-sync-delay 0\n"
    watched = f"port {sentinel}\nsentinel monitor cache 127.0.0.1 {first} 1\nsentinel auth-pass cache {PASSWORD}\n"
    watched += f"sentinel known-replica cache 127.0.0.1 {second}\n"  # else it would ask for them after ten seconds
    with (
        valkey(tmp_path / "a", f"port {first}\n{secret}") as primary,
        valkey(tmp_path / "b", f"port {second}\n{secret}replicaof 127.0.0.1 {first}\n"),
    ):
        wait_for(lambda: answers(first, PASSWORD) and answers(second, PASSWORD))
        with valkey(tmp_path / "s", watched, "--sentinel"):
            url = f"redis://127.0.0.1:{sentinel}"
            probe = probes.load("sentinel", sentinels=(url,), service="cache", password=PASSWORD)

            def sampled() -> dict[str, Reading]:
                return {reading.source: reading for reading in probe.sample()}

            one, other = f"127.0.0.1:{first}", f"127.0.0.1:{second}"
            wait_for(lambda: other in (found := sampled()) and found[other].values.get("streaming") == 1)
            found = sampled()
            assert [found[one].values[name] for name in ("primary", "streaming")] == [1, 0]
            assert found[other].values["primary"] == 0
            primary.kill()
            primary.wait()
            wait_for(lambda: (sampled()[one].error or "").startswith("connection refused"))
            (unknown,) = probes.load("sentinel", sentinels=(url,), service="shop").sample()
            assert "watches no service 'shop'" in (unknown.error or "")


def test_a_sentinel_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="redis://127"):
        probes.load("sentinel", sentinels=("127.0.0.1:26379",), service="cache")
