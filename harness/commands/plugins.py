"""``springback plugins``: what there is to choose from, found by listing the folders, each with its parameters."""

from __future__ import annotations

import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass

from harness import criteria, faults, probes
from harness.config import presets
from harness.errors import ConfigurationError
from harness.plugins import Parameter, loaded

WIDTH = 110


@dataclass(frozen=True)
class Entry:
    name: str
    about: str
    """One line."""
    parameters: tuple[Parameter, ...] = ()


def _criterion(name: str) -> Entry:
    kind = "guard" if criteria.is_guard(name) else f"measured by: {criteria.evidence_of(name)}"
    return Entry(name, f"{criteria.summary(name)} ({kind})", criteria.parameters(name))


def _shape(name: str) -> Entry:
    from shapes._phased import PhasedShape

    module = loaded(f"shapes.{name}")
    (shape,) = (
        each
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, PhasedShape) and each.__module__ == module.__name__
    )
    return Entry(name, _first_line(module.__doc__), tuple(shape.parameters.values()))


def _report(name: str) -> Entry:
    form = loaded(f"reports.{name}")
    return Entry(name, f"{form.FILE_NAME}: {_first_line(form.__doc__)}")


def _names_of_shapes() -> Iterable[str]:
    import shapes

    return (found.name for found in pkgutil.iter_modules(shapes.__path__) if not found.name.startswith("_"))


def _names_of_reports() -> Iterable[str]:
    import reports

    return reports.available()


KINDS: dict[str, tuple[Callable[[], Iterable[str]], Callable[[str], Entry]]] = {
    "criteria": (criteria.available, _criterion),
    "probes": (probes.available, lambda name: Entry(name, probes.summary(name), probes.parameters(name))),
    "faults": (faults.available, lambda name: Entry(name, faults.summary(name), faults.parameters(name))),
    "shapes": (_names_of_shapes, _shape),
    "reports": (_names_of_reports, _report),
    "presets": (presets.available, lambda name: Entry(name, presets.summary_of(name))),
}
"""Kind → the names of all, and what there is to say of one."""


def overview() -> str:
    """The names of all kinds, for whoever does not know yet which kind to ask for."""
    lines: list[str] = []
    for kind, (names, _) in KINDS.items():
        lines += [f"{kind}:", *_wrapped(", ".join(names()), "    ", "    "), ""]
    return "\n".join([*lines, "springback plugins KIND says what each of a kind does, and its parameters"])


def listing(kind: str) -> str:
    """All of one kind, for people: name, what it is, and each parameter with its default and its bounds. One that
    cannot be loaded says why, and hides no other.
    """
    lines: list[str] = []
    names, entry_of = KINDS[kind]
    for name in names():
        try:
            entry = entry_of(name)
        except ConfigurationError as error:
            entry = Entry(name, f"cannot be loaded: {error}")
        lines += [entry.name, *_wrapped(entry.about, "    ")]
        for each in entry.parameters:
            default = "required" if each.default is MISSING else f"default {each.text or 'empty'}"
            lines += _wrapped(f"{each.name} ({default}): {each.help}", "      ")
        lines.append("")
    return "\n".join(lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _wrapped(text: str, indent: str, hanging: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=hanging or indent + "  ")
