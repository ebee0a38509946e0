"""Recordings that a report must survive: runs with parts missing, and runs whose every name is hostile."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

from harness.findings import Finding, Outcome, Verdict
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.header import Header, Phase
from harness.recording.marks import RAISED, AlertMark, GateMark, NodeMark
from harness.verdict import judge
from reports import html
from tests import recordings

SCRIPT = "</script><script>window.hacked=1</script>"
MATHS = r"$$\href{javascript:window.hacked=1}{x}$$"
IMAGE = "<img src=x onerror=window.hacked=1>"
CONTROL = "bad\x00\x1b[31m\u202ename\ud800|`@all"


def _header(run: Recording, **changes: Any) -> Recording:
    return dataclasses.replace(run, header=dataclasses.replace(run.header, **changes))


def _empty() -> Recording:
    header = Header("empty", "", "", {}, (), (), "", (), (), "", 0, {})
    return Recording(header)


def _before_the_start() -> Recording:
    run = recordings.login_herd(baseline_s=5, recovery_s=5, herd_users=4)
    early = tuple(dataclasses.replace(piece, t=-3 - index % 3) for index, piece in enumerate(run.slices[:6]))
    probes = tuple(dataclasses.replace(sample, t=-2.5) for sample in run.probes[:4])
    return dataclasses.replace(run, slices=early, probes=probes, marks=(), end=None)


def _many_of_everything() -> Recording:
    run = recordings.healthy()
    pieces = tuple(Slice(t % 91, f"node{t % 9}", f"GET /{t}", f"cause {t % 40}", 1, 0, {}) for t in range(900))
    probes = tuple(ProbeSample(t + 0.2, "process", f"p{t % 30}", {"rss_bytes": 1e9}) for t in range(90))
    marks = tuple(AlertMark(t, f"alert {t}", RAISED) for t in range(80))
    return dataclasses.replace(run, slices=pieces, probes=probes, marks=marks)


def _open_model() -> Recording:
    level = ((0.0, 10.0), (30.0, 10.0), (30.0, 200.0), (31.0, 200.0), (31.0, 10.0), (91.0, 10.0))
    return _header(recordings.healthy(), level=level, level_unit="starts/s", gates=())


def _silent_probe() -> Recording:
    run = recordings.healthy()
    failed = tuple(dataclasses.replace(sample, values={}, error="no such process") for sample in run.probes)
    return dataclasses.replace(run, probes=failed)


VARIANTS: dict[str, Callable[[], Recording]] = {
    "healthy": recordings.healthy,
    "failing": recordings.failing,
    "empty": _empty,
    "no probes": lambda: dataclasses.replace(recordings.healthy(), probes=()),
    "silent probes": _silent_probe,
    "no gates": lambda: dataclasses.replace(_header(recordings.healthy(), gates=()), marks=()),
    "gate not reported": lambda: dataclasses.replace(recordings.healthy(), marks=()),
    "gate without sends": lambda: dataclasses.replace(
        recordings.healthy(), marks=(GateMark(30, "worker-1", "herd", 500, (), 0.0),)
    ),
    "zero requests": lambda: dataclasses.replace(recordings.healthy(), slices=()),
    "all failing": lambda: recordings.login_herd(spike_error_ratio=1, recovery_error_ratio=1),
    "no end": recordings.interrupted,
    "no phases": lambda: _header(recordings.healthy(), phases=()),
    "never started": _before_the_start,
    "one node": lambda: recordings.login_herd(nodes=1),
    "lost node": recordings.lost_worker,
    "never recovering": recordings.never_recovering,
    "one second": lambda: recordings.login_herd(baseline_s=1, recovery_s=1, herd_users=1, canary_per_s=0),
    "many of everything": _many_of_everything,
    "open model": _open_model,
}


@functools.cache
def judged(variant: str) -> tuple[Recording, Verdict]:
    """A variant and its verdict, made once for all tests."""
    run = VARIANTS[variant]()
    return run, judge(run)


@functools.cache
def page(variant: str) -> str:
    """The HTML report of a variant, made once for all tests."""
    return html.render(*judged(variant))


@functools.cache
def hostile() -> Recording:
    """A run in which every string that could come from outside tries to get out of its place."""
    run = recordings.failing()
    names = {recordings.LOGIN: f"POST {SCRIPT}{MATHS}", recordings.CANARY: f"GET {IMAGE}|`{CONTROL}"}
    slices = tuple(
        dataclasses.replace(
            piece,
            name=names[piece.name],
            outcome="ok" if piece.outcome == "ok" else f"{SCRIPT} {IMAGE} {CONTROL}",
            node=piece.node + IMAGE,
        )
        for piece in run.slices
    )
    probes = tuple(
        dataclasses.replace(sample, source=f"{sample.source}{IMAGE}{MATHS}{SCRIPT}") for sample in run.probes
    )
    gate = GateMark(30, f"w{IMAGE}{SCRIPT}", f"g{SCRIPT}", 3, (1, 2, 3), 0.001)
    marks = (
        gate,
        AlertMark(10, MATHS, RAISED, SCRIPT),
        AlertMark(20, f"{IMAGE}{CONTROL}", RAISED, CONTROL),
        NodeMark(40, SCRIPT, MATHS, IMAGE),
    )
    header = dataclasses.replace(
        run.header,
        scenario=f"s{SCRIPT}{CONTROL}",
        shape=IMAGE,
        parameters={SCRIPT: SCRIPT},
        target=f"http://x/{SCRIPT}",
        started_utc=SCRIPT,
        environment={IMAGE: SCRIPT, "x": CONTROL},
        notes=(SCRIPT, MATHS, CONTROL),
        phases=(Phase(MATHS, 0, 30), Phase("spike", 30, 31), Phase(SCRIPT, 31, 91)),
    )
    return dataclasses.replace(
        run, header=header, slices=slices, probes=probes, marks=marks, damage=(f"line 1 {SCRIPT}",)
    )


def verdict(run: Recording) -> Verdict:
    """The verdict with one more finding, whose every field is as odd as it can be."""
    judged = judge(run)
    odd = Finding(
        f"recovery_time{SCRIPT}",
        f"title {SCRIPT}{MATHS}{CONTROL}",
        Outcome.INCONCLUSIVE,
        f"reason {SCRIPT} {IMAGE} {CONTROL} | `code`",
        figure=math.nan,
        unit=IMAGE,
        limit=math.inf,
        interval=(-math.inf, math.inf),
        evidence={SCRIPT: math.inf, "nan": math.nan, "text": CONTROL, "none": None, "yes": True},
        voided_by=SCRIPT,
    )
    return dataclasses.replace(judged, findings=(*judged.findings, odd))


@functools.cache
def hostile_page() -> str:
    return html.render(hostile(), verdict(hostile()))


def draw_nothing_new(patch: pytest.MonkeyPatch) -> None:
    """Where it is tested what is written, and not what is drawn: that takes most of the time."""
    drawn = page("healthy")
    patch.setattr(html, "render", lambda *_: drawn)
