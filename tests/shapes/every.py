"""All shapes, found by listing the folder, and random valid parameters for any of them, also for ones to come."""

from __future__ import annotations

import atexit
import importlib
import pkgutil
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

import shapes
from shapes._phased import PhasedShape

NAMES = sorted(module.name for module in pkgutil.iter_modules(shapes.__path__) if not module.name.startswith("_"))
_TRACES = Path(tempfile.mkdtemp(prefix="springback-traces-"))
atexit.register(shutil.rmtree, _TRACES, ignore_errors=True)

UPPER = {"steps": 12, "teeth": 12, "pulses": 12, "days": 4, "bursts": 6}
"""Largest drawn counts: what takes longer shows nothing more."""


def shape_class(name: str) -> type[PhasedShape]:
    """The one shape that the file ``name`` is for."""
    module = importlib.import_module(f"shapes.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, PhasedShape) and value.__module__ == module.__name__
    )
    return found


def shape(name: str, **values: Any) -> PhasedShape:
    """A shape with its defaults and ``values``; a trace gets a file where none is named."""
    made = shape_class(name)()
    if "trace_file" in made.parameters:
        made.trace_file = trace_file([(0, 2), (4, 10), (4, 3), (9.5, 3)])  # type: ignore[attr-defined]
    for option, value in values.items():
        assert option in made.parameters, option
        setattr(made, option, value)
    return made


def trace_file(rows: list[tuple[float, float]]) -> str:
    path = _TRACES / f"{abs(hash(tuple(rows)))}.csv"
    path.write_text("".join(f"{t!r},{level!r}\n" for t, level in rows))
    return str(path)


@st.composite
def valid(draw: st.DrawFn, name: str) -> PhasedShape:
    """A shape with random parameters that can be run."""
    made = shape_class(name)()
    for option in made.parameters:
        setattr(made, option, draw(_value(type(made), option)))
    drawn: Any = made
    if "peak" in made.parameters:
        drawn.base, drawn.peak = sorted((drawn.base, drawn.peak))
    for part, whole in (("ramp_s", "spike_s"), ("ramp_s", "soak_s")):
        if part in made.parameters and whole in made.parameters:
            setattr(made, part, min(getattr(made, part), getattr(made, whole)))
    made.parked = draw(st.booleans())
    assume(not made.problems())
    return made


def _value(cls: type[PhasedShape], option: str) -> st.SearchStrategy[Any]:
    declared = cls.parameters[option]
    if declared.choices:
        return st.sampled_from(declared.choices)
    if option == "trace_file":
        level = st.floats(0, 60)
        rows = st.lists(st.tuples(st.integers(0, 60), level), min_size=2, max_size=20)
        return rows.map(lambda drawn: trace_file(sorted(drawn, key=lambda row: row[0])))
    if option == "pool_users":
        return st.sampled_from([0, 0, 1, 700])
    if option in ("trace_scale", "trace_speed"):
        return st.floats(0.1, 2)
    if declared.kind is str:
        return st.just(declared.default)
    lowest, highest = declared.lowest, declared.highest
    highest = min(highest, UPPER.get(option, 30 if option.endswith("_s") and not option.endswith("_per_s") else 60))
    if declared.kind is int:
        return st.integers(int(lowest), int(highest))
    return st.floats(lowest, highest)
