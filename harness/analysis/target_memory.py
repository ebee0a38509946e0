"""Which sampled figure is memory of the target: of its processes, or of the containers that they run in."""

from __future__ import annotations

from collections.abc import Mapping

PROCESS = "process"
RESIDENT, WORKING_SET = "rss_bytes", "memory_working_set_bytes"
LIMIT = "memory_limit_bytes"
AGE = "memory_age_s"
"""How old the figure was when it was sampled, as far as whoever passed it on lets us know."""


def memory_key(probe: str) -> str:
    """How the figure is called with that probe. Any probe may tell of a working set; ``process`` tells of resident
    memory, and so do our own probes, of our own processes.
    """
    return RESIDENT if probe == PROCESS else WORKING_SET


def memory_bytes(probe: str, values: Mapping[str, float]) -> float | None:
    return values.get(memory_key(probe))
