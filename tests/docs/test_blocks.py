"""Every code block of README.md, CONTRIBUTING.md, CHANGELOG.md and docs/*.md works as it is written.

A block says in its info string what it is, see tests/docs/blocks.py; one that does not is a failure, not a gap.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from tests.docs import sh
from tests.docs.blocks import ROOT, Block, all_blocks, undeclared
from tests.docs.conftest import Tree, at_port
from tests.ports import free_port

PLUGIN = ("-p", "harness.pytest_plugin")
PLUGINS = ("python probe", "python fault", "python criterion", "python guard", "python report", "python target-fault")
EXPECTED = {
    "docs/target.md": ['"token":'],
    "docs/high-availability.md": ['"name": "db1"', '"action": "thaw"'],
    "docs/tutorial.md": ["INCONCLUSIVE sale against", "exit code 4", "baseline too short"],
}
"""What the commands of a page have to print."""
GONE = {"docs/target.md": "stack.json", "docs/high-availability.md": "ha.json"}
"""What the commands of a page have to take away again."""

COPIES = {
    "probe": ("harness/probes", "harness/probes/noop.py"),
    "fault": ("harness/faults", "harness/faults/noop.py"),
    "criterion": ("harness/criteria/requests", "harness/criteria/requests/error_ratio.py"),
    "guard": ("harness/criteria/guards", "harness/criteria/guards/spike_delivered.py"),
    "report": ("reports", "reports/verdict_json.py"),
    "target-fault": ("target/faults", "target/faults/noop.py"),
}
"""Kind → where a copy goes, and what is copied."""

FOR_A_SHAPE = """
from harness.load.http import LeanHttpUser
from locust import task
from shapes import {module}
import harness

class Visitor(LeanHttpUser):
    @task
    def visit(self): ...

class Load({module}.{name}): ...

harness.attach("for-a-shape")
"""


def each(*kinds: str) -> pytest.MarkDecorator:
    blocks = all_blocks(*kinds)
    return pytest.mark.parametrize("block", blocks, ids=[block.place for block in blocks])


def test_every_block_says_what_it_is() -> None:
    """Nothing is skipped in silence."""
    assert not list(undeclared())


@each("python scenario")
def test_a_scenario_can_be_planned(block: Block, tree: Tree) -> None:
    compile(block.text, block.place, "exec")
    directory = tree.directory_of(block.page)
    told = tree.ask("springback", ["plan", block.file], directory)
    assert told["code"] == 0, told["output"]


@each("python service")
def test_a_service_answers(block: Block, tmp_path: Path) -> None:
    """Whatever it answers, it does so on the port that the page says."""
    port = free_port()
    file = tmp_path / block.file
    file.write_text(at_port(block.text, port))
    process = subprocess.Popen([sys.executable, str(file)])
    try:
        assert _status(f"http://127.0.0.1:{port}/") < 500
    finally:
        process.kill()
        process.wait()


def _status(url: str) -> int:
    until_s = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)


@each("python shape")
def test_a_shape_carries_a_scenario(block: Block, tree: Tree) -> None:
    # Not executed here: it imports Locust, which patches the process.
    (shape,) = (each for each in ast.parse(block.text).body if isinstance(each, ast.ClassDef))
    module = block.file.removesuffix(".py")
    scenario = tree.root / f"of_{module}.py"
    scenario.write_text(FOR_A_SHAPE.format(module=module, name=shape.name))
    told = tree.ask("springback", ["plan", str(scenario)])
    assert told["code"] == 0, told["output"]


@pytest.fixture(scope="module")
def problems_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """KIND:NAME → what goes wrong with it in a tree: of the blocks, and of bare copies of the files to copy. It is a
    tree of its own: in the other one commands of pages go meanwhile, which would find the copies.
    """
    tree = Tree(tmp_path_factory.mktemp("copies"))
    for kind, (folder, original) in COPIES.items():
        (tree.root / folder / f"copied_{kind.replace('-', '_')}.py").write_text((ROOT / original).read_text())
    blocks = [f"{block.kind.removeprefix('python ')}:{Path(block.file).stem}" for block in all_blocks(*PLUGINS)]
    copies = [f"{kind}:copied_{kind.replace('-', '_')}" for kind in COPIES]
    script = tree.root / "tests" / "docs" / "plugins_at_work.py"
    command = [sys.executable, "-P", str(script), *blocks, *copies]
    printed = subprocess.check_output(command, cwd=tree.root, env=tree.environment, text=True, timeout=60)
    problems: dict[str, str] = json.loads(printed)
    return problems


@each(*PLUGINS)
def test_a_plugin_is_found_and_does_its_work(block: Block, problems_of: dict[str, str]) -> None:
    assert problems_of[f"{block.kind.removeprefix('python ')}:{Path(block.file).stem}"] == ""


@pytest.mark.parametrize("kind", sorted(COPIES))
def test_a_bare_copy_works_under_its_new_name(kind: str, problems_of: dict[str, str]) -> None:
    """As docs/adding-things.md says: nothing in it has to be changed for it to be found."""
    assert problems_of[f"{kind}:copied_{kind.replace('-', '_')}"] == ""


@each("sh plan")
def test_every_command_could_be_run(block: Block, tree: Tree) -> None:
    assert not list(sh.problems(block.text, tree, tree.directory_of(block.page)))


@each("yaml workflow")
def test_a_workflow_can_be_read_and_its_commands_could_be_run(block: Block, tree: Tree) -> None:
    """What it gives to the action is among the action's inputs, and what that makes of it is a command, too."""
    workflow = yaml.safe_load(block.text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    used = [step for step in steps if step.get("uses") == "./springback/.github/actions/springback"]
    inputs = yaml.safe_load((ROOT / ".github/actions/springback/action.yml").read_text())["inputs"]
    assert used
    for step in used:
        assert set(step["with"]) <= set(inputs)
        given = step["with"]
        commands.append(f"springback run {given['scenarios']} --host {given['host']} {given['options']}")
    directory = tree.directory_of(block.page)
    assert not [problem for text in commands for problem in sh.problems(text, tree, directory)]


@each("yaml gitlab")
def test_a_gitlab_file_can_be_read_and_its_commands_could_be_run(block: Block, tree: Tree) -> None:
    commands = [line for job in yaml.safe_load(block.text).values() for line in job["script"]]
    directory = tree.directory_of(block.page)
    assert commands
    assert not [problem for text in commands for problem in sh.problems(text, tree, directory)]


@each("python test")
def test_a_file_of_tests_is_collected(block: Block, tmp_path: Path) -> None:
    """With our plug-in, markers it does not know being errors."""
    (tmp_path / block.file).write_text(block.text)
    plugin = () if any(each.name == "springback" for each in entry_points(group="pytest11")) else PLUGIN
    arguments = ("--collect-only", "-q", "--strict-markers", "--fixtures-per-test", *plugin, "-p", "no:cacheprovider")
    command = [sys.executable, "-P", "-m", "pytest", *arguments, block.file]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "springback -- " in done.stdout


PAGES_THAT_RUN = sorted({block.page for block in all_blocks("sh run")})
PAGES_AT_ONCE = 3


@dataclass(frozen=True)
class Printed:
    code: int
    text: str
    directory: Path


@pytest.fixture(scope="module", autouse=True)
def pages(
    request: pytest.FixtureRequest, tree: Tree, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Printed]]]:
    """Those of the selected tests, begun with the first of all: they mostly wait."""
    selected = [item.callspec.params.get("page") for item in request.session.items if hasattr(item, "callspec")]
    with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        # Directories are made here: which page was asked for first must not matter.
        places = {}
        for page in PAGES_THAT_RUN:
            if page in selected:
                # What it puts into a folder of ours is not for others.
                adds = any("shapes/" in block.text for block in all_blocks("sh run") if block.page == page)
                of_page = Tree(tmp_path_factory.mktemp("tree")) if adds else tree
                places[page] = (of_page.directory_of(page), of_page)
        yield {page: pool.submit(_run, page, directory, of_page) for page, (directory, of_page) in places.items()}


