"""A folder of plug-ins: one frozen dataclass a file, whose fields are its parameters. The folder is the list."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import ConfigurationError
from harness.parameters import Parameter, parameter_faults


@dataclass(frozen=True)
class Folder:
    """The plug-ins of one package. Files that begin with an underscore are none."""

    package: str
    kind: str
    """What one is called, in lower case: ``probe``, ``fault``."""
    method: str
    """The method by which its class is told from others in its file."""

    def available(self) -> tuple[str, ...]:
        """The names of all of them, in alphabetical order."""
        path = Path(importlib.import_module(self.package).__file__ or "").parent
        return tuple(sorted(m.name for m in pkgutil.iter_modules([str(path)]) if not m.name.startswith("_")))

    def class_of(self, name: str) -> type[Any]:
        """Raises ConfigurationError for an unknown name, or a file without exactly one class."""
        if name not in self.available():
            raise ConfigurationError(f"There is no {self.kind} {name!r}. Choose one of: {', '.join(self.available())}")
        module = importlib.import_module(f"{self.package}.{name}")
        found = [value for value in _own_classes(module) if is_dataclass(value) and hasattr(value, self.method)]
        if len(found) != 1:
            raise ConfigurationError(
                f"{module.__file__}: {len(found)} dataclasses with a method {self.method}. "
                f"The file of a {self.kind} has exactly one; copy noop.py to begin"
            )
        return found[0]

    def load(self, name: str, parameters: dict[str, Parameter]) -> Any:
        """The plug-in ``name`` with these parameters. A list is as good as a tuple.

        Raises ConfigurationError for an unknown name, or for all unknown, missing and ill-typed parameters.
        """
        plugin = self.class_of(name)
        faults = parameter_faults(f"{self.kind.capitalize()} {name}", plugin, parameters)
        if faults:
            raise ConfigurationError(faults)
        return plugin(**{key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()})


def name_of(plugin: object) -> str:
    """The public name of a plug-in: the name of its file."""
    return type(plugin).__module__.rpartition(".")[2]


def parameters_of(plugin: Any) -> dict[str, Any]:
    """Its parameters as plain data that survives JSON, for sending it to another process."""
    return {field.name: getattr(plugin, field.name) for field in fields(plugin) if field.init}


def _own_classes(module: ModuleType) -> list[type[Any]]:
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return [value for value in own if isinstance(value, type)]
