"""Latencies that nobody measured: a client of one's own may report each request as having taken no time at all."""

from __future__ import annotations

from harness.recording.values import Sparse


def unmeasured(latency: Sparse, which: str) -> str:
    """Why these latencies prove nothing; empty where they do, or where there are none. An answer takes a microsecond or
    more, so where all took none, none was timed.
    """
    if not latency or any(index and count for index, count in latency.items()):
        return ""
    return (
        f"the latency of all {which} is 0 µs, so nobody has measured it: a client that tells how long each took "
        "would settle it"
    )
