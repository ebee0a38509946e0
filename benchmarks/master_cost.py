"""What the reports of many workers cost the master: CPU of taking them in, writing them, and looking at the alerts."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._contest import Table, in_turn, spread
from harness.analysis import phases
from harness.analysis.histogram import bucket_index, quantile_us
from harness.live.state import SETTLES_S, LiveState
from harness.load.node_reporter import Report
from harness.recording import OK, Header, Phase, ProbeSample, Slice
from harness.recording_file import decode, encode
from harness.run.live_alerts import raise_and_clear
from harness.run.recording_writer import RecordingWriter

WORKERS, NAMES, SECONDS = 200, 20, 20
REQUESTS = 5
"""Of one worker, one name and one second: 20,000 a second in all."""
WINDOW_S = 10

Messages = list[list[bytes]]
"""Of each second, what its workers send."""


def run(rounds: int) -> list[Table]:
    from locust.rpc.protocol import Message

    def received(message: bytes) -> Report:
        return Report.from_message(Message.unserialize(message).data)

    def received_text(message: bytes) -> Report:
        return Report(**Message.unserialize(message).data)

    chance = random.Random(1)
    reports = [[_report(f"worker-{worker + 1}", t, chance) for worker in range(WORKERS)] for t in range(SECONDS)]
    whole = [[Message("stats", report.to_message(), "").serialize() for report in second] for second in reports]
    texts = [
        [Message("stats", {"run": report.run, "lines": report.lines}, "").serialize() for report in second]
        for second in reports
    ]
    results = in_turn(
        rounds,
        {
            "the live state: each slice merged once": lambda: _live(whole, received),
            "the text read back, ten seconds of slices added up for each look": lambda: _read_back(
                texts, received_text
            ),
        },
    )
    first = statistics.median(results["the live state: each slice merged once"])
    rows = tuple(
        (name, spread([1000 * value for value in values], "ms", 0), f"{statistics.median(values) / first:.1f}")
        for name, values in results.items()
    )
    size = sum(len(message) for second in whole for message in second) / SECONDS / 1e6
    text_size = sum(len(message) for second in texts for message in second) / SECONDS / 1e6
    note = (
        f"CPU time of the master for one second of a run: reports of {WORKERS} workers with {NAMES} names and "
        f"{WORKERS * NAMES * REQUESTS:,} requests in all come in Locust's messages and go into the recording, "
        "and the alerts are looked at; the first also draws up what the web UI shows. The second is how it was done "
        f"before there was a live state. Messages are {size:.1f} MB a second, those of text alone {text_size:.1f} MB; "
        f"median (range) of {rounds} rounds taken in turn."
    )
    return [Table("Cost of many workers", ("the master", "CPU per second", "ratio"), rows, note)]


def _report(node: str, t: int, chance: random.Random) -> Report:
    slices = []
    for name in range(NAMES):
        latency: dict[int, int] = defaultdict(int)
        service: dict[int, int] = defaultdict(int)
        for _ in range(REQUESTS):
            latency_us = int(1e6 * chance.lognormvariate(-3, 0.5))
            latency[bucket_index(latency_us)] += 1
            service[bucket_index(latency_us - 100)] += 1
        slices.append(
            Slice(t, node, f"GET /items/{name}", OK, REQUESTS, 180 * REQUESTS, dict(latency), dict(service), REQUESTS)
        )
    values = {"loop_lag_s": 0.001, "cpu_ratio": 0.3, "rss_bytes": 8e7, "answered_per_s": 100.0, "failed_per_s": 0.0}
    sample = ProbeSample(t + 0.5, "generator", node, values)
    lines = "".join(encode(line) for line in (*slices, sample))
    return Report("run", lines, tuple(slices), (sample,))


def _live(messages: Messages, received: Callable[[bytes], Report]) -> float:
    """CPU seconds a second, by the code of a run."""
    live = LiveState(_header())
    with _recording(live) as writer:
        began_s = time.process_time()
        for t, second in enumerate(messages):
            for message in second:
                report = received(message)
                writer.append(report.lines)
                for piece in report.slices:
                    live.add(piece)
                for sample in report.samples:
                    live.add(sample)
            raise_and_clear(live, t + 1 + SETTLES_S, writer.write)
            live.snapshot()
        return (time.process_time() - began_s) / len(messages)


def _read_back(messages: Messages, received: Callable[[bytes], Report]) -> float:
    """The same, as it was before."""
    seconds: dict[int, list[Slice]] = defaultdict(list)
    with _recording(LiveState(_header())) as writer:
        began_s = time.process_time()
        for t, second in enumerate(messages):
            for message in second:
                report = received(message)
                writer.append(report.lines)
                for text in report.lines.splitlines():
                    if text.startswith('{"kind":"slice"') and isinstance(piece := decode(text), Slice):
                        seconds[piece.t].append(piece)
            window = (piece for recent in range(t - WINDOW_S + 1, t + 1) for piece in seconds.get(recent, ()))
            tally = phases.tally(tuple(window))
            quantile_us(tally.latency, 0.95, tally.failed)
        return (time.process_time() - began_s) / len(messages)


def _header() -> Header:
    planned = (Phase("baseline", 0, SECONDS // 2), Phase("spike", SECONDS // 2, SECONDS))
    return Header("bench", "", "step", {}, planned, (), "users", (), (), "", WORKERS, {})


@contextmanager
def _recording(live: LiveState) -> Iterator[RecordingWriter]:
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        writer = RecordingWriter(Path(directory), _header(), live.add)
        writer.set_origin(time.monotonic())
        yield writer
        writer.close("completed", True, 0, 0)
