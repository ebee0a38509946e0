"""A copy of the tree in which the pages' files are put in place, and who answers about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import NOT_RUN, ROOT, all_blocks
from tests.ports import free_port

FOLDERS = {
    "python shape": "shapes",
    "python probe": "harness/probes",
    "python fault": "harness/faults",
    "python criterion": "harness/criteria",
    "python guard": "harness/criteria/guards",
    "python report": "reports",
    "python target-fault": "target/faults",
}
COPIED = (
    "harness",
    "shapes",
    "reports",
    "target",
    "locustfiles",
    "presets",
    "examples",
    "tests",
    "benchmarks",
    "Makefile",
)
PORT = re.compile(r"\b8000\b")
"""The port of "your service" in all pages."""


class Tree:
    """A copy of the tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "kept"))
            else:
                shutil.copy(ROOT / name, root / name)
        for block in all_blocks(*FOLDERS):
            (root / FOLDERS[block.kind] / block.file).write_text(block.text)
        self.port = free_port()
        """For whatever a page starts as "your service"."""
        shop = root / "examples" / "shop.py"
        shop.write_text(at_port(shop.read_text(), self.port))
        self._planner: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.root), "PYTHONIOENCODING": "utf-8"}

    def directory_of(self, page: str) -> Path:
        """Where the commands of a page are run: a directory with its scenarios and services, and the tree's folders."""
        directory = self.root / "pages" / page.replace("/", "-")
        if not directory.exists():
            directory.mkdir(parents=True)
            for name in COPIED:
                (directory / name).symlink_to(self.root / name)
            for block in all_blocks("python scenario", "python service", "toml preset"):
                if block.page == page and block.file:
                    (directory / block.file).parent.mkdir(exist_ok=True)
                    (directory / block.file).write_text(block.text)
        return directory

    def ask(
        self, ask: str, words: Sequence[str], directory: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What the planner says: ``code`` and ``output``."""
        if self._planner is None:
            script = self.root / "tests" / "docs" / "planner.py"
            self._planner = subprocess.Popen(
                [sys.executable, "-P", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self.root,
                env=self.environment,
            )
        assert self._planner.stdin is not None and self._planner.stdout is not None
        where = str(directory or self.root)
        question = {"ask": ask, "words": list(words), "directory": where, "variables": dict(variables or {})}
        self._planner.stdin.write(json.dumps(question) + "\n")
        self._planner.stdin.flush()
        answered: dict[str, Any] = json.loads(self._planner.stdout.readline())
        return answered

    def close(self) -> None:
        if self._planner is not None:
            self._planner.communicate()


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    made = Tree(tmp_path_factory.mktemp("tree"))
    yield made
    made.close()


def at_port(text: str, port: int) -> str:
    """The text with another port for "your service": 8000 may be taken on this machine."""
    return PORT.sub(str(port), text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for kind, why in NOT_RUN.items():
        places = [block.place for block in all_blocks(kind)]
        terminalreporter.write_line(f"docs, not run: {len(places)} blocks `{kind}` ({why}): {', '.join(places)}")
