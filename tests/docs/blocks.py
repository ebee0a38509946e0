"""The fenced code blocks of README.md and docs/*.md, each with what its info string says it is.

The info string is ``LANGUAGE KIND [FILE]``: `````python scenario my_scenario.py`````, `````sh run`````. GitHub colours
by the first word and shows none of the others.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

KINDS = {
    "python scenario": "a whole locustfile: `springback plan FILE` accepts it",
    "python service": "a whole program: it is started, and answers on its port",
    "python shape": "a whole file of shapes/: a scenario is made of it and planned",
    "python probe": "a whole file of harness/probes/: discovered, and it samples",
    "python fault": "a whole file of harness/faults/: discovered, planned with --fault, injected and undone",
    "python criterion": "a whole file of harness/criteria/: discovered, and it judges a recording",
    "python guard": "a whole file of harness/criteria/guards/: it judges a run that did not ask for it",
    "python report": "a whole file of reports/: it renders a recording",
    "python target-fault": "a whole file of target/faults/: discovered, and it says what it did",
    "toml preset": "a whole preset: in place for the commands of its page",
    "sh run": "run, all of a page in one shell, in a copy of the tree",
    "sh plan": "every command is parsed, and every file and flag in it exists",
    "python test": "a whole file of tests: pytest collects it where our plug-in is loaded",
    "yaml workflow": "a GitHub workflow: it can be read, and its commands are parsed as those of `sh plan`",
    "yaml gitlab": "a file of GitLab's: the same",
}
NOT_RUN = {
    "text output": "what a run printed, kept from a real one: times and figures differ from machine to machine",
    "groovy jenkins": "a Jenkinsfile: no Jenkins is to be had here",
}
"""The allow-list: kinds of blocks that nothing can be done with, and why."""


@dataclass(frozen=True)
class Block:
    page: str
    """Relative to the root."""
    line: int
    kind: str
    """The first two words of the info string."""
    file: str
    """The third one, or empty."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def in_page(path: Path) -> list[Block]:
    page = str(path.relative_to(ROOT))
    return [_block(page, token) for token in _tokens(path) if token.type in ("fence", "code_block")]


def all_blocks(*kinds: str) -> list[Block]:
    """Of these kinds, or all."""
    return [block for page in PAGES for block in in_page(page) if not kinds or block.kind in kinds]


def inline_code(path: Path) -> list[str]:
    """What stands between single backticks in the prose and in tables."""
    children = (child for token in _tokens(path) for child in token.children or ())
    return [child.content for child in children if child.type == "code_inline"]


def links(path: Path) -> list[str]:
    """Targets of links and pictures."""
    children = (child for token in _tokens(path) for child in token.children or ())
    found = (child.attrGet("href") or child.attrGet("src") for child in children)
    return [str(target) for target in found if target]


def anchors(path: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    titles = (after.content for token, after in pairwise(_tokens(path)) if token.type == "heading_open")
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@functools.cache
def _tokens(path: Path) -> tuple[Token, ...]:
    """Read once: nearly every test asks for the blocks of all pages."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")))


def _block(page: str, token: Token) -> Block:
    words = token.info.split()
    line = token.map[0] + 1 if token.map else 0
    return Block(page, line, " ".join(words[:2]), words[2] if len(words) > 2 else "", token.content)


def undeclared() -> Iterator[str]:
    """Blocks that do not say what they are."""
    for block in all_blocks():
        if block.kind not in KINDS | NOT_RUN:
            yield f"{block.place}: {block.kind or 'no info string'!r}"
