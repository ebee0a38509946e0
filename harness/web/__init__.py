"""What Springback adds to Locust's web UI, on the master or the local runner.

``guard``    who may talk to it at all: the names it is bound to, and pages of its own
``form``     what the form may set, and the check before anything starts
``pages``    the runs and their reports, and the live tab (``panel.js``)
``state``    what Locust's own page is told of a run that takes its time to begin and to end
``port``     the clear word when the port is taken
"""

from __future__ import annotations

from typing import Any

from locust.web import WebUI

from harness.record.lead import Lead
from harness.web import form, guard, pages, port, state


def install(web_ui: WebUI, lead: Lead) -> None:
    """Call it once, before the web UI takes its first request. Raises ConfigurationError when it could not listen."""
    options: Any = web_ui.environment.parsed_options
    port.require_free(web_ui.host, web_ui.port)
    guard.install(web_ui, options.web_host_display_name or "")
    form.install(web_ui, lead)
    state.install(web_ui, lead)
    pages.install(web_ui, lead)
