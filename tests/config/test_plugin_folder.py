"""A folder is the list of its plug-ins as it is now, also within one process."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import plugins
from harness.errors import ConfigurationError
from harness.plugins import Folder

PACKAGE = "plug_ins_of_this_test"
MODULE = "import dataclasses\n\n\n@dataclasses.dataclass\nclass Mine:\n    def act(self): return {}\n"


class Files:
    """A package with a room, in which plug-ins are written and deleted."""

    def __init__(self, path: Path) -> None:
        self.path, self._changes = path, 0

    def write(self, file: str, text: str) -> None:
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._changed(path.parent)

    def delete(self, file: str) -> None:
        (self.path / file).unlink()
        self._changed((self.path / file).parent)

    def _changed(self, folder: Path) -> None:
        """Two changes may have come within one tick of the clock of the files."""
        self._changes += 1
        os.utime(folder, (self._changes, self._changes))
        importlib.invalidate_caches()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Files(tmp_path / PACKAGE)
    made.write("__init__.py", "")
    made.write("room/__init__.py", "")
    made.write("room/mine.py", MODULE.format(1))
    yield made
    plugins._known.pop(PACKAGE, None)
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


FOLDER = Folder(PACKAGE, "probe", "act")


def test_a_module_that_is_reloaded_has_another_class(files: Files) -> None:
    before = FOLDER.class_of("mine")
    assert FOLDER.class_of("mine") is before
    files.write("room/mine.py", MODULE.format(22))
    importlib.reload(sys.modules[before.__module__])
    assert FOLDER.class_of("mine") is not before and FOLDER.class_of("mine")().act() == 22


def test_one_that_is_deleted_is_there_no_more(files: Files) -> None:
    FOLDER.class_of("mine")
    files.delete("room/mine.py")
    files.write("others.py", MODULE.format(3))
    with pytest.raises(ConfigurationError, match=r"There is no probe 'mine'\. Choose one of: others"):
        FOLDER.class_of("mine")


def test_a_folder_that_is_held_stays_as_it_was(files: Files) -> None:
    FOLDER.class_of("mine")
    with FOLDER.held():
        with FOLDER.held():
            files.delete("room/mine.py")
            files.write("others.py", MODULE.format(3))
        assert FOLDER.class_of("mine")().act() == 1 and FOLDER.available() == ("mine",)
    assert FOLDER.available() == ("others",)


def test_two_files_of_one_name_are_refused_also_when_one_is_loaded(files: Files) -> None:
    FOLDER.class_of("mine")
    files.write("mine.py", MODULE.format(3))
    message = f"two files are the probe mine: {PACKAGE}.mine and {PACKAGE}.room.mine; rename one"
    with pytest.raises(ConfigurationError, match=message):
        FOLDER.class_of("mine")


@pytest.mark.parametrize(("text", "count"), [("", 0), (MODULE.format(1) + MODULE.format(2).replace("Mine", "B"), 2)])
def test_a_file_has_one_class(files: Files, text: str, count: int) -> None:
    files.write("room/mine.py", text)
    message = f"mine.py: {count} dataclasses with a method act. The file of a probe has exactly one"
    with pytest.raises(ConfigurationError, match=message):
        FOLDER.class_of("mine")


def test_another_name_of_the_class_is_no_second_one(files: Files) -> None:
    files.write("room/mine.py", f"{MODULE.format(1)}Former = Mine\n")
    assert FOLDER.class_of("mine").__name__ == "Mine"
