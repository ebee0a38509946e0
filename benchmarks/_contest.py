"""What contests share: processes on free ports, rounds in turn, medians with their range, and tables."""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsFloat, TypeVar

from harness.recording import Recording
from harness.recording.file import read
from harness.reserved_port import reserved_port

Result = TypeVar("Result", bound=SupportsFloat)
HERE = Path(__file__).parent
RUN_TIMEOUT_S = 120


@dataclass(frozen=True)
class Table:
    """A result: ``rows`` under ``heads``; ``note`` says what was measured, where, and what to compare."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.note, "", "| " + " | ".join(self.heads) + " |"]
        lines.append("|" + "|".join("---" if i == 0 else "---:" for i in range(len(self.heads))) + "|")
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows), ""])


def in_turn(rounds: int, contestants: Mapping[str, Callable[[], Result]]) -> dict[str, list[Result]]:
    """Runs every contestant once a round, so that all of them meet the same weather."""
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            value = contestant()
            results[name].append(value)
            print(f"  round {number + 1} of {rounds}: {name}: {float(value):.4g}", file=sys.stderr, flush=True)
    return results


def spread(values: Sequence[float], unit: str = "", digits: int = 1) -> str:
    """Median and range, e.g. ``3.1 (2.9–3.6) ms``."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f}) {unit}".strip()


@contextmanager
def bare_target(certificate_file: str | None = None, kind: str = "_bare_target") -> Iterator[str]:
    """A bare target in a process of its own, with TLS when it is given a certificate; yields its URL.

    ``kind``: its file in this folder.
    """
    command = [sys.executable, "-m", f"benchmarks.{kind}", *([certificate_file] if certificate_file else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
    try:
        assert process.stdout is not None
        yield f"http{'s' if certificate_file else ''}://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def certificate() -> Iterator[str]:
    """A file with a certificate of our own making and its key (P-256, as most of the web has)."""
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        file = f"{directory}/own.pem"
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        options = ("-subj", "/CN=localhost", "-days", "2", "-keyout", file, "-out", f"{directory}/certificate.pem")
        subprocess.run(["openssl", "req", "-x509", *new_key, *options], check=True, capture_output=True)
        with Path(file).open("a") as both:
            both.write(Path(f"{directory}/certificate.pem").read_text())
        yield file


def arrivals(url: str) -> list[float]:
    """Instants at which requests arrived since the last call, in seconds, in order."""
    return _instants(f"{url}/arrivals")


def connections(url: str) -> list[float]:
    """The same of connections accepted, but for those of the callers of these two."""
    return _instants(f"{url}/connections")


def _instants(url: str) -> list[float]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:
        return sorted(json.load(answer))


def locust(file: str, url: str, *options: str, variables: Mapping[str, str] | None = None) -> Recording | None:
    """Runs Locust headless on ``benchmarks/locustfiles/<file>``; the recording, where the file made one."""
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        port = str(free_port())
        command = [
            *(sys.executable, "-m", "locust", "-f", str(HERE / "locustfiles" / file)),
            *("--headless", "--only-summary", "--loglevel", "ERROR", "--host", url),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port, *options),
        ]
        environment = {**os.environ, **(variables or {}), "SPRINGBACK_RUNS_DIR": directory}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
        )
        runs = [path for path in Path(directory).iterdir() if path.is_dir()]
        if done.returncode not in (0, 3, 4):
            raise RuntimeError(f"{file} ended with {done.returncode}: {done.stderr[-2000:]}")
        return read(runs[0]) if runs else None


def free_port() -> int:
    """Nobody else is given it, and no connection leaves from it, until this process ends."""
    _HELD.append(reserved_port())
    return int(_HELD[-1].getsockname()[1])


_HELD: list[socket.socket] = []


def descriptors(wanted: int) -> int:
    """The limit of this process, raised to so many where the system allows it; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, wanted), max(hard, wanted)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def percentile_span_ms(instants_s: Sequence[float], low: float = 0.05, high: float = 0.95) -> float:
    """p95 − p5 of instants, in milliseconds."""
    ordered = sorted(instants_s)
    last = len(ordered) - 1
    return (ordered[round(high * last)] - ordered[round(low * last)]) * 1000
