"""A connection with one deadline for all of it: name, TCP or a socket of this machine, TLS.

Plain sockets, which also wait cooperatively when gevent has patched them.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from harness.clients import tls as run_tls
from harness.clients.address import is_literal
from harness.clients.connection_guard import BlockedError

_Address: TypeAlias = tuple[int, Any]
"""Address family, and the address as a socket of that family takes it."""


class NoAnswerError(Exception):
    """No complete HTTP answer came. ``str()`` is the cause in words, without the URL."""


class Deadline:
    """One budget of time for several steps."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        """Raises TimeoutError when nothing is left."""
        remaining = self._end_s - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining


def endpoint(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether it speaks TLS."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if tls else 80), tls


def connect(host: str, port: int, tls: bool, deadline: Deadline, ca_file: str = "") -> socket.socket:
    """A connection to the first address of ``host`` that takes it.

    Raises NoAnswerError, which tells name, refusal, time and TLS apart.
    """
    failure = NoAnswerError(f"name not resolved: {host} has no address")
    addresses = _resolve(host, port, deadline)
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.remaining_s() / left)
            connection.connect(address)
            connection.settimeout(deadline.remaining_s())
            # A file of one's own is read anew each time, because it is replaced when its authority is; ours are not.
            if not tls:
                return connection
            context = run_tls.context(ca_file, afresh=bool(ca_file))
            # A connection that ends without close_notify is an error, as what came may have been cut short.
            return context.wrap_socket(connection, server_hostname=host, suppress_ragged_eofs=False)
        except BlockedError as error:
            failure = NoAnswerError(str(error.strerror))
        except TimeoutError:
            failure = NoAnswerError(f"timed out: not connected to port {port} within {deadline.timeout_s:g} s")
        except ConnectionRefusedError:
            failure = NoAnswerError(f"connection refused: nothing listens on port {port}")
        except ssl.SSLCertVerificationError as error:
            failure = NoAnswerError(f"TLS failed: the certificate is not valid ({error.verify_message})")
        except ssl.SSLError as error:
            failure = NoAnswerError(f"TLS failed: {reason_of(error)}")
        except OSError as error:
            failure = NoAnswerError(f"connection failed: {reason_of(error)}")
        connection.close()
    raise failure


def connect_unix(path: str, deadline: Deadline) -> socket.socket:
    """A connection to a socket of this machine. Raises NoAnswerError, which says what is wrong with the path."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(deadline.remaining_s())
        connection.connect(path)
        return connection
    except FileNotFoundError:
        failure = NoAnswerError(f"there is no socket {path}")
    except PermissionError:
        failure = NoAnswerError(f"{path}: permission denied")
    except ConnectionRefusedError:
        is_socket = Path(path).is_socket()
        failure = NoAnswerError(f"{path}: " + ("nobody listens on that socket" if is_socket else "that is no socket"))
    except TimeoutError:
        failure = NoAnswerError(f"timed out: not connected to {path} within {deadline.timeout_s:g} s")
    except OSError as error:
        failure = NoAnswerError(f"{path}: {reason_of(error)}")
    connection.close()
    raise failure


def _resolve(host: str, port: int, deadline: Deadline) -> list[_Address]:
    """Addresses of ``host``. Looks a name up in a thread, because the system's look-up knows no deadline."""
    found: list[_Address] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((entry[0], entry[4]) for entry in entries)
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    if is_literal(host):
        look_up()
    else:
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(deadline.timeout_s)
        if thread.is_alive():
            raise NoAnswerError(f"name not resolved: no answer for {host} within {deadline.timeout_s:g} s")
    if failed:
        raise NoAnswerError(f"name not resolved: {host} ({reason_of(failed[0])})")
    return found


def reason_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or type(error).__name__
