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


MIX = '''"""A week of the shop

Point it at your own service:
    springback run shop.py --host URL

3 requests were left out.
"""

import random

import harness
from harness.load.http import PacedHttpUser
from locust import task
from shapes import step

# How often it was seen, method, name in the reports, paths to choose from.
REQUESTS = [
    (7, "GET", "/items/{id}", ["/items/2", "/items/1"]),
]
WEIGHTS = [weight for weight, *_ in REQUESTS]


class Visitor(PacedHttpUser):
    @task
    def send(self):
        _, method, name, paths = random.choices(REQUESTS, WEIGHTS)[0]
        self.client.request(method, random.choice(paths), name)


class Load(step.Step):
    base = 1.5


harness.attach("shop")
'''
VISIT = '''"""A visit

Point it at your own service:
    springback run visit.py
"""

from pathlib import Path

import harness
from harness.load.http import PacedHttpUser
from locust import task
from shapes import trace

# Method, path, name in the reports.
VISIT = [
    ("GET", "/items/7", "/items/{id}"),
]


class Visitor(PacedHttpUser):
    @task
    def visit(self):
        for method, path, name in VISIT:
            self.client.request(method, path, name)
        # Left out, as it may change data, and without its body. Complete what you need:
        # self.client.request("DELETE", "/cart")
        # self.client.request("POST", "/login", data={})


class Load(trace.Trace):
    # As it was learned.
    learned = str(Path(__file__).with_name("a.json"))


harness.attach("visit")
'''


def test_a_mix_and_a_visit_to_the_letter() -> None:
    step = ShapeText("step", "Step", (("base", 1.5),))
    kind = Kind("GET", "/items/{id}", False, 7, Counter({"/items/1": 3, "/items/2": 4}))
    notes = ["3 requests were left out."]
    assert (
        scenario_text.mix("A week of the shop", "shop", [kind], step, notes, "springback run shop.py --host URL") == MIX
    )
    trace = ShapeText("trace", "Trace", (), ("As it was learned.",), (("learned", "a.json"),))
    visit = Visit("http://a", [Step("GET", "/items/7", "/items/{id}")])
    visit.unsent += [("DELETE", "/cart", ""), ("POST", "/login", "form")]
    text = scenario_text.visit("A visit", "visit", visit, trace, [], "springback run visit.py")
    assert text == VISIT
    visit.unsent.clear()
    plain = scenario_text.visit("A visit", "visit", visit, step, [], "springback run visit.py")
    assert "Left out" not in plain and '"""\n\nimport harness\n' in plain, "it needs no module of the standard library"


def test_a_line_of_a_mix_has_as_many_characters_as_fit() -> None:
    """110 are one line, and 111 are three."""
    step = ShapeText("step", "Step", ())
    for more, lines in ((0, 1), (1, 3)):
        path = "/" + "a" * (110 - len('    (1, "GET", "/a", ["/"]),') + more)
        kind = Kind("GET", "/a", False, 1, Counter({path: 1}))
        text = scenario_text.mix("Title", "name", [kind], step, [], "springback run mix.py")
        listed = text.partition("REQUESTS = [\n")[2].partition("\n]\n")[0].splitlines()
        assert len(listed) == lines and len(listed[0]) == (110 if lines == 1 else len('    (1, "GET", "/a", ['))
