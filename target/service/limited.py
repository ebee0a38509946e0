"""GET /limited, which is all limit and no work; and the same limit before other paths, where a setting asks for it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target.service.rate_limit import POLICY, Decision
from target.service.resources import Resources

PATH = "/limited"
LONGEST_CALLER = 200
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def routes(resources: Resources) -> list[Route]:

    async def limited(request: Request) -> JSONResponse:
        caller = caller_of(request, resources)
        decision = await resources.rate_limit.decide(caller)
        if not decision.admitted:
            return _refusal(decision, caller, resources)
        body = {
            "caller": caller,
            "limit": decision.limit,
            "remaining": decision.remaining,
            "state": decision.state,
            "instance": resources.settings.name,
        }
        return JSONResponse(body, headers=decision.headers())

    return [Route(PATH, limited, methods=["GET"])]


def caller_of(request: Request, resources: Resources) -> str:
    """`X-API-Key`, else the user of a genuine token, else the client's address (behind our proxy: what it says)."""
    key = request.headers.get("x-api-key")
    if key:
        return f"key:{key[:LONGEST_CALLER]}"
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    user = resources.sessions.user_of(token) if scheme.lower() == "bearer" else None
    if user is not None:
        return f"user:{user}"
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    address = forwarded or (request.client.host if request.client else "unknown")
    return f"address:{address[:LONGEST_CALLER]}"


class RateLimitMiddleware:
    """Asks the limit before the paths of `rate_limit_paths`."""

    def __init__(self, app: ASGIApp, resources: Resources) -> None:
        self._app, self._resources = app, resources
        self._paths = tuple(resources.settings.rate_limit_paths.split())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(self._paths) or path == PATH:
            await self._app(scope, receive, send)
            return
        caller = caller_of(Request(scope), self._resources)
        decision = await self._resources.rate_limit.decide(caller)
        if not decision.admitted:
            await _refusal(decision, caller, self._resources)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [(name.lower().encode(), value.encode()) for name, value in decision.headers().items()]
                message = {**message, "headers": [*message.get("headers", []), *told]}
            await send(message)

        await self._app(scope, receive, with_headers)


def _refusal(decision: Decision, caller: str, resources: Resources) -> JSONResponse:
    closed = decision.state == "fail-closed"
    body = {
        "type": "about:blank" if closed else QUOTA_EXCEEDED,
        "title": "the limit cannot be asked" if closed else "quota exceeded",
        "violated-policies": [] if closed else [POLICY],
        "caller": caller,
        "retry_after_s": round(decision.reset_after_s, 3),
        "instance": resources.settings.name,
    }
    return JSONResponse(
        body, status_code=503 if closed else 429, headers=decision.headers(), media_type="application/problem+json"
    )
