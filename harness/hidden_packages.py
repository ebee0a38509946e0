"""Folders of the user's that hide packages of Springback: Locust looks for modules in the current folder and in that of
the locustfile before anywhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

OURS = ("harness", "shapes", "reports")
ROOT = Path(__file__).resolve().parents[1]
EXIT_USAGE = 2
"""As in :mod:`harness.findings`, which imports others of ours."""


def problems(folders: Iterable[Path]) -> list[str]:
    """One line for each package that one of these folders, which are looked at before ours, hides."""
    found = dict.fromkeys(path for folder in folders for path in _hiding(folder))
    return [
        f"{path}: hides Springback's own package {path.stem}, because Locust looks there first; rename it, "
        "or run from another folder"
        for path in found
    ]


def require_none() -> None:
    """Ends the process with words, where it looks somewhere before it comes to ours and finds another there."""
    if found := problems(
        takewhile(lambda folder: folder.resolve() != ROOT, (Path(entry or ".") for entry in sys.path))
    ):
        from harness.safe_text import say

        for problem in found:
            say(problem)
        sys.exit(EXIT_USAGE)


def _hiding(folder: Path) -> Iterator[Path]:
    """A folder without ``__init__.py`` hides nothing."""
    for name in OURS:
        package, module = folder / name, folder / f"{name}.py"
        if (package / "__init__.py").is_file() and package.resolve() != ROOT / name:
            yield package
        elif module.is_file():
            yield module
