"""The form: what it may set, and the check before anything starts.

It may set how hard a target is pressed and how the run is judged. Where load may go, which processes and addresses
are sampled and where files are written is for whoever starts Locust to say: the page can be reached by more people
than the command line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import gevent
from flask import Response, jsonify, request
from locust.argument_parser import ui_extra_args_dict
from locust.runners import STATE_INIT, MasterRunner
from locust.web import WebUI
from werkzeug.datastructures import ImmutableMultiDict

from harness.errors import ConfigurationError
from harness.parameters import flag
from harness.run.master import Master
from harness.web import form_fields, secrets

OF_LOCUST = ("host", "user_count", "spawn_rate", "run_time", "profile")
OF_PICKER = ("user_classes", "shape_class")
STOPPED = "stopped in the web UI"
KILLED = "load killed in the web UI"
START_PATIENCE_S = 30.0
FORMS = "application/x-www-form-urlencoded", "multipart/form-data"


def install(web_ui: WebUI, master: Master) -> None:
    """Puts the checks in front of Locust's own views."""
    assert web_ui.app is not None
    views: dict[str, Any] = web_ui.app.view_functions
    shown = set(ui_extra_args_dict())
    start, stop, change_user = (views[f"locust.{name}"] for name in ("swarm", "stop", "update_user"))

    def swarm() -> Response:
        fields = secrets.meant(web_ui, _by_their_names(request.form, shown))
        problems = list(_prepare(web_ui, master, shown, fields))
        if problems:
            host = web_ui.environment.host
            by_field = form_fields.by_field(problems, shown, fields.get("host", ""))
            return jsonify({"success": False, "message": _in_words(problems), "host": host, "problems": by_field})
        _set_as_text(web_ui, shown, fields)
        # Locust's own view reads the form once more.
        several = {name: values for name, values in request.form.lists() if len(values) > 1}
        asked: Any = request
        asked._get_current_object().form = ImmutableMultiDict({**fields, **several})
        answer: Response = start()
        return answer

    def end(why: str = STOPPED) -> Response:
        if master.ending:
            return jsonify({"success": True, "message": "The run is ending already."})
        if going(master):
            master.stop_reason = why
            _wait_started(web_ui)
        answer: Response = stop()
        return answer

    def kill() -> Response:
        """No request is begun and no answer waited for any more. Also while the run is being stopped."""
        if not going(master):
            return jsonify({"success": False, "message": "No run is going."})
        if not master.ending:
            master.stop_reason = KILLED  # also of what is stopped by it
        master.stop_waiting()
        return end(KILLED)

    def fields_of_form() -> Response:
        shape, _ = master.request.try_out(_values(web_ui, {}, set()), None, None)
        answer = jsonify(form_fields.described(web_ui, master.scenario, shape, shown))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def check() -> Response:
        """What the fields would do, and what is wrong with them. Nothing is changed by it."""
        fields = secrets.meant(web_ui, _by_their_names(request.form, shown))
        chosen: Any = (web_ui.environment.available_shape_classes or {}).get(fields.get("shape_class", ""))
        values = _values(web_ui, fields, _allowed(web_ui, shown))
        shape, problems = master.request.try_out(values, fields.get("host"), chosen)
        found = form_fields.by_field(problems, shown, fields.get("host", ""))
        # A value that could not be read is not the shape's: it would be drawn as it was.
        has_shape = not shape.parameters.keys() & {name for name, _ in found} and not shape.problems()
        return jsonify({"problems": found, "preview": form_fields.preview(shape) if has_shape else None})

    def update_user() -> Any:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict) or "host" in body or going(master):
            return Response("Refused: a user class cannot be given a host here, nor be changed in a run.\n", 403)
        return change_user()

    for name, view in (("swarm", swarm), ("stop", end), ("update_user", update_user)):
        views[f"locust.{name}"] = web_ui.auth_required_if_enabled(view)
    options: Any = web_ui.environment.parsed_options
    base = f"{options.web_base_path or ''}/springback"
    for path, own, method in (("kill", kill, "POST"), ("form", fields_of_form, "GET"), ("check", check, "POST")):
        shielded: Any = web_ui.auth_required_if_enabled(own)
        web_ui.app.add_url_rule(f"{base}/{path}", f"springback_{path}", shielded, methods=[method])


