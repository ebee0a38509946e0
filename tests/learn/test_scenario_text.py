"""What is written is data: nothing that was in a log or a HAR file can become code."""

from __future__ import annotations

import ast
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.learn import scenario_text
from harness.learn.har import Step, Visit
from harness.learn.paths import Kind, Mix
from harness.learn.scenario_text import ShapeText, slug

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ['"""', "\\", "\n", "'''\nimport os", '"); import os #', "\ud800", "\u202e", "{0}", "%s", "\\N{x}"]
    ),
)
SHAPE = ShapeText("step", "Step", (("base", 1.5),), ("a \n comment",), (("learned", "learned.json"),))
ALLOWED = {"random", "pathlib", "harness", "harness.load.http", "locust", "shapes"}


def requests_in(text: str, name: str) -> list[tuple[object, ...]]:
    """Whatever else is in the file, it parses, imports nothing else, and calls nothing else at its top."""
    tree = ast.parse(text.encode())
    imported = {each.module if isinstance(each, ast.ImportFrom) else each.names[0].name for each in tree.body
                if isinstance(each, ast.Import | ast.ImportFrom)}  # fmt: skip
    assert imported <= ALLOWED
    calls = [each for each in tree.body if isinstance(each, ast.Expr)][1:]
    assert [ast.unparse(each).partition("(")[0] for each in calls] == ["harness.attach"]
    (value,) = [
        each.value for each in tree.body if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name
    ]
    found: list[tuple[object, ...]] = ast.literal_eval(value)
    return found


@given(st.lists(HOSTILE, min_size=1, max_size=5), HOSTILE)
def test_a_mix_is_written_as_it_was_seen(targets: list[str], title: str) -> None:
    mix = Mix()
    mix.add(Counter({(b"GET", f"/{target}".encode(errors="replace")): 3 for target in targets}))
    kinds = mix.kinds()
    text = scenario_text.mix(title, slug(title), kinds, SHAPE, [title], f"springback run {title}")
    assert requests_in(text, "REQUESTS") == [
        (kind.count, kind.method, kind.template, [path for path, _ in kind.samples.most_common(20)]) for kind in kinds
    ]


@given(HOSTILE, HOSTILE)
def test_a_visit_is_written_as_it_was_seen(title: str, host: str) -> None:
    steps = [Step("GET", "/a'b", "/a'b"), Step("HEAD", "/items/7", "/items/{id}")]
    visit = Visit(host, steps, unsent=[("POST", "/login", "json")])
    text = scenario_text.visit(title, slug(title), visit, SHAPE, [host], f"springback run {host}")
    assert requests_in(text, "VISIT") == [("GET", "/a'b", "/a'b"), ("HEAD", "/items/7", "/items/{id}")]


def test_a_long_list_of_paths_is_broken_into_lines() -> None:
    kind = Kind("GET", "/items/{id}", False, 7, Counter({f"/items/{n}": 1 for n in range(20)}))
    text = scenario_text.mix("Title", "name", [kind], SHAPE, [], "springback run mix.py")
    assert max(map(len, text.splitlines())) <= 110 and len(requests_in(text, "REQUESTS")[0][3]) == 20  # type: ignore[arg-type]


def test_what_a_log_says_ends_no_comment_and_no_docstring() -> None:
    assert scenario_text._comment('a"""b\\n\nc\u00e9') == "a'''b/n c?"
