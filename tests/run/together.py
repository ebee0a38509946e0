"""Which run a test looks at.

Runs take their time but little of the machine, so those of one file go several at a time. A test says
``@together(function)``, or ``@together(function, way=["local", "forked"])`` for one test a way, and gets what the
function returned as ``outcome``. Tests of the same function and values share one run. See conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest


@dataclass(frozen=True)
class Case:
    """A function of this file, and the arguments it gets after the directory."""

    function: Callable[..., Any]
    arguments: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return "-".join([_told(value) for _, value in self.arguments]) or self.function.__name__


def _told(value: object) -> str:
    return " ".join(map(str, value[:3])) if isinstance(value, tuple) else str(value)


def together(function: Callable[..., Any], **values: Sequence[Any]) -> pytest.MarkDecorator:
    cases = [Case(function, tuple(zip(values, combined, strict=True))) for combined in product(*values.values())]
    return pytest.mark.parametrize("outcome", cases, ids=str, indirect=True)
