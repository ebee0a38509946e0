"""Modules that are loaded at their first use.

Every load process imports the criteria, since each parameter of theirs is an option; only the process that judges a
recording calculates. So numpy and scipy wait until then: they would cost a load process 75 MB and a second.
"""

from __future__ import annotations

import importlib
import types
from typing import Any


class LazyModule(types.ModuleType):
    """Stands for the module of this name. The name is bound below ``if TYPE_CHECKING: … else:``, so that a type
    checker sees the module itself.
    """

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)  # so that this is not called again for it
        return value
