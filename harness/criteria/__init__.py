"""Criteria: each file here is one, a frozen dataclass whose fields are its parameters.

The file ``latency_quantile.py`` holds the class ``LatencyQuantile``, and ``latency_quantile`` is its public
name. Discovery lists the folder; files that begin with an underscore are no criteria. ``error_ratio.py`` is
the one to copy. A criterion is a pure function of a recording: it reads no clock and no environment.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable
from typing import cast

from harness.criteria._parameter import Parameter, parameters_of
from harness.findings import Criterion
from harness.recording import CriterionSpec

__all__ = ["CriterionError", "Parameter", "available", "load", "load_all", "name_of", "parameters", "summary"]


class CriterionError(ValueError):
    """Criteria that cannot be used as they are written. Lists every error, and what would be valid."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def available() -> tuple[str, ...]:
    """Names of all criteria, sorted."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name[0] != "_"))


def parameters(criterion: str) -> tuple[Parameter, ...]:
    """The parameters of a criterion. Raises CriterionError for an unknown one."""
    return parameters_of(_class(criterion))


def summary(criterion: str) -> str:
    """First line of the criterion's docstring. Raises CriterionError for an unknown one."""
    return (_class(criterion).__doc__ or "").strip().split("\n")[0]


def name_of(spec: CriterionSpec) -> str:
    """The name of the finding that this criterion makes."""
    return str(spec.parameters.get("name") or spec.criterion)


def load(spec: CriterionSpec) -> Criterion:
    """The criterion with its parameters. Raises CriterionError with all that is wrong about it."""
    known = {parameter.name: parameter for parameter in parameters(spec.criterion)}
    errors = []
    for key, value in spec.parameters.items():
        if key not in known:
            errors.append(f"{spec.criterion} has no parameter {key!r}; it has {', '.join(known)}")
        elif problem := known[key].problem(value):
            errors.append(f"{spec.criterion}: {problem}")
    if errors:
        raise CriterionError(errors)
    values = {
        # A whole number is fine where a fraction is expected, and the file may hold either.
        key: float(value) if isinstance(value, int) and known[key].kind is float else value
        for key, value in spec.parameters.items()
    }
    return cast(Criterion, _class(spec.criterion)(**values))


def load_all(specs: Iterable[CriterionSpec]) -> tuple[Criterion, ...]:
    """All criteria of a run. Raises one CriterionError with the errors of all of them."""
    specs = tuple(specs)
    loaded: list[Criterion] = []
    errors: list[str] = []
    for spec in specs:
        try:
            loaded.append(load(spec))
        except CriterionError as error:
            errors += error.errors
    for name, uses in Counter(name_of(spec) for spec in specs).items():
        if uses > 1:
            errors.append(f"{uses} criteria are called {name!r}; give all but one of them another name=")
    if errors:
        raise CriterionError(errors)
    return tuple(loaded)


def _class(criterion: str) -> type:
    if criterion not in available():
        raise CriterionError([f"there is no criterion {criterion!r}; there are {', '.join(available())}"])
    module = importlib.import_module(f"{__name__}.{criterion}")
    return cast(type, getattr(module, "".join(word.capitalize() for word in criterion.split("_"))))
