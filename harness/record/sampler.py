"""Samples the target in a process of its own, so that a busy load generator does not delay it.

Started as ``python -m harness.record.sampler``. The first line of its standard input is a JSON object with
``interval_s``, ``probes`` and ``parent_pid``; each line of its output is one reading. It ends when its input
closes, that is also when its parent was killed, and on SIGTERM. This module must import neither locust nor
gevent: they take seconds to load and replace the threads on which it relies.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import harness
from harness.errors import ConfigurationError
from harness.probes import Probe, Reading, as_data, from_data, name_of
from harness.probes._schedule import sample_until

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawReading:
    """A reading with its instant, before it has a place on the run's time axis."""

    monotonic_s: float
    """When the sample began, on this machine's monotonic clock, which all its processes share."""
    probe: str
    source: str
    values: dict[str, float]
    error: str | None


class Sampler:
    """The parent's side: starts the sampling process and hands on its readings.

    ``on_reading`` is called from one thread, or from one greenlet when gevent has patched this process:
    reading never blocks the hub. Should the sampling process die, ``on_reading`` gets an error for each
    source, so that its silence shows.
    """

    def __init__(self, probes: Sequence[Probe], interval_s: float, on_reading: Callable[[RawReading], None]) -> None:
        if interval_s <= 0:
            raise ConfigurationError(f"The sampling interval is {interval_s:g} s. Give more than 0 seconds")
        self._probes = tuple(probes)
        self._interval_s = interval_s
        self._on_reading = on_reading
        self._sources: dict[tuple[str, str], None] = {}
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """True while the sampling process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts sampling and returns at once; the first readings come about 0.3 s later.

        Call it once, and after Locust has forked its workers.
        """
        if self._process is not None:
            raise RuntimeError("a Sampler is started once: make a new one for each run")
        said = tempfile.TemporaryFile()  # noqa: SIM115  closed by the reader
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.record.sampler"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            env=_environment(),
        )
        self._process = process
        plan = {
            "interval_s": self._interval_s,
            "probes": [as_data(probe) for probe in self._probes],
            "parent_pid": os.getpid(),
        }
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # died at birth: the reader finds the end of its output and says so
            process.stdin.write(json.dumps(plan).encode() + b"\n")
            process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(process, said), daemon=True)
        self._reader.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Ends sampling. Readings already taken are handed on first; returns within about ``timeout_s``."""
        self._stopping = True
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        reader.join(timeout_s)
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(timeout_s)

    def _read(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        assert process.stdout is not None
        with said, process.stdout:
            for line in process.stdout:
                reading = _decode(line)
                if reading:
                    self._sources[reading.probe, reading.source] = None
                    self._hand_on(reading)
            code = process.wait()
            if not self._stopping:
                self._say_dead(f"the sampling process ended ({_cause(code, said)}): nothing is sampled any more")

    def _say_dead(self, error: str) -> None:
        now_s = time.monotonic()
        known = {probe for probe, _ in self._sources}
        names = dict.fromkeys(name_of(probe) for probe in self._probes)
        for probe, source in [*self._sources, *((name, name) for name in names if name not in known)]:
            self._hand_on(RawReading(now_s, probe, source, {}, error))

    def _hand_on(self, reading: RawReading) -> None:
        try:
            self._on_reading(reading)
        except Exception as error:  # the receiver's fault must not end sampling
            logger.error("A reading of probe %s was lost: %s: %s", reading.probe, type(error).__name__, error)


def _environment() -> dict[str, str]:
    """This environment, with this very package first; ``-P`` keeps the working directory out of it."""
    assert harness.__file__ is not None
    root = str(Path(harness.__file__).parents[1])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, path] if path else [root])}


def _decode(line: bytes) -> RawReading | None:
    try:
        return RawReading(**json.loads(line))
    except (ValueError, TypeError):
        return None  # the torn last line of a process that was killed


def _cause(code: int, said: IO[bytes]) -> str:
    said.seek(0)
    words = said.read().decode(errors="replace").strip().splitlines()
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{how}: {words[-1]}" if words else how


class _Writer:
    """Writes readings from a thread of its own: a parent that is slow to read does not delay a sample."""

    def __init__(self, descriptor: int, on_broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def emit(self, now_s: float, probe: str, reading: Reading) -> None:
        raw = RawReading(now_s, probe, reading.source, dict(reading.values), reading.error)
        self._lines.put(json.dumps(asdict(raw), separators=(",", ":")).encode() + b"\n")

    def close(self, timeout_s: float) -> None:
        self._lines.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                self._on_broken()
                return


def main() -> int:
    """The sampling process. Returns its exit code: 0, or 2 when the first line is no plan."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # for the one thread that waits for it
    output = os.dup(1)
    os.dup2(2, 1)  # whatever a probe prints must not get between the readings
    try:
        plan = json.loads(sys.stdin.buffer.readline())
        probes = [from_data(data) for data in plan["probes"]]
        interval_s = float(plan["interval_s"])
        parent_pid = int(plan.get("parent_pid", os.getppid()))
    except (ValueError, KeyError, TypeError, AttributeError):
        print('Standard input: give one line like {"interval_s": 1.0, "probes": []}', file=sys.stderr)
        return 2
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    threading.Thread(target=_wait_for_sigterm, args=(stop,), daemon=True).start()
    threading.Thread(target=_wait_for_parent, args=(stop, parent_pid), daemon=True).start()
    writer = _Writer(output, on_broken=stop.set)
    sample_until(stop, probes, interval_s, writer.emit)
    writer.close(timeout_s=1.0)
    return 0


def _wait_for_sigterm(stop: threading.Event) -> None:
    # Not a handler: it would run inside the main thread's wait for this very event, and could hang there.
    signal.sigwait([signal.SIGTERM])
    stop.set()


def _wait_for_parent(stop: threading.Event, parent_pid: int) -> None:
    """Ends sampling at the end of input, or when the parent died while a forked copy holds the pipe."""
    while os.getppid() == parent_pid:
        ready, _, _ = select.select([0], [], [], 1.0)
        if ready and not os.read(0, 4096):
            break
    stop.set()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a probe that hangs in a thread must not keep the process
