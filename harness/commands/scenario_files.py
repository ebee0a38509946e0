"""Which file a scenario on the command line is: a path, or the name of one of Springback's own, from any folder."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ConfigurationError, nearest
from harness.regular_file import is_file, is_folder

FOLDER = Path(__file__).parents[2] / "locustfiles"


def available() -> tuple[str, ...]:
    """Names of Springback's own scenarios, as on the command line: ``login-herd``."""
    files = (path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
    return tuple(sorted(path.stem.replace("_", "-") for path in files))


def named(word: str) -> Path | None:
    """The file of one of these."""
    return FOLDER / f"{word.replace('-', '_')}.py" if word.replace("_", "-") in available() else None


def find(word: str) -> str:
    """The path of a scenario; a file goes before a name. Raises ConfigurationError where there is neither."""
    path = Path(word)
    if is_file(path):
        return word
    if word and is_folder(path):
        raise ConfigurationError(f"{word}: a folder; name a scenario file, or run all of them: springback suite {word}")
    if own := named(word):
        return str(own)
    if "/" in word or word.endswith(".py"):
        meant = nearest(path.name, _beside(path))
        remedy = f"did you mean {path.with_name(meant)}?" if meant else f"name a scenario file, or one of {_names()}"
        raise ConfigurationError(f"{word}: there is no such file; {remedy}")
    own_file = f"{word.replace('-', '_')}.py"
    meant = own_file if word and is_file(Path(own_file)) else nearest(word, available())
    remedy = f"did you mean {meant}?" if meant else f"there are {_names()}"
    raise ConfigurationError(f"{word or 'an empty word'}: neither a file nor a scenario of Springback's; {remedy}")


def _beside(path: Path) -> list[str]:
    """Files that may have been meant; none where the folder cannot be read."""
    try:
        return sorted(each.name for each in path.parent.iterdir() if each.suffix == ".py")
    except OSError:
        return []


def _names() -> str:
    return ", ".join(available())
