"""Collections of garbage in a load process, none of which holds up its event loop for long.

A full collection looks at every object, and Python makes one whenever a quarter of them are new: ten thousand users who
connect, and connect again, are a dozen, the last of which take a fifth of a second each. Here what has survived one is
put aside, and the next looks at what has come since. Only when as much was put aside as there was in the beginning, all
of it is looked at again: so garbage that was put aside takes no more memory than that.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from math import prod
from typing import Any

FULL = 2
"""The generation of a full collection."""


class ShortCollections:
    """From :meth:`begin` to :meth:`end`."""

    def __init__(self) -> None:
        self._kept = 0
        """Objects that all have been looked at and are no garbage."""
        self._put_aside = 0
        """Since then, at most."""
        self._looks_at_all = False

    def begin(self) -> None:
        """Looks at all, which takes half a second where there are ten thousand users."""
        gc.collect()
        gc.freeze()
        self._kept, self._put_aside = gc.get_freeze_count(), 0
        gc.callbacks.append(self._on_collection)

    def end(self) -> None:
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, info: Mapping[str, Any]) -> None:
        if phase != "stop" or info["generation"] != FULL:
            return
        gc.freeze()
        if self._looks_at_all:
            self._looks_at_all = False
            self._kept, self._put_aside = gc.get_freeze_count(), 0
            return
        # So many are new when Python makes a full one. Python 3.14 has 0 for the last generation.
        self._put_aside += prod(filter(None, gc.get_threshold()))
        if self._put_aside > self._kept:
            self._looks_at_all = True
            gc.unfreeze()
