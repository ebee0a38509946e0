"""POST /auth/login and GET /auth/me: a real login, as a herd will meet it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.faults.contract import QueuesLogins
from target.faults.switchboard import Switchboard
from target.service.request_body import MalformedBody, body_of, decoded, is_storable
from target.service.resources import Resources
from target.service.unavailable import Unavailable

LARGEST_BODY_BYTES = 16 * 1024
LONGEST_FIELD = 1024


@dataclass(frozen=True)
class Credentials:
    """A well-formed login request."""

    username: str
    password: str


def routes(resources: Resources) -> list[Route]:

    async def login(request: Request) -> JSONResponse:
        await resources.faults.before_login()
        count = resources.metrics.logins.labels
        try:
            await _turn(resources.faults)
            credentials = parse_credentials(await body_of(request, LARGEST_BODY_BYTES))
            stored_hash = await resources.database.password_hash(credentials.username)
            # The connection is back in its pool here: hashing must not hold it.
            if not await resources.passwords.verify(stored_hash, credentials.password):
                count("wrong").inc()
                return JSONResponse({"error": "wrong username or password"}, status_code=401)
            token = await resources.sessions.open_session(credentials.username)
        except MalformedBody:
            count("malformed").inc()
            raise
        except Unavailable:
            count("unavailable").inc()
            raise
        resources.faults.after_login()
        count("ok").inc()
        return JSONResponse({"token": token, "user": credentials.username, "expires_in_s": resources.sessions.ttl_s})

    async def me(request: Request) -> JSONResponse:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        username = await resources.sessions.username_of(token) if scheme.lower() == "bearer" else None
        profile = None if username is None else await resources.database.profile(username)
        if profile is None:
            return JSONResponse({"error": "no valid session"}, status_code=401, headers={"WWW-Authenticate": "Bearer"})
        return JSONResponse(dataclasses.asdict(profile))

    return [Route("/auth/login", login, methods=["POST"]), Route("/auth/me", me)]


def parse_credentials(body: bytes) -> Credentials:
    """The credentials in a JSON body; raises MalformedBody."""
    document = decoded(body)
    values = []
    for name in ("username", "password"):
        value = document.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_FIELD or not is_storable(value):
            raise MalformedBody(f"{name} must be a string of 1 to {LONGEST_FIELD} characters")
        values.append(value)
    return Credentials(*values)


async def _turn(faults: Switchboard) -> None:
    """Raises Unavailable where a fault has a queue that is full."""
    fault = faults.active
    if isinstance(fault, QueuesLogins) and not await fault.turn(lambda: faults.active is fault):
        raise Unavailable("logins", "too many wait for their turn")
