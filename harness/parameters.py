"""Parameters: one way to declare one, to read it from text, and to check what is given.

Criteria, probes and faults are dataclasses whose fields are their parameters; shapes, and the options of a scenario,
are classes whose attributes are. Everywhere a parameter is written ``limit: float = parameter(0.05, "what it is")``, or
plainly ``keys: int = 20``. Standard library only, because shapes and load processes import it, by way of
:mod:`harness.plugins`.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, is_dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from harness.errors import nearest
from harness.written_units import without_unit

Value: TypeAlias = "str | int | float | bool | tuple[Value, ...] | list[Value] | None"

UNITS = {"per_s": "per second", "s": "seconds", "ms": "milliseconds", "bytes": "bytes", "ratio": "a ratio"}
"""By the last word of a name."""
BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
NO_LIMIT = (-math.inf, math.inf)


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: Any
    """``str``, ``int``, ``float``, ``bool``, a tuple of one of these, or a union of them."""
    default: Any = MISSING
    help: str = ""
    """One line, without a full stop."""
    lowest: float = -math.inf
    highest: float = math.inf
    choices: tuple[str, ...] = ()
    secret: bool = False
    """It is shown nowhere, and never enters a recording."""
    web: bool | None = None

    @property
    def unit(self) -> str:
        """In words, from the last part of the name; empty where it has none."""
        return next((unit for ending, unit in UNITS.items() if self.name.endswith(f"_{ending}")), "")

    @property
    def in_web_form(self) -> bool:
        """Whether the web form may set it. Text may be an address, a file or a command, so it may not, unless declared
        with ``web=True``: more people reach the page than the command line.
        """
        if self.web is not None:
            return self.web
        return bool(self.choices) or self.kind in (int, float, bool)

    @property
    def flag(self) -> str:
        return flag(self.name)

    def fits(self, value: object) -> bool:
        """Whether it is of the declared kind, whatever its bounds."""
        return _fits(self.kind, value)

    def problem(self, value: object) -> str | None:
        """What to give instead of ``value``, None when it can be used."""
        if not self.fits(value) or (self.choices and value not in self.choices):
            return f"give {self._wanted()}{self._meant(value)}"
        numbers = [part for part in (value if isinstance(value, tuple | list) else (value,)) if _is_number(part)]
        if not all(_is_finite(number) and self.lowest <= number <= self.highest for number in numbers):
            return f"give {self._wanted()}"
        return None

    def read(self, text: str) -> Value:
        """From the text of a command line, an environment variable or a form. What cannot be read stays text, for
        :meth:`problem` to refuse.
        """
        return _read(self.kind, text)

    @property
    def text(self) -> str:
        """The default, as it would be written."""
        return text_of(self.default)

    def shown(self, value: object) -> str:
        """A value for a message; a secret is not repeated, since it may be half of a token."""
        if self.secret:
            return "(secret)"
        return repr(value) if isinstance(value, str) and not value.isprintable() else f"{value}" or "''"

    def usable(self, value: Any) -> Any:
        """A value that has no problem, as its declaration has it: a whole number where a fraction is expected is one,
        and a list is as good as a tuple.
        """
        if isinstance(value, list):
            return tuple(value)
        return float(value) if self.kind is float and isinstance(value, int) else value

    def _meant(self, value: object) -> str:
        """What a number is that was written with its unit; empty for anything else."""
        figure = without_unit(self.name, value) if isinstance(value, str) and self.kind in (int, float) else None
        if figure is None:
            return ""
        meant = int(figure) if self.kind is int and figure.is_integer() else figure
        return "" if self.problem(meant) else f"; {value} is {meant:.12g}"

    def _wanted(self) -> str:
        if self.choices:
            return f"one of {', '.join(choice or 'nothing' for choice in self.choices)}"
        words = _words(self.kind)
        if "number" not in words or (self.lowest, self.highest) == NO_LIMIT:
            return words
        if math.isinf(self.highest):
            return f"{words} of {_figure(self.lowest)} or more"
        return f"{words} from {_figure(self.lowest)} to {_figure(self.highest)}"


def parameter(
    default: Any = MISSING,
    help: str = "",  # noqa: A002  the field's word, as in argparse
    *,
    lowest: float = 0,
    highest: float = math.inf,
    choices: Iterable[str] = (),
    secret: bool = False,
    web: bool | None = None,
) -> Any:
    """Declares a parameter of a criterion, a probe, a fault, a shape or a scenario.

    Without a ``default`` it has to be given. Numbers lie between ``lowest`` and ``highest``, both inclusive; text may
    be one of ``choices``. ``web``: whether the web form may set it, see :attr:`Parameter.in_web_form`. The unit is the
    ending of the name (``_s``, ``_per_s``, ``_ms``, ``_bytes``, ``_ratio``).
    """
    declared = {"help": help, "lowest": lowest, "highest": highest, "choices": tuple(choices), "web": web}
    return field(default=default, repr=not secret, metadata={**declared, "secret": secret})


def flag(name: str) -> str:
    """The command-line flag of an option."""
    return "--" + name.replace("_", "-")


def parameters_of(cls: type[Any]) -> tuple[Parameter, ...]:
    """The parameters that a class declares, in their order.

    Of a dataclass its fields, but those with ``init=False``; of any other class its attributes that are no methods, its
    parents' first.
    """
    if is_dataclass(cls):
        return _of_dataclass(cast(Hashable, cls))
    hints = get_type_hints(cls)
    found: dict[str, Parameter] = {}
    for parent in reversed(cls.__mro__):
        own = vars(parent)
        plain = (name for name, each in own.items() if isinstance(each, str | int | float | tuple | Field))
        for name in (*own.get("__annotations__", ()), *plain):
            if not name.startswith("_") and get_origin(hints.get(name)) is not ClassVar:
                default = own.get(name, MISSING)
                entry = default if isinstance(default, Field) else field(default=default)
                found[name] = _declared(name, hints.get(name), entry)
    return tuple(found.values())


@lru_cache(maxsize=256)
def _of_dataclass(cls: Any) -> tuple[Parameter, ...]:
    """Its fields stay as they are, and a verdict asks for those of each criterion several times."""
    hints = get_type_hints(cls)
    # What all have in common comes last.
    entries = sorted(dataclasses.fields(cls), key=lambda entry: bool(entry.kw_only))
    return tuple(_declared(entry.name, hints[entry.name], entry) for entry in entries if entry.init)


def undeclared(cls: type[Any]) -> list[str]:
    """The attributes of a class of options that are none, and those that a slip has made beside an inherited one."""
    problems: list[str] = []
    for parent in cls.__mro__:
        inherited = {
            name for each in parent.__mro__[1:] for name in (*vars(each), *vars(each).get("__annotations__", ()))
        }
        hints = vars(parent).get("__annotations__", {})
        for name, value in vars(parent).items():
            if name.startswith("_") or hasattr(value, "__get__"):
                continue
            if not isinstance(value, str | int | float | tuple | Field) and not (value is None and name in hints):
                problems.append(
                    f"{parent.__name__}.{name} is {value!r}: an option is text, a number, true or false, "
                    "or a tuple of these"
                )
            elif name not in inherited and (meant := nearest(name, inherited, 0.9)):
                problems.append(f"{parent.__name__}.{name}: did you mean {meant}, which it inherits?")
    return problems


def declared_in(cls: type[Any]) -> tuple[Parameter, ...]:
    """Only those of its own attributes that are declared with :func:`parameter`."""
    own = {name: each for name, each in vars(cls).items() if isinstance(each, Field)}
    hints = get_type_hints(cls) if own else {}
    return tuple(_declared(name, hints.get(name), each) for name, each in own.items())


def check(subject: str, declared: Iterable[Parameter], given: Mapping[str, Any]) -> list[str]:
    """Every reason why the parameters cannot be used as they are ``given``, each with its remedy.

    ``subject`` begins each line, e.g. ``Probe process``.
    """
    known = {each.name: each for each in declared}
    problems = name_problems(subject, known, given)
    for name, each in known.items():
        if name in given and (problem := each.problem(given[name])):
            problems.append(f"{subject}: {name} {each.shown(given[name])}: {problem}")
    return problems


def name_problems(subject: str, known: Mapping[str, Parameter], given: Mapping[str, Any]) -> list[str]:
    """Of :func:`check`, what is wrong with the names alone: unknown ones, and missing ones."""
    valid = ", ".join(known) or "none"
    problems = [
        f"{subject}: there is no parameter {name!r}. Valid ones: {valid}" for name in given if name not in known
    ]
    for name, each in known.items():
        if name not in given and each.default is MISSING:
            problems.append(f"{subject}: the parameter {name} is missing: give {each._wanted()}")
    return problems


def _declared(name: str, hint: Any, entry: Any) -> Parameter:
    default = entry.default_factory() if entry.default_factory is not MISSING else entry.default
    known = {key: value for key, value in entry.metadata.items() if key in Parameter.__dataclass_fields__}
    return Parameter(name, hint or type(default), default, **known)


def _read(hint: Any, text: str) -> Value:
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], part.strip()) for part in text.split(",") if part.strip())
    if hint is bool:
        return BOOLEANS.get(text.strip().lower(), text)
    if hint in (int, float):
        convert: Callable[[str], int | float] = hint
        try:
            return convert(text)
        except ValueError:
            return text
    return text


def _fits(hint: Any, value: object) -> bool:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(option, value) for option in get_args(hint))
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(get_args(hint)[0], item) for item in value)
    if hint is float:
        return _is_number(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(number: float) -> bool:
    """A whole number may be too large to be calculated with."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _words(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"a list of {_words(get_args(hint)[0]).removeprefix('a ').replace('number', 'numbers')}"
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_words(option) for option in get_args(hint))
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, str(hint))


def text_of(value: object) -> str:
    """A value as it would be written on the command line."""
    if isinstance(value, tuple | list):
        return ",".join(map(text_of, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "" if value is None or value is MISSING else str(value)


def _figure(bound: float) -> str:
    """Grouped only where it is long: a port is written 65535."""
    return f"{bound:{',' if bound >= 100_000 else ''}.0f}" if bound == int(bound) else f"{bound:g}"
