"""The reference target as the harness sees it: a process of its own, started for a run and stopped after it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.errors import ConfigurationError
from harness.safe_text import say

READY_S = 60.0
STOP_S = 15.0
SETTING = "TARGET_"
ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def reference_target(wanted: Mapping[str, str] | None = None) -> Iterator[tuple[dict[str, Any], Path, int]]:
    """Starts the reference target, yields what it says of itself, its state file and its lifeline, and stops it,
    whatever happens.

    The lifeline is a file descriptor to hand to whoever loads it: should this process be killed, the target stays until
    the last who has it is gone, so that no request is refused because we went down in the wrong order.

    ``wanted``: options of ``python -m target up`` without their dashes (``""`` for one that takes no value, as ``ha``),
    and settings of its service (``TARGET_…``).

    Raises ConfigurationError when it does not come up.
    """
    wanted = wanted or {}
    with tempfile.TemporaryDirectory(prefix="springback-") as directory:
        state = Path(directory) / "state.json"
        command = [sys.executable, "-P", "-m", "target", "up", "--with-input", "--state", str(state)]
        options = {name: value for name, value in wanted.items() if not name.startswith(SETTING)}
        command += [f"--{name}={value}" if value else f"--{name}" for name, value in options.items()]
        settings = {name: value for name, value in wanted.items() if name.startswith(SETTING)}
        say("no host is named: starting the reference target …")
        watched, lifeline = os.pipe()
        process: subprocess.Popen[str] | None = None
        try:
            with signals_put_off():
                process = subprocess.Popen(
                    command,
                    stdin=watched,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                    env={**os.environ, **settings},
                )
            os.close(watched)
            yield _wait_ready(process), state, lifeline
        finally:
            os.close(lifeline)
            if process is not None:
                _stop(process)


@contextmanager
def signals_put_off() -> Iterator[None]:
    """A SIGINT or SIGTERM that comes meanwhile counts at the end: in the middle it would leave a process behind."""
    if threading.current_thread() is not threading.main_thread():  # where none comes
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for each in came:
        signal.raise_signal(each)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def options_for(target: Mapping[str, Any]) -> dict[str, str]:
    """What a scenario may want to know of the reference target, as environment variables of its options.

    They hold passwords, which a command line would show to everybody. A scenario without such an option ignores it.
    """
    autoscaler = target["autoscaler"]
    values = {
        "username": target["users"]["name_pattern"],
        "password": target["users"]["password"],
        "postgres": target["postgres"]["primary"],
        "postgres_admin": target["postgres"]["admin"],
        "valkey": target["valkey"],
        "versions_path": "/versions",
        "api_urls": ",".join(api["url"] for api in target["apis"]),
        "queue_gauge": "; ".join(f"{api['url']}/metrics#target_requests_in_flight" for api in target["apis"]),
        "haproxy_metrics": target["haproxy"]["metrics_url"],
        "haproxy_socket": target["haproxy"]["stats_socket"],
        "upstream": target["upstream"]["url"],
        "upstream_switch": target["upstream"]["url"] + target["upstream"]["path"],
        "upstream_token": target["upstream"]["token"],
        "fault_path": target["faults"]["path"],
        "fault_token": target["faults"]["token"],
        "autoscaler": autoscaler["url"] if autoscaler else "",
    }
    if highly_available := target.get("ha"):
        values |= _options_for_nodes(highly_available)
    return {f"SPRINGBACK_{name.upper()}": value for name, value in values.items()}


def _options_for_nodes(target: Mapping[str, Any]) -> dict[str, str]:
    databases, caches = target["postgres"], target["valkey"]
    user = f"{databases['rest_user']}:{databases['rest_password']}@"
    return {
        "patroni": ",".join(node["rest_url"].replace("://", f"://{user}", 1) for node in databases["nodes"]),
        "postgres_nodes": ",".join(node["admin"] for node in databases["nodes"]),
        "sentinels": ",".join(f"redis://{address}" for address in caches["sentinels"]),
        "sentinel_service": caches["service_name"],
        "valkey_password": unquote(urlsplit(str(caches["nodes"][0]["url"])).password or ""),
    }


def _wait_ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            if line:
                said: dict[str, Any] = json.loads(line)
                return said
            break
    raise ConfigurationError(
        "the reference target did not start; `python -m target up` shows why. "
        "To load your own service, name it with --host"
    )
