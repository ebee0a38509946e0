"""A session of Locust's web UI for tests: a real process, on a free port, driven over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests import service
from tests.ports import free_port
from tests.run import runs


@dataclass
class Session:
    run: runs.Run
    url: str
    """Of the UI, without a slash at its end."""
    target: service.Service

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=30, **options)

    def post(self, path: str, data: dict[str, str] | None = None, **options: Any) -> requests.Response:
        return requests.post(self.url + path, data=data, timeout=60, **options)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = self.get("/springback/status").json()
        return told

    def start(self, **fields: str) -> dict[str, Any]:
        """What the form does; the fields that are not named stay as they were."""
        answer: dict[str, Any] = self.post("/swarm", fields).json()
        return answer

    def run_once(self, **fields: str) -> dict[str, Any]:
        """A whole run, a short one unless told otherwise, and how it stands after its end."""
        before = self.status()["runs"]
        answer = self.start(**{"recovery_s": "2", **fields})
        assert answer["success"], answer["message"]
        return self.wait("ended", before)

    def wait(self, state: str, after_runs: int = -1) -> dict[str, Any]:
        """Waits for a state, of a run that came after so many others."""
        seen: dict[str, Any] = {}

        def is_there() -> bool:
            seen.update(self.status())
            return seen["state"] == state and seen["runs"] > after_runs

        self._until(is_there, f"state {state}")
        return seen

    def wait_phase(self, phase: str) -> None:
        self._until(lambda: self.status()["phase"] == phase, f"phase {phase}")

    def wait_idle(self) -> None:
        self._until(lambda: self.status()["state"] in ("idle", "ended", "refused"), "nothing going")

    def _until(self, condition: Callable[[], object], what: str) -> None:
        """Not as often as where a file is looked at: each time takes 5 ms of CPU, half of it the master's."""
        self.run.until(condition, what, every_s=0.2)


@contextmanager
def session(directory: Path, *arguments: str, scenario: str = "herd_http.py", base_path: str = "") -> Iterator[Session]:
    with service.running() as target:
        port = free_port()
        options = ("--web-port", str(port), "--health-path", "/healthz", *arguments)
        options += ("--web-base-path", base_path) if base_path else ()
        run = runs.locust(directory, scenario, *options, host=target.url, headless=False)
        try:
            opened = Session(run, f"http://127.0.0.1:{port}{base_path}", target)
            run.until(lambda: _answers(opened), "the web UI answers")
            yield opened
        finally:
            run.send(runs.SIGTERM)
            with contextlib.suppress(Exception):
                run.process.wait(20)
            run.kill_all()


def _answers(opened: Session) -> bool:
    try:
        return opened.get("/springback/status").ok
    except (requests.ConnectionError, requests.Timeout):
        return False
