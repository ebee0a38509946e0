"""No page shows a secret: neither what was given for a secret option nor the user and the password of a host.

A field that holds one is blank, and one that stays blank is left as it was. Locust puts options, hosts and messages
into many answers, so all of them go through one place on their way out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response
from locust.web import WebUI

from harness.clients.address import strip_url
from harness.config.options import secret_values, sections
from harness.config.scenario import attached_scenario
from harness.safe_text import without_user_info

HIDDEN = "•••"
TEXT = ("text/", "application/json", "application/javascript")


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
        if answer.direct_passthrough or answer.is_streamed or not (answer.mimetype or "").startswith(TEXT):
            return answer
        secrets = _values(web_ui)
        answer.set_data(hidden(answer.get_data(as_text=True), secrets))
        for name in ("Content-Disposition", "Location"):
            if name in answer.headers:
                answer.headers[name] = hidden(answer.headers[name], secrets)
        return answer

    web_ui.update_template_args = update_without_secrets  # type: ignore[method-assign]
    web_ui.app.after_request(hide)


def hidden(text: str, secrets: tuple[str, ...]) -> str:
    """The text without user info in addresses, and without these values, however they are escaped."""
    text = without_user_info(text)
    for secret in secrets:
        for written in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(written, HIDDEN)
    return text


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


def _values(web_ui: WebUI) -> tuple[str, ...]:
    scenario = attached_scenario()
    return () if scenario is None else secret_values(scenario, web_ui.environment.parsed_options)
