"""The templates of all pages: whatever a template prints is made safe and escaped, and what it was not given is an
error.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from harness.safe_text import safe
from reports._quantity import with_units

_PAGE = Path(__file__).parent


@cache
def template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_units"] = with_units
    return environment.get_template(name)


def _safe(value: object) -> object:
    """Every text that the template prints, before it is escaped; markup of our own passes as it is."""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def text(name: str) -> str:
    """A file beside the templates: a style sheet, or a script."""
    return (_PAGE / name).read_text(encoding="utf-8")


def style(*names: str) -> Markup:
    """Of style sheets, for the element of that name."""
    return Markup("".join(map(text, names)))
