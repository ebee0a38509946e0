"""What to do about a cause that one of the clients names, in words for whoever gave the address."""

from __future__ import annotations

import re

_REMEDIES = (
    (r"connection refused", "nothing listens there; start it, or correct the address"),
    (r": no such file or directory$", "there is no such socket; name the one of `stats socket` in haproxy.cfg"),
    (r"permission denied", "this user may not open it; change its mode or group, or run as another user"),
    (r"no process of this user listens", "start it, or correct the port; only root sees those of other users"),
    (r"name not resolved", "correct the name of the host"),
    (r"timed out|timeout", "is it running, and is that its port?"),
    (r"certificate required|bad certificate|handshake failure", "it wants a certificate; show one with --client-cert"),
    (r"certificate", "name its authority with --ca-file, or correct the host name"),
    (
        r"wrong version number|record layer|tls failed",
        "it does not speak TLS there; write http:// in place of https://",
    ),
    (r"the answer is not HTTP", "what answers there does not speak HTTP; correct the port"),
    (r"not Prometheus text", "that is no metrics page; correct the path"),
    (r"is not JSON", "that is no JSON document; correct the path"),
    (r"^HTTP (401|403)( [\w' -]*)?$", "write user and password into the address, http://USER:PASSWORD@HOST"),
    (r"^HTTP (404|405|410)( [\w' -]*)?$", "there is no such page; correct the path"),
    (r"^HTTP 3\d\d", "write the address that it redirects to"),
    (r"^HTTP 5\d\d", "it answers with an error of its own; put that right first"),
    (r"authentication failed", "check user, password and what pg_hba.conf allows"),
    (r"unknown database", "check the name after the last slash"),
    (r"not postgresql", "another kind of server answers there; check host and port"),
    (r"^tls$", "client and server disagree about TLS; check sslmode in the address"),
    (r"too many connections", "close some, or raise max_connections"),
    (r"server starting", "it is not up yet; wait for it with --wait-for-target 60"),
    (r"closed|reset by|connection reset", "if it wants TLS, write that scheme; else correct the port"),
)
"""A cause, as a regular expression → what to do about it; the first that fits."""


def with_remedy(cause: str) -> str:
    """``cause`` and what to do about it; one that says so by itself, or is not known, stays as it is."""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, cause, re.IGNORECASE):
            # Where the remedy begins with the cause in other words, once is enough.
            return remedy if remedy.startswith(("nothing", "there is no such socket")) else f"{cause}; {remedy}"
    return cause
