"""The state of Locust that its page is told of.

Locust's page asks for news only in the states ``spawning`` and ``running``, takes ``ready`` for "show the form", and
offers a new run in ``stopped``. In Locust the states between them last milliseconds; a run of ours stays in them while
the target is checked, the last answers come in and the report is written, and a page that hears of one stays with it
for ever. So it hears ``spawning`` before and ``running`` until the verdict is there.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Response
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, STATE_STOPPING
from locust.web import WebUI

from harness.run.master import Master
from harness.web.form import going

IN_JSON = re.compile(r'"state": ?"([a-z]+)"')
"""Keys come in alphabetical order, so the first is the runner's; in a text the quotes would be escaped."""


def words(state: str, is_going: bool) -> str:
    """What to say instead of ``state``."""
    if state in (STATE_CLEANUP, STATE_STOPPING):
        return STATE_RUNNING
    if is_going and state == STATE_INIT:
        return STATE_SPAWNING
    if is_going and state == STATE_STOPPED:
        return STATE_RUNNING
    return state


def install(web_ui: WebUI, master: Master) -> None:
    assert web_ui.app is not None
    views: dict[str, Any] = web_ui.app.view_functions
    page, stats = views["locust.index"], views["locust.request_stats"]
    runner: Any = web_ui.environment.runner

    def changed(text: str) -> str:
        is_going = master.ending or going(master) or bool(runner.shape_greenlet)
        return IN_JSON.sub(lambda found: f'"state": "{words(found[1], is_going)}"', text, count=1)

    def index() -> Any:
        answer = page()
        return changed(answer) if isinstance(answer, str) else answer

    def request_stats() -> Any:
        answer = stats()
        if not isinstance(answer, Response):
            return answer
        # Locust keeps its answer for two seconds and gives it again, so it is left as it is.
        return Response(changed(answer.get_data(as_text=True)), answer.status_code, mimetype=answer.mimetype)

    views["locust.index"], views["locust.request_stats"] = index, request_stats
