"""Plug-ins: a folder is the list of its plug-ins, and one loader finds them and checks their parameters.

The file's name is the public name, and files that begin with an underscore are none. How a parameter is declared is in
:mod:`harness.parameters`; its names are offered here, too, so that a plug-in needs one import. Standard library only,
because shapes and load processes import it.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from harness.errors import ConfigurationError, nearest
from harness.parameters import (
    Parameter,
    Value,
    check,
    declared_in,
    flag,
    name_problems,
    parameter,
    parameters_of,
    undeclared,
)

__all__ = [
    "Folder",
    "Parameter",
    "PlugIn",
    "Value",
    "declared_in",
    "flag",
    "name_of",
    "parameter",
    "parameters_of",
    "undeclared",
    "values_of",
]


def values_of(plugin: Any) -> dict[str, Any]:
    """The parameters of a plug-in as plain data that survives JSON, for sending it to another process."""
    return {entry.name: getattr(plugin, entry.name) for entry in dataclasses.fields(plugin) if entry.init}


def name_of(plugin: object) -> str:
    """The public name of a plug-in: the name of its file."""
    return type(plugin).__module__.rpartition(".")[2]


class PlugIn:
    """Base of probes and faults, which are frozen dataclasses: one code checks their parameters, whether a
    :class:`Folder` has loaded them or a scenario makes them itself.
    """

    kind: ClassVar[str] = "Plug-in"
    """What it is called at the beginning of a message."""
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __post_init__(self) -> None:
        """Raises ConfigurationError with everything that is wrong about the parameters."""
        declared, subject = parameters_of(type(self)), f"{self.kind} {name_of(self)}"
        problems = check(subject, declared, values_of(self))
        if all(each.fits(getattr(self, each.name)) for each in declared):
            problems += [f"{subject}: {conflict}" for conflict in self.conflicts()]
        if problems:
            raise ConfigurationError(problems)

    def conflicts(self) -> Iterable[str]:
        """What is wrong that the declarations cannot say, each with its remedy. All values are of their types."""
        return ()


def loaded(module: str) -> ModuleType:
    """The module of a plug-in. Raises ConfigurationError, with file and line, for whatever its file raises."""
    try:
        return importlib.import_module(module)
    except Exception as error:
        file = f"{module.replace('.', '/')}.py"
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        place = f"{file}, line {line}" if line else file
        words = error.msg if isinstance(error, SyntaxError) else f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"{place}: {words}; mend the file, or take it out of the folder") from error


@dataclass(frozen=True)
class Folder:
    """The plug-ins of one package and of its rooms. Files that begin with an underscore are none."""

    package: str
    kind: str
    """What one is called, in lower case: ``probe``, ``fault``."""
    method: str
    """The method by which its class is told from others in its file."""

    def modules(self) -> Mapping[str, str]:
        """Name of each → its module, in alphabetical order. Raises ConfigurationError for two of one name.

        Read again when a file has come or gone.
        """
        changed_ns, found = _known.get(self.package, ({}, {}))
        if self.package in _held:
            return found
        if not changed_ns or any(_changed_ns(folder) != then_ns for folder, then_ns in changed_ns.items()):
            changed_ns, found = dict[Path, int](), dict[str, str]()
            for name, module in sorted(_modules_in(self.package, changed_ns)):
                if name in found:
                    raise ConfigurationError(
                        f"two files are the {self.kind} {name}: {found[name]} and {module}; rename one"
                    )
                found[name] = module
            _known[self.package] = changed_ns, found
        return found

    @contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile nobody looks whether a file has come or gone: for what asks for its plug-ins again and again, and
        should find the same ones each time, as a verdict does.
        """
        self.modules()
        is_outermost = self.package not in _held
        _held.add(self.package)
        try:
            yield
        finally:
            if is_outermost:
                _held.discard(self.package)

    def available(self) -> tuple[str, ...]:
        """The names of all of them, in alphabetical order."""
        return tuple(self.modules())

    def class_of(self, name: str) -> type[Any]:
        """Raises ConfigurationError for an unknown name, and a file that cannot be loaded or has not one class."""
        modules = self.modules()
        if name not in modules:
            meant = nearest(name, modules)
            remedy = f"Did you mean {meant}?" if meant else f"Choose one of: {', '.join(modules)}"
            raise ConfigurationError(f"There is no {self.kind} {name!r}. {remedy}")
        module = loaded(modules[name])
        # Kept there, because a verdict asks for each several times; a module that is reloaded has another one.
        kept = vars(module).get(_CLASS)
        if kept is None or vars(module).get(kept[0].__name__) is not kept[0]:
            kept = vars(module)[_CLASS] = (self._class_in(module),)  # in a tuple, or it would be a second one there
        found: type[Any] = kept[0]
        return found

    def _class_in(self, module: ModuleType) -> type[Any]:
        own = {each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__}
        found = [each for each in own if is_dataclass(each) and hasattr(each, self.method)]
        if len(found) != 1:
            raise ConfigurationError(
                f"{module.__file__}: {len(found)} dataclasses with a method {self.method}. "
                f"The file of a {self.kind} has exactly one"
            )
        return found[0]

    def parameters(self, name: str) -> tuple[Parameter, ...]:
        """Raises ConfigurationError as :meth:`class_of` does."""
        return parameters_of(self.class_of(name))

    def summary(self, name: str) -> str:
        """First line of its docstring. Raises ConfigurationError as :meth:`class_of` does."""
        return (self.class_of(name).__doc__ or "").strip().partition("\n")[0]

    def load(self, name: str, given: Mapping[str, Any]) -> Any:
        """The plug-in ``name`` with these parameters. A list is as good as a tuple.

        Raises ConfigurationError for an unknown name, or for all unknown, missing and ill-typed parameters.
        """
        plugin = self.class_of(name)
        declared = {each.name: each for each in parameters_of(plugin)}
        subject = f"{self.kind.capitalize()} {name}"
        problems = check(subject, declared.values(), given)
        # A PlugIn tells these itself, together with its conflicts; but without the right names it cannot be made.
        if problems and (not issubclass(plugin, PlugIn) or name_problems(subject, declared, given)):
            raise ConfigurationError(problems)
        return plugin(**{key: declared[key].usable(value) for key, value in given.items()})

    def from_text(self, name: str, texts: Mapping[str, str]) -> dict[str, Value]:
        """Parameters of ``name`` that are written as text. What cannot be read stays text, for :meth:`load` to refuse.

        Raises ConfigurationError as :meth:`class_of` does.
        """
        declared = {each.name: each for each in self.parameters(name)}
        return {key: declared[key].read(text) if key in declared else text for key, text in texts.items()}


_CLASS = "_class_of_the_plug_in"
_known: dict[str, tuple[dict[Path, int], dict[str, str]]] = {}
"""Package → its folders, each with when it was last changed, and what was found in them then."""
_held: set[str] = set()
"""Packages at whose folders nobody looks just now."""


def _modules_in(package: str, changed_ns: dict[Path, int]) -> Iterator[tuple[str, str]]:
    """Name and module of each plug-in. Notes the folders."""
    for path in importlib.import_module(package).__path__:
        folder = Path(path)
        changed_ns[folder] = _changed_ns(folder)
        for each in pkgutil.iter_modules([path]):
            module = f"{package}.{each.name}"
            if each.name.startswith("_"):
                continue
            if each.ispkg:
                yield from _modules_in(module, changed_ns)
            else:
                yield each.name, module


def _changed_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
