"""Who may talk to the web UI: requests for a name it is known by, and none on behalf of another site's page.

Whoever reaches the UI can start load. On loopback that is whoever sits at the machine, and every web page in their
browser: a page may send requests to 127.0.0.1 (cross-site request forgery), and a site may let its own name point
there (DNS rebinding). The first is seen by ``Origin``, the second by ``Host``.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from locust.web import WebUI

logger = logging.getLogger(__name__)

READING = ("GET", "HEAD", "OPTIONS")
CROSS_SITE = ("cross-site", "same-site")
EVERY_INTERFACE = ("", "*", "0.0.0.0", "::")


@dataclass(frozen=True)
class Names:
    """Names that the UI goes by. ``addresses``: any address will do, because it listens on every interface; an
    address cannot be rebound, only a name can."""

    hosts: frozenset[str]
    addresses: bool

    def include(self, host: str) -> bool:
        if host in self.hosts:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return self.addresses or address.is_loopback


def names(web_host: str, display_name: str) -> Names:
    """``web_host`` as in ``--web-host``, ``display_name`` as in ``--web-host-display-name``, a name or an address."""
    everywhere = web_host in EVERY_INTERFACE
    own = ["localhost", host_of(display_name.partition("://")[2] or display_name)]
    own += [socket.gethostname(), socket.getfqdn()] if everywhere else [web_host]
    return Names(frozenset(name.strip("[]").lower() for name in own if name), everywhere)


def host_of(authority: str) -> str:
    """``name`` of ``name:port/path``, in small letters; empty when it cannot be read."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def refusal(known: Names, method: str, host: str, origin: str, fetch_site: str) -> str | None:
    """Why a request with these headers is refused, None when it is not."""
    if not known.include(host_of(host)):
        return (
            f"Refused: this web UI does not go by the name {_shown(host)}. It answers to "
            f"{', '.join(sorted(known.hosts))}. If you reach it by another name, start with "
            "--web-host-display-name NAME."
        )
    if origin and origin.partition("://")[2].lower() != host.lower():
        return f"Refused: the request comes from a page of another site ({_shown(origin)})."
    if not origin and method not in READING and fetch_site in CROSS_SITE:
        return "Refused: the request comes from a page of another site."
    return None


class Guard:
    """WSGI application in front of Locust's: refuses, and takes away the leave that Locust gives to every origin."""

    def __init__(self, inner: WSGIApplication, known: Names) -> None:
        self._inner = inner
        self._known = known

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        why = refusal(
            self._known,
            environ["REQUEST_METHOD"],
            environ.get("HTTP_HOST", ""),
            environ.get("HTTP_ORIGIN", ""),
            environ.get("HTTP_SEC_FETCH_SITE", ""),
        )
        if why is not None:
            logger.warning(f"{environ['REQUEST_METHOD']} {_shown(environ.get('PATH_INFO', ''))}: {why}")
            body = f"{why}\n".encode()
            kind = ("Content-Type", "text/plain; charset=utf-8")
            start_response("403 Forbidden", [kind, ("Content-Length", str(len(body))), *PROTECTING])
            return [body]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            present = {name.lower() for name, _ in kept}
            kept += [header for header in PROTECTING if header[0].lower() not in present]
            return start_response(status, kept, exc_info)

        return self._inner(environ, start)


PROTECTING = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
)
"""On every answer: nobody frames the UI to have its buttons clicked, or has a file taken for a script."""


def install(web_ui: WebUI, display_name: str) -> None:
    app: Any = web_ui.app
    app.wsgi_app = Guard(app.wsgi_app, names(web_ui.host, display_name))


def _shown(text: str) -> str:
    return ascii(text[:100])
