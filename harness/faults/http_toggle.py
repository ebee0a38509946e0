"""Switches a fault of the target over HTTP: one request to inject it, one to undo it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.clients.address import strip_url, url_problems
from harness.clients.http_get import NoAnswerError, request
from harness.faults import Fault, FaultError
from harness.plugins import parameter

LIMIT_BYTES = 1_000_000
GONE = (404, 410)
"""What an undoing DELETE may be answered when there is nothing to delete any more."""
_METHOD = re.compile(r"[A-Z]+")


@dataclass(frozen=True)
class HttpToggle(Fault):
    """``method url`` with ``body`` (JSON) injects, ``undo_method undo_url`` with ``undo_body`` undoes.

    Any status from 200 to 299 is success; redirects are not followed. An undoing DELETE of the very URL that was
    injected may also find nothing there any more; at any other URL that would be a slip in it.
    ``token`` is sent as bearer token; better, name in ``token_env`` the environment variable that holds it.
    Neither tokens nor bodies enter a recording: ``label`` says there what is switched.
    """

    url: str = parameter(help="address that injects")
    body: str = parameter("", "JSON that is sent to inject", secret=True)
    token: str = parameter("", "bearer token", secret=True)
    token_env: str = parameter("", "environment variable that holds the bearer token")
    method: str = parameter("PUT", "method that injects, in capitals")
    undo_method: str = parameter("DELETE", "method that undoes, in capitals")
    undo_url: str = parameter("", "address that undoes; empty: that of url")
    undo_body: str = parameter("", "JSON that is sent to undo", secret=True)
    label: str = parameter("", "what is switched, in words for the report")
    timeout_s: float = parameter(5.0, "longest time for one request", lowest=0.001, highest=10)

    def conflicts(self) -> Iterator[str]:
        for url in self.addresses():
            yield from url_problems(url)
        for name, method in (("method", self.method), ("undo_method", self.undo_method)):
            if not _METHOD.fullmatch(method):
                yield f"{name} is {method!r}. Give one like PUT, in capitals"
        for name, body in (("body", self.body), ("undo_body", self.undo_body)):
            if body and not _is_json(body):
                yield f'{name} is not JSON. Give it like body=\'{{"failure":"errors"}}\''
        if not (self.token.isascii() and self.token.isprintable()):
            yield "token has a character that no header may have"

    def addresses(self) -> Iterable[str]:
        return dict.fromkeys((self.url, self.undo_url or self.url))

    def inject(self) -> str:
        return self._send(self.method, self.url, self.body)

    def undo(self) -> str:
        url = self.undo_url or self.url
        may_be_gone = self.undo_method == "DELETE" and url == self.url
        return self._send(self.undo_method, url, self.undo_body, GONE if may_be_gone else ())

    def _send(self, method: str, url: str, body: str, also: tuple[int, ...] = ()) -> str:
        """``also``: statuses that are success beside 2xx."""
        what = f"{method} {strip_url(url)}" + (f" ({self.label})" if self.label else "")
        token = self.token or (os.environ.get(self.token_env, "") if self.token_env else "")
        if self.token_env and not token:
            raise FaultError(f"{what}: the environment variable {self.token_env} is empty")
        try:
            answer = request(
                url, self.timeout_s, LIMIT_BYTES, method=method, accept="*/*", json_body=body, bearer_token=token
            )
        except NoAnswerError as error:
            raise FaultError(f"{what}: {error}") from None
        if not 200 <= answer.status < 300 and answer.status not in also:
            raise FaultError(f"{what}: {answer.in_words}")
        return f"{what}: HTTP {answer.status}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