def _run(page: str, directory: Path, tree: Tree) -> Printed:
    """Its commands, one after the other in one shell; what they left in the background is ended."""
    blocks = [block.text for block in all_blocks("sh run") if block.page == page]
    port = tree.port if any("examples/" in text for text in blocks) else free_port()
    for file in directory.glob("*.py"):
        file.write_text(at_port(file.read_text(), port))
    with (directory / "printed.txt").open("w+") as output:
        # Not a pipe: what is left in the background would keep it open.
        shell = subprocess.Popen(
            ["bash", "-ec", "\n".join(at_port(text, port) for text in blocks)],
            cwd=directory,
            env=tree.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(timeout=120)
        finally:
            sh.end_group(shell.pid, signal.SIGKILL)
        output.seek(0)
        return Printed(shell.returncode, output.read(), directory)


@pytest.mark.parametrize("page", PAGES_THAT_RUN)
def test_the_commands_of_a_page_run_as_written(page: str, pages: dict[str, Future[Printed]]) -> None:
    done = pages[page].result()
    assert done.code == 0, done.text
    for words in EXPECTED.get(page, []):
        assert words in " ".join(done.text.split()), done.text  # a terminal breaks lines where it likes
    assert page not in GONE or not (done.directory / GONE[page]).exists()


def _commands_in_docstring(file: Path) -> list[str]:
    """The lines that are indented, as far as they begin with `springback`."""
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    lines = docstring.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("springback ")]


@pytest.mark.parametrize("file", sorted((ROOT / "locustfiles").glob("*.py")), ids=lambda file: file.stem)
def test_the_commands_of_a_scenarios_docstring_could_be_run(file: Path, tree: Tree) -> None:
    directory = tree.directory_of("locustfiles")
    assert not [problem for text in _commands_in_docstring(file) for problem in sh.problems(text, tree, directory)]


def test_a_scenario_of_the_page_has_a_command_in_its_docstring_or_leads_to_the_page() -> None:
    """One that a reader has put beside them need not."""
    page = (ROOT / "docs" / "scenarios.md").read_text()
    named = set(re.findall(r"springback run (locustfiles/\w+\.py)", page))
    in_the_readme = re.findall(r"^\| `(\w+\.py)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert named == {f"locustfiles/{name}" for name in in_the_readme}
    silent = [name for name in named if not _commands_in_docstring(ROOT / name)]
    assert [name for name in silent if "docs/scenarios.md" not in (ROOT / name).read_text()] == []


def test_the_shop_of_the_tutorial_is_the_one_of_the_examples() -> None:
    (shop,) = (block for block in all_blocks("python service") if block.file == "shop.py")
    assert shop.text == (ROOT / "examples" / "shop.py").read_text()
