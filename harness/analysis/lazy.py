"""Modules that are loaded at their first use.

Every load process imports the criteria, since each parameter of theirs is an option; only the process that judges a
recording calculates. So numpy and scipy wait until then: they would cost a load process 75 MB and a second.
"""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any

__all__ = ["ArrayLike", "BoolArray", "FloatArray", "IntArray", "NDArray", "np", "optimize", "special", "stats"]


class LazyModule(types.ModuleType):
    """Stands for the module of this name."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)  # so that this is not called again for it
        return value


if TYPE_CHECKING:  # a type checker sees the modules themselves
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from scipy import optimize, special, stats

    BoolArray: TypeAlias = NDArray[np.bool_]
    FloatArray: TypeAlias = NDArray[np.float64]
    IntArray: TypeAlias = NDArray[np.int64]
else:
    np = LazyModule("numpy")
    optimize, special, stats = (LazyModule(f"scipy.{name}") for name in ("optimize", "special", "stats"))
    ArrayLike = BoolArray = FloatArray = IntArray = NDArray = Any
