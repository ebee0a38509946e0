"""Checks parameters against the fields of a dataclass: a slip is an error message and not a traceback."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

Parameter: TypeAlias = "str | int | float | bool | tuple[Parameter, ...] | list[Parameter] | None"


def parameter_faults(subject: str, cls: type[Any], parameters: Mapping[str, Parameter]) -> list[str]:
    """Every reason why ``cls(**parameters)`` is wrong, each with its remedy; empty when there is none.

    ``subject`` begins each message, e.g. ``Probe process``.
    """
    hints = get_type_hints(cls)
    known = {field.name: field for field in fields(cls) if field.init}
    valid = ", ".join(known) or "none"
    faults = [
        f"{subject}: there is no parameter {name!r}. Valid ones: {valid}" for name in parameters if name not in known
    ]
    faults += [
        f"{subject}: the parameter {name!r} is missing. Give it as {_words(hints[name])}"
        for name, field in known.items()
        if field.default is MISSING and field.default_factory is MISSING and name not in parameters
    ]
    faults += [
        f"{subject}: {name} is {type(value).__name__} {value!r}. Give {_words(hints[name])}"
        for name, value in parameters.items()
        if name in known and not _fits(hints[name], value)
    ]
    return faults


def from_text(cls: type[Any], texts: Mapping[str, str]) -> dict[str, Parameter]:
    """Parameters of ``cls`` written as text. What cannot be read stays text, for :func:`parameter_faults` to refuse."""
    hints = get_type_hints(cls)
    return {name: _read(hints.get(name, str), text) for name, text in texts.items()}


def _read(hint: Any, text: str) -> Parameter:
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], part.strip()) for part in text.split(",") if part.strip())
    if hint is bool:
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    if hint in (int, float):
        try:
            number: Parameter = hint(text)
        except ValueError:
            return text
        return number
    return text


def _fits(hint: Any, value: object) -> bool:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(option, value) for option in get_args(hint))
    if origin is tuple:
        return isinstance(value, (tuple, list)) and all(_fits(get_args(hint)[0], item) for item in value)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"a list of {get_args(hint)[0].__name__}"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, str(hint))
