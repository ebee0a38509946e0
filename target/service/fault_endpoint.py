"""/_fault: switch a fault of this process. On loopback only, with the token, never through the proxy."""

from __future__ import annotations

import hmac
import ipaddress
import json
import os

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.errors import UsageError
from target.faults import folder
from target.service.resources import Resources

PATH = "/_fault"


def routes(resources: Resources) -> list[Route]:
    """GET (state), PUT {fault, parameters}, DELETE."""
    token = resources.settings.fault_token.encode()

    async def fault(request: Request) -> JSONResponse:
        if not _is_local(request):
            return JSONResponse({"error": "only answered on loopback, without a proxy"}, status_code=403)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), token):
            return JSONResponse(
                {"error": "wrong or missing token"}, status_code=401, headers={"WWW-Authenticate": "Bearer"}
            )
        try:
            if request.method == "PUT":
                _switch_on(resources, await request.body())
            elif request.method == "DELETE":
                resources.faults.switch_off()
        except (UsageError, ValueError, RecursionError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        state = resources.faults.state()
        return JSONResponse(
            {
                "name": resources.settings.name,
                "pid": os.getpid(),
                "active": None if state is None else state.as_json(),
            }
        )

    return [Route(PATH, fault, methods=["GET", "PUT", "DELETE"])]


def _switch_on(resources: Resources, body: bytes) -> None:
    document = json.loads(body)
    if not isinstance(document, dict) or not isinstance(document.get("parameters", {}), dict):
        raise ValueError('the body must be {"fault": name, "parameters": {name: value}}')
    fault = str(document.get("fault", ""))
    if folder.belongs_to_autoscaler(fault):
        raise ValueError(f"{fault} is a fault of the autoscaler")
    given = {str(name): str(value) for name, value in document.get("parameters", {}).items()}
    resources.faults.switch_on(fault, given)


def _is_local(request: Request) -> bool:
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False  # it came through a proxy, which may itself sit on loopback
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
