"""A recording of an hour: 50 names, 10 load processes, 2 to 3 requests of each name in each of them a second.

Run as ``python -m benchmarks._hour write DIRECTORY [SECONDS]``: what a master does with the reports of such a run (as
fast as it goes), and as ``… judge DIRECTORY``: read, judge and report it. Prints a figure a line: name, value.
"""

from __future__ import annotations

import gc
import io
import random
import resource
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from harness.analysis.answer_sizes import size_index
from harness.analysis.histogram import bucket_index
from harness.load.report import Report
from harness.recording import End, ProbeSample, Slice
from harness.recording.file import FILE_NAME, read
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.line import encode
from harness.recording.marks import FINISHED, JOINED, HealthMark, NodeMark, StartsMark
from harness.recording.values import OK
from harness.run.recording_writer import RecordingWriter
from harness.verdict import judge

NODES, NAMES, SECONDS = 10, 50, 3_600
BASELINE, SPIKE = 2, 3
"""Requests of one node, one name and one second."""
BODY_BYTES = 180
FAILS = 0.3
"""In so many seconds one request of a node does."""
CRITERIA = (
    CriterionSpec("error_ratio", {"limit": 0.05}),
    CriterionSpec("latency_quantile", {"limit_s": 2.0}),
    CriterionSpec("recovery_time", {"limit_s": 60.0}),
    CriterionSpec("memory_growth"),
    CriterionSpec("memory_leak"),
    CriterionSpec("generator_health"),
    CriterionSpec("target_healthy"),
)


def header(seconds: int) -> Header:
    begins, ends = seconds // 4, seconds // 2
    phases = (Phase("baseline", 0, begins), Phase("spike", begins, ends), Phase("recovery", ends, seconds))
    level = ((0, 1000), (begins, 1000), (begins, 1500), (ends, 1500), (ends, 1000), (seconds, 1000))
    target = "http://127.0.0.1:1"
    return Header("hour", "", "step", {}, phases, level, "starts/s", (), CRITERIA, target, NODES, {})


def report(node: str, t: float, seconds: int, chance: random.Random) -> Report:
    """Of the second up to ``t``, so of parts of two seconds."""
    cells: dict[tuple[int, str, str, int], tuple[dict[int, int], dict[int, int]]] = {}
    spike = seconds // 4 <= t < seconds // 2
    for name in range(NAMES):
        for _ in range(SPIKE if spike else BASELINE):
            intended_s = max(0.0, t - chance.random())
            latency_us = int(1e6 * chance.lognormvariate(-3, 0.5))
            key = (int(intended_s), f"GET /{name}", OK, 200)
            latency, service = cells.setdefault(key, (defaultdict(int), defaultdict(int)))
            latency[bucket_index(latency_us)] += 1
            service[bucket_index(latency_us - 100)] += 1
    if chance.random() < FAILS:
        cells[int(t), "GET /3", "http 503", 503] = ({5_000: 1}, {5_000: 1})
    slices = []
    for (second, name_, outcome, status), (latency, service) in cells.items():
        count = sum(latency.values())
        sizes = {size_index(BODY_BYTES): count} if outcome == OK else None
        piece = Slice(second, node, name_, outcome, count, BODY_BYTES * count, latency, service, count, status)
        slices.append(replace(piece, sizes=sizes))
    sample = ProbeSample(t, "generator", node, {"loop_lag_s": 0.001, "cpu_ratio": 0.3, "rss_bytes": 8e7, "machine": 0})
    due = {"User": NAMES * (SPIKE if spike else BASELINE)}
    starts = StartsMark(int(t), node, due, stream="arrivals", due=due)
    return Report("run", encode(starts) + encode(sample), tuple(slices), (sample,))


def write(directory: Path, seconds: int) -> None:
    chance = random.Random(1)
    writer = RecordingWriter(directory, header(seconds), lambda _: None)
    writer.set_origin(0.0)
    writer.write(HealthMark(0, "before", "GET /", True, ""), -1)
    nodes = [f"worker-{k}" for k in range(NODES)]
    for node in nodes:
        writer.write(NodeMark(0, node, JOINED), 0)
    requests = 0
    for second in range(seconds):
        for k, node in enumerate(nodes):
            came = report(node, min(second + 1 + k / NODES, seconds - 0.001), seconds, chance)
            requests += sum(piece.count for piece in came.slices)
            writer.report(node, came.slices, came.lines)
        figures = {"rss_bytes": 1e8 + 100 * second, "cpu_ratio": 0.5}
        writer.write(ProbeSample(0, "process", "api", figures), second + 0.7)
        cpus = {"cpus": 16.0, "busy_cores": 4.0, "idle_cores": 12.0, "steal_cores": 0.0}
        writer.write(ProbeSample(0, "machine", "machine of the master", cpus), second + 0.7)
    for node in nodes:
        writer.write(NodeMark(0, node, FINISHED), seconds)
    writer.write(HealthMark(0, "after", "GET /", True, ""), seconds)
    writer.append(encode(End(seconds + 1.0, "completed", True, requests, 0)))
    print("bytes", (directory / FILE_NAME).stat().st_size)


def judge_it(directory: Path) -> None:
    gc.disable()  # as on the command line
    began_s = time.process_time()
    recording = read(directory)
    print("read", time.process_time() - began_s)
    print("read_peak", peak_bytes())
    began_s = time.process_time()
    verdict = judge(recording)
    print("judge", time.process_time() - began_s)
    print("judge_peak", peak_bytes())
    print("outcome", verdict.outcome.value, verdict.reason, file=sys.stderr)
    import reports
    from reports import terminal

    began_s = time.process_time()
    for name in reports.available():
        of_format_s = time.process_time()
        reports.formats([name])[name].render(recording, verdict)
        print(name, time.process_time() - of_format_s)
    of_format_s = time.process_time()
    terminal.show(recording, verdict, (), io.StringIO())
    print("terminal", time.process_time() - of_format_s)
    print("reports", time.process_time() - began_s)
    print("peak", peak_bytes())


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(what: str, directory: str, seconds: str = str(SECONDS)) -> None:
    if what == "write":
        write(Path(directory), int(seconds))
    else:
        judge_it(Path(directory))


if __name__ == "__main__":
    main(*sys.argv[1:])
