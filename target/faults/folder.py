"""The faults in this folder: each by its name, built from text parameters with every mistake named at once."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from target.errors import UsageError, all_problems
from target.faults.contract import Combine, Fault, Reading

MACHINERY = frozenset({"contract", "folder", "switchboard", "share"})
"""Modules of this folder that are not faults."""


def names() -> list[str]:
    """The public name of every fault, sorted."""
    return sorted(
        path.stem
        for path in Path(__file__).parent.glob("*.py")
        if not path.stem.startswith("_") and path.stem not in MACHINERY
    )


def parameters_of(name: str) -> dict[str, str]:
    """Parameter → how to write it (`bytes_per_login=INT`, or `delay_ms=400` with its default)."""
    described = {}
    for field in _parameters(class_of(name)):
        default = str(field.type).upper() if field.default is dataclasses.MISSING else str(field.default)
        described[field.name] = default
    return described


def build(name: str, given: Mapping[str, str]) -> Fault:
    """The fault `name` with its parameters; raises one UsageError that lists what is valid."""
    fault_class = class_of(name)
    fields = {field.name: field for field in _parameters(fault_class)}
    problems = [f"{key} is not a parameter of {name}" for key in given if key not in fields]
    values: dict[str, float] = {}
    for key, field in fields.items():
        if key not in given:
            if field.default is dataclasses.MISSING:
                problems.append(f"{key} is missing")
            continue
        try:
            values[key] = _number(str(field.type), given[key])
        except ValueError as error:
            problems.append(f"{key}={given[key]} {error}")
    if problems:
        raise all_problems(f"fault {name}", problems, f"valid: {_usage(name)}")
    try:
        fault = fault_class(**values)
    except ValueError as error:
        raise UsageError(f"fault {name}: {error}", f"valid: {_usage(name)}") from error
    if not isinstance(fault, Fault):
        raise TypeError(f"{fault_class.__name__} has no status(): see contract.py")
    return fault


def belongs_to_autoscaler(name: str) -> bool:
    """Whether the controller has this fault, and not the API processes."""
    return getattr(class_of(name), "where", "api") == "autoscaler"


def summed(name: str, accounts: Iterable[Mapping[str, Reading]]) -> dict[str, Reading]:
    """One account of a fault over several processes: each figure as the fault combines it, or added up; None when no
    process has it.
    """
    combine: Combine = getattr(class_of(name), "combine", {})
    columns: dict[str, list[float]] = {}
    for account in accounts:
        for key, value in account.items():
            columns.setdefault(key, []).extend([] if value is None else [value])
    return {key: combine.get(key, sum)(values) if values else None for key, values in columns.items()}


def class_of(name: str) -> type[Any]:
    """The dataclass behind a fault's name; raises UsageError that lists the valid names."""
    if name not in names():
        raise UsageError(f"there is no fault {name!r}", f"valid: {', '.join(names())}")
    module = importlib.import_module(f"target.faults.{name}")
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and dataclasses.is_dataclass(member)
    ]
    if len(found) != 1:
        raise TypeError(f"target/faults/{name}.py must define exactly one dataclass, it has {len(found)}")
    return found[0]


def _parameters(fault_class: type[Any]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(fault_class) if field.init]


def _usage(name: str) -> str:
    described = [f"{key}={how}" for key, how in parameters_of(name).items()]
    return " ".join(described) if described else "no parameters"


def _number(type_name: str, text: str) -> float:
    try:
        number = int(text) if type_name == "int" else float(text)
    except ValueError:
        raise ValueError("is not a whole number" if type_name == "int" else "is not a number") from None
    if not math.isfinite(number) or number < 0:
        raise ValueError("must be finite and not negative")
    return number
