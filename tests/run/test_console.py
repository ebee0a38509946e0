"""What a real run shows: a screen on a terminal, which it leaves as it was, and JSON for programs; and /metrics."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import termios
import threading
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together
from tests.target.otlp import Receiver, receiving

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@dataclass
class Shown:
    finished: Finished
    text: str
    """All that was written to the terminal."""
    modes_before: list[Any]
    modes_after: list[Any]
    metrics: dict[str, float] = field(default_factory=dict)
    """Those of the recovery, added up over their labels."""


def on_a_terminal(directory: Path) -> Shown:
    """Ended by Ctrl-C in the recovery, after /metrics was asked for."""
    terminal, ours = pty.openpty()
    before = termios.tcgetattr(ours)
    pieces: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(terminal, 65536):
                pieces.append(piece)

    threading.Thread(target=read, daemon=True).start()
    with service.running() as target:
        port = free_port()
        run = runs.locust(
            *(directory, "herd_http.py", "--recovery-s", "30", "--metrics-port", str(port)),
            host=target.url,
            variables={"TERM": "xterm-256color"},
            stdout=ours,
            stderr=ours,
        )
        run.until(lambda: b"2 s since the spike" in b"".join(pieces), "the recovery is on the screen")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            page = answer.read().decode()
        run.send(runs.SIGINT)
        finished = run.wait()
    after = termios.tcgetattr(ours)
    os.close(ours)
    metrics: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            metrics[sample.name] = metrics.get(sample.name, 0.0) + sample.value
    os.close(terminal)
    return Shown(finished, b"".join(pieces).decode(), before, after, metrics)


@together(on_a_terminal)
def test_on_a_terminal_there_is_one_screen_and_ctrl_c_leaves_it_as_it_was(outcome: Shown) -> None:
    outcome.finished.ended_well(code=4)
    assert outcome.modes_after == outcome.modes_before
    assert HIDE_CURSOR in outcome.text
    assert outcome.text.rindex(SHOW_CURSOR) > outcome.text.rindex(HIDE_CURSOR)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", outcome.text)
    assert re.search(r"recovery \d of 30 s  herd-http against http://127\.0\.0\.1", plain)
    assert re.search(r"rate +\d+ /s", plain) and re.search(r"p95 +\d+ ms", plain)
    verdict = outcome.text[outcome.text.rindex(SHOW_CURSOR) :]
    assert "INCONCLUSIVE" in verdict and "stopped by Ctrl-C" in re.sub(r"\s+", " ", verdict)


@together(on_a_terminal)
def test_metrics_are_there_while_it_goes(outcome: Shown) -> None:
    assert outcome.metrics["springback_phase"] == 1
    assert outcome.metrics["springback_recovery_seconds"] >= 2
    assert outcome.metrics["springback_requests_total"] >= 20
    assert outcome.metrics["springback_requests_failed_total"] == 0
    assert outcome.metrics["http_client_request_duration_seconds_count"] >= 20
    assert outcome.metrics["springback_target_memory_bytes"] > 1e6


@dataclass
class ForPrograms:
    finished: Finished
    receiver: Receiver


def for_programs(directory: Path) -> ForPrograms:
    """With JSON on standard output, every request traced, and all of it at a receiver of OpenTelemetry's protocol."""
    with service.running() as target, receiving() as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        arguments = ("--console", "json", "--trace-ratio", "1", "--otel")
        run = runs.locust(directory, "herd_http.py", *arguments, host=target.url, variables=variables)
        return ForPrograms(run.wait(), receiver)


@together(for_programs)
def test_json_is_all_that_is_on_standard_output_and_tells_what_the_recording_does(outcome: ForPrograms) -> None:
    outcome.finished.ended_well(code=0)
    told = [json.loads(line) for line in outcome.finished.out.splitlines()]
    kinds = [each["event"] for each in told]
    assert kinds[0] == "run" and kinds[-1] == "verdict"
    assert [each["phase"] for each in told if each["event"] == "phase"] == [
        *("warm-up", "baseline", "spike", "recovery", "drain")
    ]
    seconds = [each for each in told if each["event"] == "second"]
    assert [each["t"] for each in seconds] == [0, 1, 2, 3]
    assert sum(each["made"] for each in seconds) == outcome.finished.count()
    assert told[-1]["outcome"] == outcome.finished.verdict["outcome"] == "PASS"
    assert told[0]["run"] == outcome.finished.directory.name
    assert kinds.count("finding") == len(outcome.finished.verdict["findings"])
    assert "springback:" not in outcome.finished.out


@together(for_programs)
def test_traces_of_a_real_run_are_in_its_verdict(outcome: ForPrograms) -> None:
    traces = outcome.finished.verdict["traces"]
    assert {trace["phase"] for trace in traces} == {"baseline", "spike", "recovery"}
    assert all(re.fullmatch(r"[0-9a-f]{32}", trace["trace_id"]) for trace in traces)
    assert len({trace["trace_id"] for trace in traces}) == len(traces)


@together(for_programs)
def test_a_receiver_gets_locusts_metrics_and_a_span_for_each_traced_request(outcome: ForPrograms) -> None:
    assert {"locust.client.duration", "locust.users.count"} <= outcome.receiver.metrics
    spans = outcome.receiver.named("POST /visit")
    assert len(spans) == outcome.finished.count()
    shown = {trace["trace_id"] for trace in outcome.finished.verdict["traces"]}
    assert shown <= {span.trace_id.hex() for span in spans}
