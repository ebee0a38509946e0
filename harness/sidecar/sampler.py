"""Samples the target in a process of its own, so that a busy load generator does not delay it.

Started as ``python -m harness.sidecar.sampler``. The first line of its standard input is a JSON object with
``interval_s``, ``probes`` and ``parent_pid``; each line of its output is one reading. It ends when its input
closes, that is also when its parent was killed, and on SIGTERM. This module must import neither locust nor
gevent: they take seconds to load and replace the threads on which it relies.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from harness.errors import ConfigurationError
from harness.probes import Probe, Reading, as_data, from_data, name_of
from harness.safe_text import say
from harness.sidecar.child import LineWriter, ParentLink
from harness.sidecar.parent import Sidecar
from harness.sidecar.sampling_loop import sample_until

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
        self._process: Sidecar | None = None

    @property
    def alive(self) -> bool:
        """True while the sampling process runs."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts sampling and returns at once; the first readings come about 0.3 s later.

        Call it once, and after Locust has forked its workers.
        """
        if self._process is not None:
            raise RuntimeError("a Sampler is started once: make a new one for each run")
        plan = {"interval_s": self._interval_s, "probes": [as_data(probe) for probe in self._probes]}
        self._process = Sidecar("harness.sidecar.sampler", plan, self._on_line, self._on_end)

    def stop(self, timeout_s: float = 3.0) -> None:
        """Ends sampling. Readings already taken are handed on first; returns within about ``timeout_s``."""
        self._stopping = True
        if self._process is not None:
            self._process.stop(timeout_s)

    def _on_line(self, line: bytes) -> None:
        reading = _decode(line)
        if reading:
            self._sources[reading.probe, reading.source] = None
            self._forward(reading)

    def _on_end(self, cause: str) -> None:
        if self._stopping:
            return
        now_s, error = time.monotonic(), f"the sampling process ended ({cause}): nothing is sampled any more"
        say(error)
        known = {probe for probe, _ in self._sources}
        names = dict.fromkeys(name_of(probe) for probe in self._probes)
        for probe, source in [*self._sources, *((name, name) for name in names if name not in known)]:
            self._forward(RawReading(now_s, probe, source, {}, error))

    def _forward(self, reading: RawReading) -> None:
        try:
            self._on_reading(reading)
        except Exception as error:  # the receiver's defect must not end sampling
            logger.error("A reading of probe %s was lost: %s: %s", reading.probe, type(error).__name__, error)


def _decode(line: bytes) -> RawReading | None:
    try:
        return RawReading(**json.loads(line))
    except (ValueError, TypeError):
        return None  # the torn last line of a process that was killed


def main() -> int:
    """The sampling process. Returns its exit code: 0, or 2 when the first line is no plan."""
    parent = ParentLink()
    try:
        plan = json.loads(parent.line())
        probes = [from_data(data) for data in plan["probes"]]
        interval_s = float(plan["interval_s"])
        parent.obey(plan)
    except (ValueError, KeyError, TypeError, AttributeError):
        print('Standard input: give one line like {"interval_s": 1.0, "probes": []}', file=sys.stderr)
        return 2
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    writer = LineWriter(parent.output, on_broken=parent.stopping.set)

    def emit(now_s: float, probe: str, reading: Reading) -> None:
        raw = RawReading(now_s, probe, reading.source, dict(reading.values), reading.error)
        writer.put(json.dumps(asdict(raw), separators=(",", ":")).encode())

    sample_until(parent.stopping, probes, interval_s, emit)
    writer.close(timeout_s=1.0)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a probe that hangs in a thread must not keep the process