def _prepare(web_ui: WebUI, master: Master, shown: set[str], fields: Mapping[str, str]) -> Iterator[str]:
    """All that keeps a run from being started with ``fields``; if nothing does, the shape is ready for it.

    ``shown`` are the form's own fields, besides those that are always Locust's.
    """
    environment = web_ui.environment
    runner: Any = environment.runner
    if request.content_length and request.mimetype not in FORMS:
        yield f"the fields have to come as a form ({' or '.join(FORMS)}): of anything else nothing is read"
        return
    if master.ending:
        yield "the last run is ending and being judged: start again in a moment"
        return
    if going(master) or runner.shape_greenlet:
        run = f" ({master.current_run.name})" if going(master) and master.current_run else ""
        yield f"a run is going{run}: wait for its end, or stop it first"
        return
    if isinstance(runner, MasterRunner) and not runner.worker_count:
        yield "no load process has connected: start one with --worker, or start this with --processes 2"
    picker, allowed = web_ui.userclass_picker_is_active, _allowed(web_ui, shown)
    for name in sorted(set(fields) - allowed):
        yield f"{name} cannot be set in the web form, only on the command line ({flag(name)})"
    if picker:
        shapes = environment.available_shape_classes or {}
        chosen = shapes.get(fields.get("shape_class", ""))
        if chosen is None:
            yield f"choose a shape: {', '.join(sorted(shapes)) or 'the locustfile has none'}"
            return
        environment.shape_class = chosen  # as Locust's own view does next
    try:
        master.request.prepare(_values(web_ui, fields, allowed), fields.get("host"))
    except ConfigurationError as error:
        yield from error.messages


def _allowed(web_ui: WebUI, shown: set[str]) -> set[str]:
    return shown | set(OF_LOCUST) | set(OF_PICKER if web_ui.userclass_picker_is_active else ())


def _values(web_ui: WebUI, fields: Mapping[str, str], allowed: set[str]) -> SimpleNamespace:
    """Locust's options, with what the form may set and has set."""
    given = {name: value for name, value in fields.items() if name in allowed and name != "host"}
    return SimpleNamespace(**{**vars(web_ui.environment.parsed_options), **given})


def going(master: Master) -> bool:
    """Whether a run has begun and not ended."""
    return master.current_run is not None and not master.current_run.finished


def _by_their_names(fields: Mapping[str, str], shown: set[str]) -> dict[str, str]:
    """Locust's page writes names in its own way and back again, and loses a figure's place: ``alert_p9_5s``."""
    names = {name.replace("_", ""): name for name in shown}
    return {names.get(field.replace("_", ""), field): value for field, value in fields.items()}


def _set_as_text(web_ui: WebUI, shown: set[str], fields: Mapping[str, str]) -> None:
    """Before Locust's own view does: it would convert the text to the types that the options had in the last run, and
    fail at an empty field.
    """
    options = vars(web_ui.environment.parsed_options)
    options.update({name: fields[name] for name in shown & set(fields) if not isinstance(options[name], bool)})


def _wait_started(web_ui: WebUI) -> None:
    """Locust's master does not stop a run that it is about to start: waits until it has, or has refused to."""
    runner = web_ui.environment.runner
    deadline_s = time.monotonic() + START_PATIENCE_S
    while isinstance(runner, MasterRunner) and runner.state == STATE_INIT and time.monotonic() < deadline_s:
        gevent.sleep(0.05)


def _in_words(problems: list[str]) -> str:
    if len(problems) == 1:
        return f"Not started: {problems[0]}"
    return "\n".join([f"Not started, {len(problems)} things to put right:", *(f"• {problem}" for problem in problems)])
