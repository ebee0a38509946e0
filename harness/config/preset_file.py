"""The files of presets: found by name or path, and read with those that they extend.

A file may begin with ``extends = "NAME"``, or the path of another one from its own folder: it has everything that the
other has, and overrides it key by key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, nearest
from harness.regular_file import is_file, regular

FOLDER = Path(__file__).parents[2] / "presets"
ENDING = ".toml"
EXTENDS = "extends"
MOST_BYTES = 1_000_000
MOST_FILES = 10
"""One after the other; more are a circle, or a muddle."""

Table = Mapping[str, Any]


def available() -> tuple[str, ...]:
    """Names of the built-in ones, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{ENDING}")))


def read(word: str) -> Table:
    """The preset of this name, or at this path, with all that it extends. Raises ConfigurationError."""
    body, path = _parsed(word, word, Path())
    files = [path]
    while (other := body.get(EXTENDS)) is not None:
        if not isinstance(other, str) or not other.strip():
            raise ConfigurationError(f'--preset {word}: {EXTENDS}: give one name, or one path, {EXTENDS} = "NAME"')
        extended, path = _parsed(word, other, files[-1].parent)
        if path in files or len(files) >= MOST_FILES:
            raise ConfigurationError(f"--preset {word}: {EXTENDS} {other}: they extend each other; end the circle")
        files.append(path)
        body = _over(extended, {key: value for key, value in body.items() if key != EXTENDS})
    return body


def _over(below: Table, above: Table) -> dict[str, Any]:
    """Tables are laid over each other, key by key; of anything else the upper one holds."""
    both = {
        key: _over(below[key], value) if isinstance(value, Mapping) and isinstance(below.get(key), Mapping) else value
        for key, value in above.items()
    }
    return {**below, **both}


def _parsed(asked: str, word: str, folder: Path) -> tuple[Table, Path]:
    """What lies at a name, or at a path from this folder. ``asked`` is what the command line says."""
    said = f"--preset {asked}" if word == asked else f"--preset {asked}: {EXTENDS} {word}"
    is_path = "/" in word or word.endswith(ENDING)
    path = folder / word if is_path else FOLDER / f"{word}{ENDING}"
    if path.parent == FOLDER and not is_file(path):
        meant = nearest(word, available())
        remedy = f"did you mean {meant}?" if meant else f"there is {' and '.join(available())}."
        raise ConfigurationError(
            f"{said}: there is no such preset; {remedy} One of your own is named by the path of its file"
        )
    try:
        regular(path)
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{said}: larger than a megabyte, so it is no preset; correct the path")
        return tomllib.loads(path.read_text(encoding="utf-8")), path.resolve()
    except OSError as error:
        raise ConfigurationError(f"{said}: cannot be read ({error.strerror or error}); correct the path") from None
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        words = "not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigurationError(f"{said}: {words}; mend the file") from None
