"""What it costs a master to take the reports of many workers: CPU time ÷ elapsed time of the run.

Run as ``python -m benchmarks._reports live`` (by the code of a run) or ``… text`` (as it was before there was a live
state: the lines of the reports are read back, and the slices of ten seconds added up anew for each look at the alerts).
Prints the ratio and the messages' bytes a second. The run is made up: second after second, as fast as it goes.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from locust.rpc.protocol import Message

from harness.analysis import tallies
from harness.analysis.answer_sizes import size_index
from harness.analysis.histogram import bucket_index, quantile_us
from harness.live.state import SETTLES_S, LiveState
from harness.load.report import Report
from harness.recording import Line, ProbeSample, Slice
from harness.recording.file import decode, encode
from harness.recording.header import Header, Phase
from harness.recording.values import OK
from harness.run.console import Quiet
from harness.run.live_alerts import raise_and_clear
from harness.run.recording_writer import RecordingWriter

WORKERS, NAMES, SECONDS = 200, 20, 20
REQUESTS = 5
"""Of one worker, one name and one second."""
BODY_BYTES = 180
WINDOW_S = 10
PHASES = (Phase("baseline", 0, SECONDS // 2), Phase("spike", SECONDS // 2, SECONDS))
HEADER = Header("bench", "", "step", {}, PHASES, (), "users", (), (), "", WORKERS, {})


def report(node: str, t: int, chance: random.Random) -> Report:
    slices = []
    for name in range(NAMES):
        latency: dict[int, int] = defaultdict(int)
        service: dict[int, int] = defaultdict(int)
        for _ in range(REQUESTS):
            latency_us = int(1e6 * chance.lognormvariate(-3, 0.5))
            latency[bucket_index(latency_us)] += 1
            service[bucket_index(latency_us - 100)] += 1
        sizes = {size_index(BODY_BYTES): REQUESTS}
        counts = REQUESTS, BODY_BYTES * REQUESTS, latency, service, REQUESTS
        slices.append(Slice(t, node, f"GET /{name}", OK, *counts, sizes=sizes))
    values = {"loop_lag_s": 0.001, "cpu_ratio": 0.3, "rss_bytes": 8e7, "answered_per_s": 100.0, "failed_per_s": 0.0}
    sample = ProbeSample(t + 0.5, "generator", node, values)
    return Report("run", encode(sample), tuple(slices), (sample,))


def messages(body: Callable[[Report], dict[str, object]]) -> list[list[bytes]]:
    """Of each second, what its workers send."""
    chance = random.Random(1)
    return [
        [Message("stats", body(report(f"worker-{k}", t, chance)), "").serialize() for k in range(WORKERS)]
        for t in range(SECONDS)
    ]


def as_text(report: Report) -> dict[str, object]:
    lines: tuple[Line, ...] = (*report.slices, *report.samples)
    return {"lines": "".join(map(encode, lines))}


def live(sent: list[list[bytes]], writer: RecordingWriter, state: LiveState) -> None:
    for t, second in enumerate(sent):
        for node, message in enumerate(second):
            came = Report.from_message(Message.unserialize(message).data)
            writer.report(str(node), came.slices, came.lines)
            for piece in came.slices:
                state.add(piece)
            for sample in came.samples:
                state.add(sample)
        raise_and_clear(state, t + 1 + SETTLES_S, writer.write, Quiet())
        state.snapshot()


def text(sent: list[list[bytes]], writer: RecordingWriter, _: LiveState) -> None:
    seconds: dict[int, list[Slice]] = defaultdict(list)
    for t, second in enumerate(sent):
        for message in second:
            lines = Message.unserialize(message).data["lines"]
            writer.append(lines)
            for line in lines.splitlines():
                if line.startswith('{"kind":"slice"') and isinstance(piece := decode(line), Slice):
                    seconds[piece.t].append(piece)
        seconds.pop(t - WINDOW_S, None)
        tally = tallies.tally(tuple(piece for pieces in seconds.values() for piece in pieces))
        quantile_us(tally.latency, 0.95, tally.failed)


def main(how: str) -> None:
    sent = messages(Report.to_message if how == "live" else as_text)
    size_bytes = sum(len(message) for second in sent for message in second)
    with tempfile.TemporaryDirectory(prefix="springback-bench-") as directory:
        state = LiveState(HEADER)
        writer = RecordingWriter(Path(directory), HEADER, state.add)
        writer.set_origin(time.monotonic())
        began_s = time.process_time()
        {"live": live, "text": text}[how](sent, writer, state)
        print((time.process_time() - began_s) / SECONDS, size_bytes / SECONDS)
        writer.close("completed", True, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1])
