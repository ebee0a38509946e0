"""What the web UI answers, without a browser: what it refuses, and runs one after the other in every way."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from harness.recording.file import read
from tests.browser.session import Session, session
from tests.ports import free_port
from tests.run import runs
from tests.run.together import together


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session(tmp_path_factory.mktemp("web"), *runs.ALL_REPORTS) as opened:
        yield opened


@pytest.fixture(scope="module")
def ended(ui: Session) -> str:
    """Name of a run that has ended."""
    ui.wait_idle()
    return str(ui.status()["run"] or ui.run_once()["run"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example:8089", "Origin": "http://evil.example:8089"},
    ],
    ids=str,
)
def test_a_foreign_page_can_start_and_stop_nothing(ui: Session, headers: dict[str, str]) -> None:
    """403 with a reason, for every way to say that the request is another site's."""
    before = ui.status()["runs"]
    for path in ("/swarm", "/stop", "/stats/reset", "/user", "/springback/kill", "/springback/check"):
        answer = ui.post(path, {"host": ui.target.url}, headers=headers)
        assert answer.status_code == 403
        assert answer.text.startswith("Refused: ")
    assert ui.status()["runs"] == before


def test_a_rebound_name_reads_nothing(ui: Session) -> None:
    """The page, the status and the reports are for the names that the UI goes by."""
    for path in (
        "/",
        "/springback/",
        "/springback/live",
        "/springback/form",
        "/springback/status",
        "/stats/requests",
        "/metrics",
    ):
        assert ui.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert ui.get(path, headers={"Host": f"localhost:{ui.url.rpartition(':')[2]}"}).ok


def test_no_answer_gives_leave_to_other_origins(ui: Session) -> None:
    """Locust's own permissive CORS headers are gone, and nobody may frame the page."""
    for path in ("/", "/stats/requests", "/springback/status"):
        headers = ui.get(path, headers={"Origin": ui.url}).headers
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "field", ["allow_host", "runs_dir", "target_state", "probe_pids", "probe_json", "html_file", "headless", "surprise"]
)
def test_the_form_cannot_set_what_is_the_operators(ui: Session, field: str) -> None:
    """Not even by a request that was made by hand."""
    ui.wait_idle()
    answer = ui.start(**{field: "x"})
    assert not answer["success"]
    assert f"{field} cannot be set in the web form" in answer["message"]


def test_load_goes_nowhere_without_consent_from_the_command_line(ui: Session) -> None:
    """A host outside this machine is refused, and asking for consent in the same request does not help."""
    ui.wait_idle()
    answer = ui.start(host="http://198.51.100.1", allow_host="198.51.100.1")
    assert not answer["success"]
    assert "--allow-host 198.51.100.1" in answer["message"]
    body = {"user_class_name": "Visitor", "host": "http://198.51.100.1"}
    assert ui.post("/user", json=body).status_code == 403


def test_a_second_start_is_refused_while_a_run_goes(ui: Session) -> None:
    """And the run that goes is not disturbed by it."""
    ui.wait_idle()
    assert ui.start()["success"]
    answer = ui.start()
    assert not answer["success"]
    assert "a run is going" in answer["message"]
    assert ui.wait("ended")["verdict"]["outcome"] == "PASS"


def test_metrics_of_a_run_that_has_ended_have_its_verdict_and_all_its_requests(ui: Session, ended: str) -> None:
    def shown() -> dict[str, float]:
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(ui.get("/metrics").text)
            for sample in family.samples
            if sample.labels.get("outcome", "PASS") == "PASS" and sample.labels.get("phase", "spike") == "spike"
        }

    answer = ui.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert shown()["springback_verdict"] == 1
    assert f'run="{ended}"' in answer.text
    spike = next(phase for phase in ui.status()["phases"] if phase["phase"] == "spike")
    # A counter that is new to whoever asked before is 0 first.
    ui.run.until(lambda: shown()["springback_requests_total"] == spike["requests"], "all requests are counted")


