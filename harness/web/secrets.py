"""No page shows a secret: neither what was given for a secret option nor the user and the password of a host.

A field that holds one is blank, and one that stays blank is left as it was. Locust puts options, hosts and messages
into many answers, so all of them go through one place on their way out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response
from locust.env import Environment
from locust.web import WebUI

from harness.clients.address import strip_url
from harness.config.options import secret_values, sections
from harness.config.scenario import attached_scenario
from harness.run.locust_output import hidden, hidden_in, hidden_in_page


def install(web_ui: WebUI) -> None:
    assert web_ui.app is not None
    update: Any = web_ui.update_template_args

    def update_without_secrets() -> None:
        update()
        shown = web_ui.template_args
        shown["host"] = strip_url(str(shown.get("host") or ""))
        shown["extra_options"] = {
            name: {**option, "default_value": ""} if option.get("is_secret") else option
            for name, option in shown["extra_options"].items()
        }

    def hide(answer: Response) -> Response:
        if answer.direct_passthrough or answer.is_streamed:
            return answer
        secrets = values(web_ui.environment)
        if answer.mimetype == "application/json":
            answer.set_data(_hidden_in_json(answer.get_data(as_text=True), secrets))
        elif answer.mimetype == "text/html":
            answer.set_data(hidden_in_page(answer.get_data(as_text=True), secrets))
        elif (answer.mimetype or "").startswith("text/"):
            answer.set_data(hidden(answer.get_data(as_text=True), secrets))
        if "Content-Disposition" in answer.headers:
            answer.headers["Content-Disposition"] = hidden(answer.headers["Content-Disposition"], secrets)
        return answer

    web_ui.update_template_args = update_without_secrets  # type: ignore[method-assign]
    web_ui.app.after_request(hide)


def _hidden_in_json(text: str, secrets: tuple[str, ...]) -> str:
    try:
        return json.dumps(hidden_in(json.loads(text), secrets))
    except ValueError:  # of somebody's own route, and no JSON after all
        return hidden(text, secrets)


def meant(web_ui: WebUI, fields: Mapping[str, str]) -> dict[str, str]:
    """The form's fields as they are meant: a secret that is blank, and a host without its user info, are unchanged."""
    scenario = attached_scenario()
    given = vars(web_ui.environment.parsed_options)
    found = dict(fields)
    for option in (option for _, options in sections(scenario) for option in options) if scenario else ():
        if option.secret and found.get(option.name) == "":
            found[option.name] = option.text if given.get(option.name) is None else str(given[option.name])
    host = web_ui.environment.host or ""
    if host and found.get("host") == strip_url(host):
        found["host"] = host
    return found


def values(environment: Environment) -> tuple[str, ...]:
    """Those of the run that goes, or of the next one."""
    scenario = attached_scenario()
    return () if scenario is None else secret_values(scenario, environment.parsed_options)
