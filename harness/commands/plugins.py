"""``springback plugins``: what there is to choose from, found by listing the folders, each with its parameters."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass

from harness import criteria, faults, probes
from harness.plugins import Parameter

WIDTH = 110


@dataclass(frozen=True)
class Entry:
    name: str
    about: str
    """One line."""
    parameters: tuple[Parameter, ...] = ()


def _criteria() -> Iterator[Entry]:
    for name in criteria.available():
        kind = "guard" if criteria.is_guard(name) else f"measured by: {criteria.evidence_of(name)}"
        yield Entry(name, f"{criteria.summary(name)} ({kind})", criteria.parameters(name))


def _probes() -> Iterator[Entry]:
    return (Entry(name, probes.summary(name), probes.parameters(name)) for name in probes.available())


def _faults() -> Iterator[Entry]:
    return (Entry(name, faults.summary(name), faults.parameters(name)) for name in faults.available())


def _shapes() -> Iterator[Entry]:
    import shapes
    from shapes._phased import PhasedShape

    for found in pkgutil.iter_modules(shapes.__path__):
        if not found.name.startswith("_"):
            module = importlib.import_module(f"shapes.{found.name}")
            for shape in vars(module).values():
                if inspect.isclass(shape) and issubclass(shape, PhasedShape) and shape.__module__ == module.__name__:
                    yield Entry(found.name, _first_line(module.__doc__), tuple(shape.parameters.values()))


def _reports() -> Iterator[Entry]:
    import reports

    for name, form in reports.formats().items():
        yield Entry(name, f"{form.FILE_NAME}: {_first_line(form.__doc__)}")


KINDS: dict[str, Callable[[], Iterable[Entry]]] = {
    "criteria": _criteria,
    "probes": _probes,
    "faults": _faults,
    "shapes": _shapes,
    "reports": _reports,
}


def listing(kind: str) -> str:
    """All of one kind, for people: name, what it is, and each parameter with its default and its bounds."""
    lines: list[str] = []
    for entry in KINDS[kind]():
        lines += [entry.name, *_wrapped(entry.about, "    ")]
        for each in entry.parameters:
            default = "required" if each.default is MISSING else f"default {each.text or 'empty'}"
            lines += _wrapped(f"{each.name} ({default}): {each.help}", "      ")
        lines.append("")
    return "\n".join(lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
