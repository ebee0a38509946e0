"""``springback new``: a scenario of one's own, its config file and its CI job, which run as they are.

A kind is one file, ``templates/KIND.py.j2``, with what is its own of the config file beside it.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.clients.address import is_loopback, url_problems
from harness.errors import ConfigurationError
from harness.regular_file import is_there

TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.IGNORECASE)
WORKFLOWS = Path(".github") / "workflows"
PACKAGES = {"grpc": ("grpcio",)}
"""What a kind imports and Springback does not bring along."""


def kinds() -> tuple[str, ...]:
    return tuple(sorted(path.name.removesuffix(".py.j2") for path in TEMPLATES.glob("*.py.j2")))


def has_password(kind: str) -> bool:
    """Whether its users log in."""
    return "secret=True" in (TEMPLATES / f"{kind}.py.j2").read_text(encoding="utf-8")


def write(name: str, kind: str, host: str, directory: Path) -> list[Path]:
    """Writes the three files and returns them. Raises ConfigurationError with everything that is in the way; then
    nothing is written.
    """
    file = name.replace("-", "_")
    problems = _name_problems(name, file)
    host_problems = url_problems(host)
    problems += [f"--host {problem}" for problem in host_problems]
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Python and YAML; what comes from outside is checked before
    )
    address = "" if host_problems else urlsplit(host).hostname or ""
    foreign = "" if address == "localhost" or is_loopback(address) else address
    values = {
        "name": name,
        "file": file,
        "kind": kind,
        "has_password": has_password(kind),
        "packages": PACKAGES.get(kind, ()),
        "host": host,
        "foreign": foreign,
        "baseline_s": 10 if kind == "websocket" else 30,
    }
    wanted = {
        directory / f"{file}.py": f"{kind}.py.j2",
        directory / f"{file}.conf": "run.conf.j2",
        directory / WORKFLOWS / f"{file}.yml": "workflow.yml.j2",
    }
    problems += [f"{path}: is there already; choose another name, or take it away" for path in wanted if is_there(path)]
    if problems:
        raise ConfigurationError(problems)
    try:
        for path, template in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(templates.get_template(template).render(values), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{error.filename or directory}: cannot be written ({error.strerror})") from None
    return list(wanted)


def _name_problems(name: str, file: str) -> list[str]:
    if not _NAME.fullmatch(name):
        shown = name if name.isprintable() else repr(name)
        return [f"{shown[:80] or 'an empty name'}: give a name of letters, digits, - and _, e.g. spring-sale"]
    # Locust puts the folder of a locustfile before everything else that is imported.
    if file in sys.stdlib_module_names or importlib.util.find_spec(file) is not None:
        return [f"{name}: {file}.py would hide the module {file} of Python; choose another name, e.g. {name}-spike"]
    return []
