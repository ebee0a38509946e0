"""What a sampled figure is about, by the names that probes and the limits of the alerts give it: for the pages that
draw it."""

from __future__ import annotations

from harness.analysis import generator, machine
from harness.analysis.alerts import Limits
from harness.analysis.target_memory import LIMIT, PROCESS, memory_key
from harness.recording.header import Header

MEMORY, CPU, POOL, BREAKER, REPLICAS, CONNECTIONS, QUEUE = (
    "memory",
    "cpu",
    "pool",
    "breaker",
    "replicas",
    "connections",
    "queue",
)
GENERATOR_LAG, GENERATOR_CPU = "generator lag", "generator cpu"
MEMORY_LIMIT, THROTTLING = "memory limit", "throttling"
OF_OURS = frozenset({machine.PROBE, machine.RUN_CPU})
"""Probes that do not look at the target."""
WORDS = {
    BREAKER: ("breaker_state",),
    CONNECTIONS: ("connections", "sessions", "numbackends"),
    QUEUE: ("queue", "length"),
}
"""Parts of names."""
OF_TARGET = {generator.CPU: CPU, LIMIT: MEMORY_LIMIT, "cpu_throttled_ratio": THROTTLING}


class Subjects:
    def __init__(self, header: Header, limits: Limits) -> None:
        self._busy, _, self._size = limits.pool_names.partition("/")
        self._replicas = [name for name in limits.replicas_name.split(",") if name]
        states = (str(spec.parameters.get("state") or "") for spec in header.criteria)
        self._breaker_states = {state for state in states if state}

    def of(self, probe: str, key: str) -> str:
        """One of the subjects, empty for any other figure."""
        if probe == generator.PROBE:
            return {generator.LOOP_LAG: GENERATOR_LAG, generator.CPU: GENERATOR_CPU}.get(key, "")
        if key == memory_key(probe):
            return MEMORY
        if probe in OF_OURS:
            return ""
        if (subject := OF_TARGET.get(key)) is not None:
            return subject
        if probe == PROCESS:
            return ""
        name = key.partition("{")[0]
        if key in self._breaker_states or name in self._breaker_states:
            return BREAKER
        if key in self._replicas:
            return REPLICAS
        if self._busy and self._size and (self._busy in key or key.endswith(self._size)) and not key.endswith("_bytes"):
            return POOL
        if name.endswith(("_total", "_count", "_sum", "_bucket", "_s", "_bytes")):
            return ""
        return next((subject for subject, words in WORDS.items() if any(word in name for word in words)), "")
