"""Bokeh looks for pandas whenever a property is set, thousands of times a page: through all of ``sys.path`` where it is
not installed, for a tenth of the time that a page takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec


@contextmanager
def pandas_is_looked_for_once() -> Iterator[None]:
    """Where it is not found now it is not looked for until the end of the block."""
    if find_spec("pandas") is not None:
        yield
        return
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]  # None is how Python notes that there is none
    modules["pandas"] = None
    try:
        yield
    finally:
        del modules["pandas"]