def test_files_of_a_run_have_their_types_and_nothing_else_is_shown(ui: Session, ended: str) -> None:
    """Known names of run directories only, whatever way to a file outside is tried."""
    (ui.run.runs_dir / "secret.txt").write_text("secret")
    (ui.run.runs_dir / ended / "secret.txt").write_text("secret")
    linked = ui.run.runs_dir / "20200101T000000Z-linked"
    linked.mkdir()
    (linked / "report.md").symlink_to(ui.run.runs_dir / "secret.txt")
    types = {"report.html": "text/html", "report.md": "text/markdown", "junit.xml": "application/xml"}
    for file, kind in {**types, "recording.jsonl": "application/jsonl", "verdict.json": "application/json"}.items():
        answer = ui.get(f"/springback/runs/{ended}/{file}")
        assert answer.headers["Content-Type"].startswith(kind)
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    for path in (
        f"{ended}/secret.txt",
        f"{ended}/../secret.txt",
        f"{ended}/..%2Fsecret.txt",
        "..%2F..%2Fetc/passwd",
        "20200101T000000Z-linked/report.md",
        "20200101T000000Z-none/report.md",
    ):
        assert ui.get(f"/springback/runs/{path}").status_code == 404


def test_the_history_shows_the_run_and_leads_to_its_report(ui: Session, ended: str) -> None:
    """Made in a process of its own, linked from the list of runs."""
    assert '<a href="history">' in ui.get("/springback/").text
    answer = ui.get("/springback/history")
    assert answer.ok and answer.headers["Content-Type"].startswith("text/html")
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert f'<a href="runs/{ended}/report.html">' in answer.text
    assert ui.get(f"/springback/runs/{ended}/report.html").ok


def test_a_target_that_is_down_gives_a_verdict_in_the_tab(ui: Session) -> None:
    """No load is made, and the reason is there."""
    ui.wait_idle()
    told = ui.run_once(host=f"http://127.0.0.1:{free_port()}")
    assert told["verdict"]["outcome"] == "INCONCLUSIVE"
    assert "not healthy before the start" in str(told["verdict"])
    assert told["nodes_lost"] == [], "nobody was asked to make any load"
    assert ui.target.url != told["target"]


def start_on_a_taken_port(directory: Path, way: str) -> tuple[int, runs.Finished]:
    forked = runs.processes(2) if way == "processes" else ()
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port: int = holder.getsockname()[1]
        run = runs.locust(directory, "herd_http.py", "--web-port", str(port), *forked, headless=False)
        return port, run.wait(gone_within_s=5)


@together(start_on_a_taken_port, way=["local", "processes"])
def test_a_taken_port_is_one_line_and_exit_code_2(outcome: tuple[int, runs.Finished]) -> None:
    """Before anything starts, with the option that helps, and no worker is left behind."""
    port, left = outcome
    left.ended_well(2)
    (line,) = [line for line in left.err.splitlines() if line.startswith("springback: ")]
    assert str(port) in line
    assert "--web-port" in line
    assert not left.directories


def stock_users_twice(directory: Path) -> list[dict[str, Any]]:
    with session(directory, "--baseline-s", "1", "--spike-s", "1", "--recovery-s", "1", scenario="stock.py") as ui:
        return [ui.run_once(), ui.run_once()]


@together(stock_users_twice)
def test_stock_users_run_twice_in_one_session(outcome: list[dict[str, Any]]) -> None:
    """Their shape follows the clock, and the second run must not begin at the end of the first."""
    for told in outcome:
        assert all(phase["requests"] > 0 for phase in told["phases"])


@dataclass
class OverTwoProcesses:
    down: dict[str, Any]
    killed: dict[str, Any]
    killed_at_s: float
    last_start_s: int
    whole: dict[str, Any]


