"""What the pages name in their prose is there: files, links, flags, and the reasons of the table of remedies."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import criteria
from tests.docs import sh
from tests.docs.blocks import PAGES, ROOT, anchors, inline_code, links
from tests.docs.conftest import Tree

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?!-?[…\w])")
"""Not the beginning of several, as in ``--alert-…``."""
ROOMS = ("harness", "shapes", "reports", "target", "locustfiles", "examples", "tests", "benchmarks", "docs")
PLACE = re.compile(rf"(?:{'|'.join(ROOMS)})/[\w./-]*")
IN_GENERAL = "SCENARIO"
"""Stands for any name."""
NOT_OURS = {
    "--build": "docker compose",
    "--wait": "docker compose",
    "--profile": "docker compose",
    "--scale": "docker compose",
    "--exit-code-from": "docker compose",
    "--require-hashes": "pip",
    "--cov": "an example of no program",
    "--benchmark-only": "pytest-benchmark",
}


@pytest.fixture(scope="module")
def known_flags(tree: Tree) -> set[str]:
    """Of every scenario and shape, of Locust and of all commands."""
    found = [file for folder in ("locustfiles", "examples") for file in sorted((tree.root / folder).glob("*.py"))]
    files = [str(file) for file in found if "harness.attach" in file.read_text()]
    answers = [tree.ask("flags", [file]) for file in files] + [tree.ask("click_flags", ["harness.cli:cli"])]
    assert all(answer["code"] == 0 for answer in answers), answers
    found = {flag for answer in answers for flag in json.loads(answer["output"].splitlines()[-1])}
    found |= set(FLAG.findall((ROOT / "harness" / "pytest_plugin" / "__init__.py").read_text()))
    found |= {flag for shape in (ROOT / "shapes").glob("[a-z]*.py") for flag in _options(shape.read_text())}
    return found.union(*(sh.flags_of(module) for module in sh.COMMAND_LINES))


def _options(source: str) -> set[str]:
    """Of the classes in a text, which shapes and scenarios have theirs from."""
    return {f"--{option.replace('_', '-')}" for option in re.findall(r"^    (\w+): \w+ = ", source, re.MULTILINE)}


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_exists(name: str, known_flags: set[str]) -> None:
    """A flag that was renamed is wrong in prose, too. Options of the examples on the page are its own."""
    text = (ROOT / name).read_text()
    own = _options(text)
    named = {flag for code in inline_code(ROOT / name) for flag in FLAG.findall(code)}
    assert named - known_flags - own - set(NOT_OURS) == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    broken = []
    for link in links(ROOT / name):
        place, _, anchor = link.partition("#")
        if "://" in place:
            continue
        path = (ROOT / name).parent / place if place else ROOT / name
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("name", [name for name in NAMES if name != "CHANGELOG.md"])
def test_every_file_that_is_named_exists(name: str) -> None:
    """Relative to the root, as far as a name begins with one of our folders. A changelog also names what was."""
    named = {place.group() for code in inline_code(ROOT / name) if (place := PLACE.fullmatch(code))}
    assert [place for place in sorted(named) if not _is_there(place)] == []


def _is_there(place: str) -> bool:
    return any(ROOT.glob(place.rstrip("/").replace(IN_GENERAL, "*")))


def test_the_index_has_every_page() -> None:
    text = (ROOT / "docs" / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"]({page.name})" not in text] == ["README.md"]


def test_the_map_has_every_room_and_every_file_beside_them_in_one_place() -> None:
    """In the first column of the tables, or as one of those to read first: `harness/load/`, or the name alone of a file
    after another.
    """
    text = (ROOT / "docs" / "whats-here.md").read_text().partition("## Where we differ")[0]
    cells = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `")]
    cells += re.findall(r"^\d\. (`harness/\w+\.py`)", text, re.MULTILINE)
    told = Counter(place.removeprefix("harness/") for cell in cells for place in re.findall(r"`([^`]+)`", cell))
    rooms = [f"{each.parent.name}/" for each in (ROOT / "harness").glob("*/__init__.py")]
    files = [each.name for each in (ROOT / "harness").glob("[!_]*.py")]
    assert {name: told[name] for name in (*rooms, *files) if told[name] != 1} == {}


def test_the_page_about_a_report_explains_every_guard() -> None:
    text = (ROOT / "docs" / "after-the-verdict.md").read_text()
    titles = [criteria.title_of(spec.criterion) for spec in criteria.guard_specs()]
    assert [title for title in titles if f"**{title}**" not in text] == []


def test_every_reason_of_the_table_of_remedies_is_one_that_is_given() -> None:
    """Quoted are fragments between the figures, so each has to lie in one string of the judging side, as it is."""
    said = "\n".join(text for file in _judging() for text in _strings(file))
    page = (ROOT / "docs" / "after-the-verdict.md").read_text()
    rows = page.partition("reason → what to change")[2].splitlines()
    quoted = [part for row in rows if row.startswith("| ") for part in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert len(quoted) > 100
    assert [part for part in quoted if part not in said] == []


def _judging() -> Iterator[Path]:
    yield from (ROOT / "harness" / name for name in ("verdict.py", "verdict_cause.py", "family.py"))
    for room in ("analysis", "criteria"):
        yield from sorted((ROOT / "harness" / room).rglob("*.py"))


def _strings(file: Path) -> Iterator[str]:
    """String literals, f-strings with … in place of what is filled in, one a line."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_each_promise_of_safety_names_its_test() -> None:
    _, *rows = (line for line in (ROOT / "docs/safety.md").read_text().splitlines() if line.startswith("| "))
    assert len(rows) > 10 and not [row for row in rows if "`tests/" not in row.rpartition(" | ")[2]]
