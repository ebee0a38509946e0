"""A load process that has gone on to the end of the run has not left before it, whatever the master's clock says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from locust.env import Environment

from harness.live.state import LiveState
from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.recording.marks import JOINED, NodeMark
from harness.run.recording_writer import RecordingWriter
from harness.run.run import Run
from harness.run.stopping import Stopping
from shapes._profile import ARRIVALS, Polyline
from tests import recordings

DURATION_S = 20


def last_report(elapsed_s: float, clock_ahead_s: float = 0.0) -> Report:
    """Of a node that is ended so long after the origin."""
    clock = Clock(exact=False)
    now_s = time.monotonic()
    clock.exchanged(now_s, now_s + clock_ahead_s, now_s + 0.001)
    finals = list[Report]()
    reporter = NodeReporter(Environment(), "worker-1", Node("run", clock), finals.append)
    origin_s = now_s - elapsed_s
    reporter.begin(Plan("run", origin_s, DURATION_S, ARRIVALS, Polyline(()), None, (), 0, paced=False, drain_s=0.0))
    reporter.settle(wait=False)
    reporter.users_gone()
    return finals[0]


def taken(report: Report, elapsed_s: float, directory: Path) -> LiveState:
    """What a run that has gone on for so long, by the master's clock, makes of it."""
    run: Run = object.__new__(Run)
    header = recordings.healthy().header
    run.name, run.finished, run._requests, run._unfinished = "run", False, 0, 0
    run.live = LiveState(header)
    run.stopping = Stopping(run.live.nodes, DURATION_S)
    run._writer = RecordingWriter(directory, header, run.live.add)
    run._writer.set_origin(time.monotonic() - elapsed_s)
    run.live.add(NodeMark(0.0, "worker-1", JOINED))
    run.take_report("worker-1", report)
    return run.live


def test_a_clock_that_is_ahead_of_the_masters_loses_no_load_process(tmp_path: Path) -> None:
    """Its last report comes a little before the end, as the master sees it: that is the error of the clocks."""
    report = last_report(DURATION_S - 0.05, clock_ahead_s=0.1)
    nodes = taken(report, DURATION_S - 0.05, tmp_path).nodes
    assert report.whole
    assert (nodes.lost, nodes.finished) == (set(), {"worker-1"})


@pytest.mark.parametrize("elapsed_s", [5.0, DURATION_S + 1])
def test_one_that_has_ended_its_part_early_is_lost_whenever_it_is_heard(tmp_path: Path, elapsed_s: float) -> None:
    report = last_report(5.0)
    assert not report.whole
    assert taken(report, elapsed_s, tmp_path).nodes.lost == {"worker-1"}
