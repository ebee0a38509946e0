"""Figures of a recording that several criteria and reports ask for are worked out once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from harness.recording import Recording

Parameters = ParamSpec("Parameters")
Figure = TypeVar("Figure")
Of = Callable[Concatenate[Recording, Parameters], Figure]


def once(function: Of[Parameters, Figure]) -> Of[Parameters, Figure]:
    """``function`` of a recording, and of positional arguments that can be keys; whoever gets its result leaves it
    unchanged.
    """

    @wraps(function)
    def remembered(recording: Recording, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        key = (function, args, tuple(kwargs.items()))
        if key not in recording.worked_out:
            recording.worked_out[key] = function(recording, *args, **kwargs)
        return cast(Figure, recording.worked_out[key])

    return cast(Of[Parameters, Figure], remembered)
