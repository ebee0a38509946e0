"""Puts everything of this package into Locust's web UI."""

from __future__ import annotations

import errno
import socket
from typing import Any

from locust.web import WebUI

from harness.errors import ConfigurationError
from harness.run.master import Master
from harness.web import form, guard, locust_state, pages, secrets, shown_options


def install(web_ui: WebUI, master: Master) -> None:
    """Call it once, before the web UI takes its first request. Raises ConfigurationError when it could not listen."""
    options: Any = web_ui.environment.parsed_options
    _require_free(web_ui.host, web_ui.port)
    shown_options.look_up_once()
    guard.install(web_ui, options.web_host_display_name or "")
    secrets.install(web_ui)
    form.install(web_ui, master)
    locust_state.install(web_ui, master)
    pages.install(web_ui, master)


def _require_free(host: str, port: int) -> None:
    """Listens on ``host`` (empty: every interface) and ``port`` for a moment.

    Raises ConfigurationError, with the option that helps.
    """
    shown = host or "every interface"
    try:
        address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"--web-host {host} --web-port {port}: no address to listen on ({error}); "
            "leave --web-host out for this machine only"
        ) from None
    family, kind, _, _, where = address
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            probe.listen(1)
        except OSError as error:
            raise ConfigurationError(_problem(error, shown, port)) from None


def _problem(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"the port {port} of the web UI is taken on {host}: choose another with --web-port, "
            "or run without the web UI (--headless)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--web-host {host}: this machine has no such address; leave it out for this machine only"
    if error.errno == errno.EACCES:
        return f"--web-port {port}: not permitted ({error.strerror}); choose one above 1023"
    return f"the web UI cannot listen on {host}, port {port} ({error.strerror}): choose another with --web-port"
