"""Sessions in Valkey with a time to live, and the signed tokens that name them."""

from __future__ import annotations

import secrets
import time
from typing import Any

import jwt

from target.service import valkey_client
from target.service.settings import ServiceSettings
from target.service.unavailable import Unavailable

CONNECTIONS = 16
ANSWER_WITHIN_S = 2.0
ALGORITHM = "HS256"


class Sessions:
    """Opens and looks up sessions; raises Unavailable when Valkey does not answer."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._key = settings.signing_key
        self.ttl_s = settings.session_ttl_s
        self._client = valkey_client.connect(
            settings, CONNECTIONS, wait_s=settings.pool_wait_s, answer_s=ANSWER_WITHIN_S
        )

    async def open_session(self, username: str) -> str:
        """Store a session and return its signed token."""
        session_id = secrets.token_urlsafe(18)
        try:
            await self._client.set(_key(session_id), username, ex=self.ttl_s)
        except valkey_client.UNAVAILABLE_ERRORS as error:
            raise Unavailable("valkey", f"session not stored ({type(error).__name__})") from error
        now_s = int(time.time())
        claims = {"sub": username, "sid": session_id, "iat": now_s, "exp": now_s + self.ttl_s}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def user_of(self, token: str) -> str | None:
        """Whom a genuine, unexpired token names, whether or not its session still exists."""
        claims = self._claims(token)
        return None if claims is None else str(claims["sub"])

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            return jwt.decode(token, self._key, algorithms=[ALGORITHM], options={"require": ["sub", "sid", "exp"]})
        except jwt.InvalidTokenError:
            return None

    async def username_of(self, token: str) -> str | None:
        """To whom a genuine, unexpired token belongs whose session still exists; else None."""
        claims = self._claims(token)
        if claims is None:
            return None
        session_id, username = str(claims["sid"]), str(claims["sub"])
        try:
            owner = await self._client.get(_key(session_id))
        except valkey_client.UNAVAILABLE_ERRORS as error:
            raise Unavailable("valkey", f"session not read ({type(error).__name__})") from error
        return username if owner == username else None

    async def ping(self) -> None:
        """Raises whatever the client raises when Valkey does not answer."""
        await self._client.ping()

    async def close(self) -> None:
        await self._client.aclose()


def _key(session_id: str) -> str:
    return f"session:{session_id}"
