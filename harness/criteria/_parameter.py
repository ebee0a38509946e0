"""Parameters of a criterion: dataclass fields that know their help text and what values make sense."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, cast

from harness.recording import Scalar


@dataclass(frozen=True)
class Parameter:
    """A parameter as the command line sees it."""

    name: str
    kind: type
    """``float``, ``int`` or ``str``."""
    default: float | int | str
    help: str
    """One line, without a full stop."""
    lowest: float
    highest: float

    def problem(self, value: Scalar) -> str | None:
        """Why a value cannot be used, or None when it can."""
        if self.kind is str:
            return None if isinstance(value, str) else f"{self.name} must be text, not {value!r}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{self.name} must be a number, not {value!r}"
        if self.kind is int and not isinstance(value, int):
            return f"{self.name} must be a whole number, not {value!r}"
        if not math.isfinite(value):
            return f"{self.name} must be a finite number, not {value!r}"
        if not self.lowest <= value <= self.highest:
            return f"{self.name} must be {self._range()}, not {value!r}"
        return None

    def _range(self) -> str:
        if math.isinf(self.highest):
            return f"at least {self.lowest:g}"
        return f"between {self.lowest:g} and {self.highest:g}"


def parameter(default: Any, help: str, *, lowest: float = 0, highest: float = math.inf) -> Any:  # noqa: A002
    """A field of a criterion. Numbers lie between ``lowest`` and ``highest``, both inclusive."""
    return dataclasses.field(default=default, metadata={"help": help, "lowest": lowest, "highest": highest})


def name_parameter() -> Any:
    """The field ``name``, which every criterion has: with it a criterion can be used twice in one run."""
    return parameter("", "name of this finding, needed when the criterion is used twice")


def parameters_of(criterion: type[Any]) -> tuple[Parameter, ...]:
    """The parameters of a criterion class, in the order of its fields."""
    return tuple(
        Parameter(
            name=entry.name,
            kind=type(entry.default),
            default=cast(float | int | str, entry.default),
            help=entry.metadata["help"],
            lowest=entry.metadata["lowest"],
            highest=entry.metadata["highest"],
        )
        for entry in dataclasses.fields(criterion)
    )