def three_runs_over_two_processes(directory: Path) -> OverTwoProcesses:
    with session(directory, *runs.processes(2), "--report-formats", "junit") as ui:
        ui.run.until(lambda: ui.get("/worker-count").json()["worker_count"] == 2, "two workers")
        down = ui.run_once(host=f"http://127.0.0.1:{free_port()}")
        assert ui.start(host=ui.target.url, recovery_s="300")["success"]
        ui.wait_phase("recovery")
        elapsed_s, asked_s = ui.status()["elapsed_s"], time.monotonic()
        ui.post("/springback/kill")
        killed_at_s = elapsed_s + time.monotonic() - asked_s
        killed = ui.wait("ended", down["runs"])
        ui.run.until(lambda: ui.get("/stats/requests").json()["state"] == "stopped", "Locust's page may start again")
        last_start_s = max(piece.t for piece in read(ui.run.runs_dir / killed["run"]).slices)
        return OverTwoProcesses(down, killed, killed_at_s, last_start_s, ui.run_once(recovery_s="2"))


@together(three_runs_over_two_processes, takes_s=30)
def test_a_failed_a_killed_and_a_whole_run_over_two_processes(outcome: OverTwoProcesses) -> None:
    """One after the other in one session, each with its verdict and its reports."""
    assert outcome.down["verdict"]["outcome"] == "INCONCLUSIVE"
    assert outcome.killed["verdict"]["outcome"] == "INCONCLUSIVE"
    assert "load killed in the web UI" in str(outcome.killed["verdict"])
    assert {"junit.xml", "verdict.json"} <= set(outcome.killed["files"])
    assert outcome.last_start_s <= outcome.killed_at_s + 2
    assert outcome.whole["verdict"]["outcome"] == "PASS"
    assert outcome.whole["nodes"] == 2


def below_a_base_path(directory: Path) -> dict[str, Any]:
    with session(directory, base_path="/load") as ui:
        return {
            "page": ui.get("/").text,
            "script": ui.get("/springback/start.js").status_code,
            "list": ui.get("/springback/").text,
            "metrics": ui.get("/metrics").text,
            "refused": ui.start(herd_users="no")["success"],
        }


@together(below_a_base_path)
def test_everything_is_found_below_a_base_path(outcome: dict[str, Any]) -> None:
    """``--web-base-path`` moves our pages along with Locust's."""
    assert '<script type="module" src="/load/springback/start.js">' in outcome["page"]
    assert outcome["script"] == 200
    assert "No run yet" in outcome["list"]
    assert 'springback_run_state{state="idle"} 1' in outcome["metrics"]
    assert outcome["refused"] is False


OURS = ("live", "events", "status", "form", "check", "kill", "", "panel.js")


def answer(ui: Session, visitor: requests.Session, path: str) -> tuple[int, str]:
    method, url = "POST" if path in ("check", "kill") else "GET", f"{ui.url}/springback/{path}"
    with visitor.request(method, url, stream=True, timeout=30, allow_redirects=False) as got:
        return got.status_code, got.headers["Content-Type"]


def behind_a_login(directory: Path) -> dict[str, Any]:
    with session(directory, "--web-login", scenario="web_login.py", base_path="/load") as ui:
        without = {path: answer(ui, requests.Session(), path)[0] for path in OURS}
        anna = requests.Session()
        anna.get(f"{ui.url}/enter", timeout=30)
        return {"without": without, "with": {path: answer(ui, anna, path) for path in OURS}}


@together(behind_a_login)
def test_nobody_sees_or_does_anything_without_the_login(outcome: dict[str, Any]) -> None:
    """Neither the page, nor its stream, nor the kill switch; with it all of them answer, also below a base path."""
    assert set(outcome["without"].values()) == {302}
    assert {status for status, _ in outcome["with"].values()} == {200}
    assert outcome["with"]["events"][1].startswith("text/event-stream")


def test_the_ui_listens_on_this_machine_only_by_default(ui: Session) -> None:
    """Nobody else can reach it unless ``--web-host`` says so."""
    port = int(ui.url.rpartition(":")[2])
    listening = [c for c in psutil.Process(ui.run.process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert [c.laddr.ip for c in listening if c.laddr.port == port] == ["127.0.0.1"]
