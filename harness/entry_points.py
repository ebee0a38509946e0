"""What is installed, looked through once.

As Locust is imported, gevent asks for plug-ins of its own 25 times, and each time Python reads a file of every package
that is installed: with those of Springback alone, a third of what it takes to start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any


@contextmanager
def read_once() -> Iterator[None]:
    """Whoever asks for entry points meanwhile is answered by what was there when they were first asked for."""
    read, known = metadata.entry_points, list[Any]()

    def entry_points(**wanted: Any) -> Any:
        if not known:
            known.append(read())
        return known[0].select(**wanted)

    metadata.entry_points = entry_points
    try:
        yield
    finally:
        metadata.entry_points = read
