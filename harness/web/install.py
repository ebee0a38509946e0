"""Puts everything of this package into Locust's web UI."""

from __future__ import annotations

from typing import Any

from locust.web import WebUI

from harness.run.master import Lead
from harness.web import form, guard, locust_state, pages, port


def install(web_ui: WebUI, lead: Lead) -> None:
    """Call it once, before the web UI takes its first request. Raises ConfigurationError when it could not listen."""
    options: Any = web_ui.environment.parsed_options
    port.require_free(web_ui.host, web_ui.port)
    guard.install(web_ui, options.web_host_display_name or "")
    form.install(web_ui, lead)
    locust_state.install(web_ui, lead)
    pages.install(web_ui, lead)
