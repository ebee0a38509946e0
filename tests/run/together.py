"""Which run a test looks at.

A test says ``@together(function)``, or ``@together(function, way=["local", "forked"])`` for one test a way, and gets
what the function returned as ``outcome``. Tests of the same function and values share one run. All runs of a session
are made in one pool; see pool.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest


@dataclass(frozen=True)
class Case:
    """A function of this file, and the arguments it gets after the directory."""

    function: Callable[..., Any]
    arguments: tuple[tuple[str, Any], ...]
    takes_s: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        return "-".join([_told(value) for _, value in self.arguments]) or self.function.__name__


def _told(value: object) -> str:
    return " ".join(map(str, value[:3])) if isinstance(value, tuple) else str(value)


def together(function: Callable[..., Any], *, takes_s: float = 0.0, **values: Sequence[Any]) -> pytest.MarkDecorator:
    """``takes_s`` only where it is long, so that it is begun before the others."""
    combinations = product(*values.values())
    cases = [Case(function, tuple(zip(values, combined, strict=True)), takes_s) for combined in combinations]
    return pytest.mark.parametrize("outcome", cases, ids=str, indirect=True)


def beside(function: Callable[..., None]) -> Callable[..., None]:
    """For a test that takes its time and little of the machine."""
    return pytest.mark.beside(function)
