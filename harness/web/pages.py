"""The pages: the list of runs, a run's files, and what the live tab asks for.

``/springback/``                    all runs, for a browser without scripts as well
``/springback/history``             every figure over the runs
``/springback/live``                the live page, as in the tab of Locust's page
``/springback/events``              what the live page is sent, as server-sent events: see ``updates.py``
``/springback/status``              how the session stands, as JSON, for scripts
``/springback/runs/<run>/<file>``   a file of a run, or of a suite
``/springback/runs/<suite>/<run>/<file>``   a file of a run of a suite
``/metrics``                        the same as figures, for Prometheus; see :mod:`harness.web.metrics`
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, send_file
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from locust.web import WebUI

from harness import runs
from harness.run.master import Master
from harness.web import exposition, secrets
from harness.web.metrics import Metrics
from harness.web.status import Status, Watch
from harness.web.updates import Updates

View = TypeVar("View", bound=Callable[..., Response])

HERE = Path(__file__).parent
SHOWN = 100
"""Runs in the list at the most."""
TAB = {"title": "Springback", "key": "springback", "component": "springback-panel"}
"""Locust renders ``component`` by its name; ``panel.js`` defines a custom element of that name."""

ALONE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; {ALONE}"
LIVE_POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'; img-src data:"
ASSETS = tuple(path.name for path in HERE.iterdir() if path.suffix in (".js", ".css"))
# A run's files hold text of the target. In a sandbox without an origin of its own, nothing in them could speak to
# the UI even if it were run; the report's own policy, inside the file, lets only the report's scripts run.
FILE_POLICY = (
    "sandbox allow-scripts allow-downloads allow-modals allow-popups; default-src 'none'; "
    f"script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; {ALONE}"
)


def install(web_ui: WebUI, master: Master) -> None:
    assert web_ui.app is not None
    options: Any = web_ui.environment.parsed_options
    base = f"{options.web_base_path or ''}/springback"
    runs_dir = Path(str(options.runs_dir or "runs")).absolute()
    watch = Watch(web_ui.environment, master, runs_dir)
    updates = Updates(watch, lambda: secrets.values(web_ui.environment))
    templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    protected: Callable[[View], View] = web_ui.auth_required_if_enabled
    blueprint = Blueprint("springback", __name__, url_prefix=base)

    @blueprint.route("/")
    @protected
    def index() -> Response:
        status = watch.status()
        names = runs.names(runs_dir)
        listed = [run for name in names[:SHOWN] if (run := runs.run(runs_dir, name)) is not None]
        page = templates.get_template("runs.html.j2").render(
            status=status,
            runs=listed,
            session=frozenset(master.runs),
            going=status.run if status.going else "",
            more=max(0, len(names) - SHOWN),
            runs_dir=str(runs_dir),
            about_status=_about(status),
        )
        return Response(page, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})

    @blueprint.route("/history")
    @protected
    def history() -> Response:
        # In a process of its own: thousands of runs may have to be read, and nothing of it weighs on this one.
        command = [sys.executable, "-P", "-m", "harness.cli", "history", "--runs-dir", str(runs_dir), "--page", "-"]
        made = subprocess.run([*command, "--base", "runs/"], stdout=subprocess.PIPE, check=False)
        if made.returncode:
            return Response("There is no history yet: no run was made.\n", 404, mimetype="text/plain")
        policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {ALONE}"
        return Response(made.stdout, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    @blueprint.route("/status")
    @protected
    def status() -> Response:
        answer = jsonify(asdict(watch.status()))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @blueprint.route("/live")
    @protected
    def live() -> Response:
        page = templates.get_template("live.html.j2").render()
        return Response(page, headers={"Content-Security-Policy": LIVE_POLICY, "Cache-Control": "no-store"})

    @blueprint.route("/events")
    @protected
    def events() -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy must not hold them back
        return Response(updates.stream(), mimetype="text/event-stream", headers=headers)

    @blueprint.route("/runs/<run>/<file>")
    @blueprint.route("/runs/<suite>/<run>/<file>")
    @protected
    def file_of_run(run: str, file: str, suite: str = "") -> Response:
        path = runs.file_of(runs_dir, (suite, run) if suite else (run,), file)
        if path is None:
            return Response(f"There is no file {file!a} of a run {run!a}.\n", 404, mimetype="text/plain")
        answer = send_file(path, mimetype=runs.type_of(file), conditional=True)
        answer.headers["Content-Security-Policy"] = FILE_POLICY
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @blueprint.route(f"/<any({', '.join(repr(name) for name in ASSETS)}):name>")
    @protected
    def asset(name: str) -> Response:
        kind = "text/javascript" if name.endswith(".js") else "text/css"  # whatever this machine's table says
        return send_file(HERE / name, mimetype=kind, conditional=True, max_age=0)

    metrics = Metrics(web_ui.environment, master, watch)

    @web_ui.app.route(f"{options.web_base_path or ''}/metrics")
    @protected
    def metrics_page() -> Response:
        # Passed through as it is: it holds no secrets, and looking for some in it takes longer than to make it.
        answer = Response(metrics.text(), content_type=exposition.CONTENT_TYPE, direct_passthrough=True)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    web_ui.app.register_blueprint(blueprint)
    web_ui.template_args["extended_tabs"] = [*web_ui.template_args.get("extended_tabs", ()), TAB]
    _add_script(web_ui, f'<script type="module" src="{base}/start.js"></script>')


def _add_script(web_ui: WebUI, script: str) -> None:
    """Puts our script into Locust's page, before its own: its template has no place for one."""
    assert web_ui.app is not None
    views: dict[str, Any] = web_ui.app.view_functions
    original = views["locust.index"]

    def index() -> Any:
        page = original()
        return page.replace("<head>", f"<head>{script}", 1) if isinstance(page, str) else page

    views["locust.index"] = index


def _about(status: Status) -> str:
    """One line on the present run, for the page without scripts."""
    if status.state == "running":
        done = f"{status.elapsed_s:.0f} of {status.duration_s:.0f} s"
        return f"{status.run} is running: {status.phase}, {done}"
    return f"{status.run}: {status.words}" if status.run else status.words
