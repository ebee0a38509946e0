"""Whether the web UI can listen where it is asked to, said before anything is started."""

from __future__ import annotations

import errno
import socket

from harness.errors import ConfigurationError


def require_free(host: str, port: int) -> None:
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
            raise ConfigurationError(_fault(error, shown, port)) from None


def _fault(error: OSError, host: str, port: int) -> str:
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
