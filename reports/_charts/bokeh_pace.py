"""Bokeh looks for pandas whenever a property is set, thousands of times a page: through all of ``sys.path`` where it is
not installed, for a tenth of the time that a page takes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

PANDAS = "pandas"
_blocks = 0
"""So many have noted that it is not there: one may lie in another, or beside it in another thread."""
_noting = threading.Lock()


@contextmanager
def pandas_is_looked_for_once() -> Iterator[None]:
    """Where it is not found now it is not looked for until the end of the block."""
    global _blocks
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]  # None is how Python notes that there is none
    with _noting:
        # What is there already, a module or somebody else's None, stays as it is.
        notes = bool(_blocks) or (PANDAS not in modules and find_spec(PANDAS) is None)
        if notes:
            _blocks += 1
            modules.setdefault(PANDAS, None)
    try:
        yield
    finally:
        with _noting:
            _blocks -= notes
            if notes and not _blocks and modules.get(PANDAS) is None:
                modules.pop(PANDAS, None)
