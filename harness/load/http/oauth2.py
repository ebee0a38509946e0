"""OAuth2 tokens of one user (RFC 6749): the password grant (section 4.3) and refreshing (section 6).

Sent while a user gets ready, or prepared for a gate: a herd of logins, or of clients whose tokens run out together.
No token is ever part of a message.
"""

from __future__ import annotations

import math
import time
from typing import Any

from harness.load.http.client import HttpClient
from harness.load.http.errors import HttpError
from harness.load.http.request import Request
from harness.load.http.response import Response
from harness.load.outcomes import outcome_of
from harness.load.pacing import NotReadyError


class NoTokenError(HttpError):
    """An answer with a good status that has no token."""

    outcome = "no token"


class OAuth2Tokens:
    """What ``client`` gets at the token endpoint ``path``. A client with a secret shows it by HTTP Basic.

    A token counts as running out ``renew_before_s`` before it does, but not in the first half of its life.
    """

    def __init__(
        self,
        client: HttpClient,
        path: str,
        *,
        client_id: str = "",
        client_secret: str = "",
        scope: str = "",
        renew_before_s: float = 5.0,
    ) -> None:
        self._client = client
        self._path = path
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._renew_before_s = renew_before_s
        self._access_token = self._refresh_token = ""
        self.renew_at_s = math.inf
        """Instant of ``time.monotonic()`` at which the access token should be renewed; infinite where the service does
        not say how long it lives.
        """

    @property
    def header(self) -> dict[str, str]:
        """Of a request with the access token (RFC 6750). Raises NotReadyError where there is none yet."""
        if not self._access_token:
            raise NotReadyError(f"{self._path}: nobody has logged in yet")
        return {"Authorization": f"Bearer {self._access_token}"}

    def password_request(self, username: str, password: str) -> Request:
        """A login, for a gate to send; its answer goes to :meth:`accept`."""
        return self._request("password", username=username, password=password)

    def refresh_request(self) -> Request:
        """The same of a refresh. Raises NotReadyError without a refresh token."""
        if not self._refresh_token:
            raise NotReadyError(f"{self._path}: no refresh token was answered")
        return self._request("refresh_token", refresh_token=self._refresh_token)

    def accept(self, response: Response) -> Exception | None:
        """Keeps the tokens of an answer; why it has none, as ``check()`` tells it."""
        try:
            document: Any = response.json()
            token = document["access_token"]
            kind = str(document.get("token_type", "bearer"))
            life = document.get("expires_in")
            life_s = float(life) if life else math.inf
        except (ValueError, KeyError, TypeError, AttributeError):
            return NoTokenError("no access_token in the answer")
        if not isinstance(token, str) or not token or kind.lower() != "bearer":
            return NoTokenError("no bearer token in the answer")
        self._access_token = token
        self._refresh_token = str(document.get("refresh_token") or self._refresh_token)
        renew_after_s = max(life_s - self._renew_before_s, life_s / 2)
        self.renew_at_s = time.monotonic() + (renew_after_s if renew_after_s > 0 else math.inf)
        return None

    def log_in(self, username: str, password: str) -> None:
        """Raises NotReadyError where there is no token."""
        self._send(self.password_request(username, password))

    def refresh(self) -> None:
        """Raises NotReadyError where there is no new token."""
        self._send(self.refresh_request())

    def renew(self, username: str, password: str) -> None:
        """Whatever is needed now: nothing, a refresh, or a login. Who is refused a refresh logs in the next time, as
        clients do. Raises NotReadyError.
        """
        if not self._access_token or (not self._refresh_token and time.monotonic() >= self.renew_at_s):
            self.log_in(username, password)
        elif time.monotonic() >= self.renew_at_s:
            try:
                self.refresh()
            except NotReadyError:
                self._access_token = self._refresh_token = ""
                raise

    def _request(self, grant: str, **fields: str) -> Request:
        data = {"grant_type": grant, **fields}
        if self._scope:
            data["scope"] = self._scope
        auth = (self._client_id, self._client_secret) if self._client_secret else None
        if self._client_id and auth is None:
            data["client_id"] = self._client_id
        name = f"{self._path.partition('?')[0]} [{'refresh' if grant == 'refresh_token' else grant}]"
        headers = {"Accept": "application/json"}
        return self._client.prepare("POST", self._path, name=name, data=data, auth=auth, headers=headers)

    def _send(self, request: Request) -> None:
        response = self._client.send(request, check=self.accept)
        if response.error is not None:
            raise NotReadyError(f"{request.name} was answered with {outcome_of(response.error, response)}")
