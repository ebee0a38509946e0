"""Scenarios as text: a mix of requests, or a visit, with the shape of their load. Plain data, to be read and edited.

Whatever comes from somebody else's file stands in them as a literal, or in a comment, and can be nothing else there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.learn.har import Visit
from harness.learn.paths import MOST_SAMPLES, Kind
from harness.safe_text import one_line

WIDTH = 110
BODIES = {
    "": "",
    "form": ", data={}",
    "json": ", json={}",
    "multipart": ', data=b"", headers={"Content-Type": "multipart/form-data; boundary=..."}',
}
"""Of what a body was → where the user is to put another."""


@dataclass(frozen=True)
class ShapeText:
    """The shape of the load, as a class of the scenario."""

    module: str
    """Of ``shapes/``."""
    parent: str
    values: tuple[tuple[str, object], ...]
    comments: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    """(parameter, name of a file beside the scenario)."""

    def lines(self) -> list[str]:
        lines = [f"class Load({self.module}.{self.parent}):"]
        lines += [f"    # {_comment(comment)}" for comment in self.comments]
        lines += [f"    {name} = {literal(value)}" for name, value in self.values]
        lines += [f"    {name} = str(Path(__file__).with_name({literal(file)}))" for name, file in self.beside]
        return lines


def slug(name: str, joint: str = "-") -> str:
    """Fit for the name of a scenario, or of a file."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return joint.join(words)[:40].strip(joint) or "traffic"


def literal(value: object) -> str:
    """In ASCII, as Python and JSON both read it. Text is plain ASCII already, by whoever made it."""
    return json.dumps(value)


def mix(title: str, name: str, kinds: Sequence[Kind], shape: ShapeText, notes: Iterable[str], command: str) -> str:
    """Each start is one request, chosen by how often its kind was seen."""
    lines = [*_head(title, notes, by_chance=True, shape=shape, command=command), ""]
    lines += ["# How often it was seen, method, name in the reports, paths to choose from.", "REQUESTS = ["]
    for kind in kinds:
        paths = [path for path, _ in kind.samples.most_common(MOST_SAMPLES)]
        start = f"    ({kind.count}, {literal(kind.method)}, {literal(kind.template)}, ["
        whole = f"{start}{', '.join(map(literal, paths))}]),"
        if len(whole) <= WIDTH:
            lines.append(whole)
        else:
            lines += [start, *(f"        {literal(path)}," for path in paths), "    ]),"]
    lines += ["]", "WEIGHTS = [weight for weight, *_ in REQUESTS]", "", ""]
    lines += ["class Visitor(PacedHttpUser):", "    @task", "    def send(self):"]
    lines += ["        _, method, name, paths = random.choices(REQUESTS, WEIGHTS)[0]"]
    lines += ["        self.client.request(method, random.choice(paths), name)"]
    return _with_end(lines, name, shape)


def visit(title: str, name: str, visit: Visit, shape: ShapeText, notes: Iterable[str], command: str) -> str:
    """Each start is the whole visit, request after request."""
    lines = [
        *_head(title, notes, by_chance=False, shape=shape, command=command),
        "",
        "# Method, path, name in the reports.",
    ]
    lines += ["VISIT = ["]
    lines += [f"    ({literal(step.method)}, {literal(step.path)}, {literal(step.template)})," for step in visit.steps]
    lines += ["]", "", "", "class Visitor(PacedHttpUser):", "    @task", "    def visit(self):"]
    lines += ["        for method, path, name in VISIT:", "            self.client.request(method, path, name)"]
    if visit.unsent:
        lines += ["        # Left out, as it may change data, and without its body. Complete what you need:"]
        lines += [
            f"        # self.client.request({literal(method)}, {literal(path)}{BODIES[body]})"
            for method, path, body in visit.unsent
        ]
    return _with_end(lines, name, shape)


def _head(title: str, notes: Iterable[str], by_chance: bool, shape: ShapeText, command: str) -> list[str]:
    lines = [f'"""{_comment(title)}', ""]
    lines += ["Point it at your own service:", f"    {_comment(command)}"]
    notes = [_comment(note) for note in notes]
    lines += ["", *notes] if notes else []
    lines += ['"""', ""]
    standard = ["import random"] * by_chance + ["from pathlib import Path"] * bool(shape.beside)
    lines += [*standard, ""] if standard else []
    lines += ["import harness", "from harness.load.http import PacedHttpUser", "from locust import task"]
    return [*lines, f"from shapes import {shape.module}"]


def _with_end(lines: list[str], name: str, shape: ShapeText) -> str:
    return "\n".join([*lines, "", "", *shape.lines(), "", "", f"harness.attach({literal(name)})", ""])


def _comment(text: str) -> str:
    """One line that ends neither a comment nor a docstring, and escapes nothing."""
    return one_line(text).replace("\\", "/").replace('"', "'").encode("ascii", "replace").decode()
