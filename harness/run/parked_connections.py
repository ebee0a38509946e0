"""Do users that are parked with an open connection keep everybody else from being served?

Servers that serve one connection at a time for each of their processes (gunicorn's sync workers, Apache's prefork,
``http.server``) wait for the next request of a connection that is silent. Parked users would starve them: the baseline
would be slow because of us, and the spike quick, because by then everybody has been waiting for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from harness.clients.http_get import NoAnswerError, get
from harness.load.http.users import PacedHttpUser
from harness.load.users.paced import Paced

LIMIT_BYTES = 1_000_000
WAIT_S = 2.0
"""Whoever is not answered beside parked users in this time is asked for again without them."""


def are_held(users: Iterable[type[Any]]) -> bool:
    """Whether parked users of these classes may hold HTTP connections: ours, or stock ones that were logged in."""
    return any(
        user.connect_early
        if issubclass(user, PacedHttpUser)
        else issubclass(user, Paced) and hasattr(user, "pool_manager")
        for user in users
    )


def check_name(path: str) -> str:
    """What is asked, as it is recorded: without a query, which may hold a secret."""
    return f"GET {urlsplit(path).path or '/'} beside parked connections"


def answered_in_s(host: str, path: str) -> float | None:
    """How long a request on a connection of its own waits for its answer, whatever that is; None: over ``WAIT_S``, or
    the target is none to be asked by HTTP."""
    if urlsplit(host).scheme not in ("http", "https"):
        return None
    began_s = time.monotonic()
    try:
        get(host.rstrip("/") + (path or "/"), WAIT_S, LIMIT_BYTES)
    except NoAnswerError:
        return None
    return time.monotonic() - began_s
