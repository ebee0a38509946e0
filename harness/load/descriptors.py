"""File descriptors: each open connection is one, and a process may have only so many."""

from __future__ import annotations

import math

try:
    import resource
except ImportError:  # not on Windows, which has no such limit
    resource = None  # type: ignore[assignment]

SPARE = 300
"""For everything that is no connection: modules, the recording, pipes, Locust's own sockets."""


def raise_limit() -> int | None:
    """Lets this process open as many files as the system allows it; how many that is, None for no limit."""
    if resource is None:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None if hard == resource.RLIM_INFINITY else hard


def most_connections(processes: int = 1) -> float:
    """That can be open in so many load processes of this machine; infinite where nothing limits them."""
    limit = raise_limit()
    return math.inf if limit is None else max(0, limit - SPARE) * max(1, processes)


def shortage(connections: int, processes: int = 1) -> str | None:
    """Why so many connections cannot be open in so many load processes of this machine; None if they can."""
    limit = raise_limit()
    each = -(-connections // max(1, processes)) + SPARE
    if limit is None or each <= limit:
        return None
    left = limit - SPARE
    return (
        f"{connections:,} connections in {processes} load process{'es' if processes > 1 else ''} take {each:,} file "
        f"descriptors each, and the system allows {limit:,}: raise the limit (ulimit -Hn)"
        + (f", or use --processes {-(-connections // left)}" if left > 0 else "")
    )
