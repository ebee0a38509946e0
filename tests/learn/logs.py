"""Lines of access logs in all known formats, of requests whose truth is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone


@dataclass(frozen=True)
class Seen:
    second: int
    method: str = "GET"
    target: str = "/"
    status: int = 200


def _clf_time(second: int, zone: timezone) -> str:
    return datetime.fromtimestamp(second, zone).strftime("%d/%b/%Y:%H:%M:%S %z")


def common(seen: Seen, zone: timezone = UTC) -> str:  # type: ignore[assignment]
    request = f'"{seen.method} {seen.target} HTTP/1.1"'
    return f"10.0.0.1 - frank [{_clf_time(seen.second, zone)}] {request} {seen.status} 2326"


def combined(seen: Seen, zone: timezone = UTC) -> str:  # type: ignore[assignment]
    return f'{common(seen, zone)} "https://a.example/?q=1" "Mozilla/5.0 \\"quoted\\" [en]"'


def virtual_host(seen: Seen) -> str:
    return f"shop.example:443 {combined(seen)}"


def haproxy(seen: Seen) -> str:
    moment = datetime.fromtimestamp(seen.second, UTC).strftime("%d/%b/%Y:%H:%M:%S.655")
    head = f"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [{moment}] http-in static/srv1"
    request = f'"{seen.method} {seen.target} HTTP/1.1"'
    return f"{head} 10/0/30/69/+109 {seen.status} 2750 - - ---- 1/1/1/1/0 0/0 {{a.example}} {{}} {request}"


def load_balancer(seen: Seen) -> str:
    moment = datetime.fromtimestamp(seen.second, UTC).strftime("%Y-%m-%dT%H:%M:%S.186641Z")
    return (
        f"https {moment} app/lb/50dc 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 {seen.status} 200 0 57 "
        f'"{seen.method} https://www.example.com:443{seen.target} HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn "Root=1"'
    )


def json_nginx(seen: Seen) -> str:
    moment = datetime.fromtimestamp(seen.second, timezone(timedelta(hours=2))).isoformat()
    return json.dumps({"time": moment, "request": f"{seen.method} {seen.target} HTTP/1.1", "status": str(seen.status)})


def json_caddy(seen: Seen) -> str:
    request = {"method": seen.method, "uri": seen.target, "headers": {"Cookie": ["hush"]}}
    return json.dumps({"ts": seen.second + 0.25, "request": request, "status": seen.status})


def json_traefik(seen: Seen) -> str:
    moment = datetime.fromtimestamp(seen.second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(
        {"StartUTC": moment, "RequestMethod": seen.method, "RequestPath": seen.target, "DownstreamStatus": seen.status}
    )


def json_docker(seen: Seen) -> str:
    return json.dumps({"log": combined(seen) + "\n", "stream": "stdout", "time": "2026-06-13T10:00:00Z"})


WRITERS = {
    each.__name__: each
    for each in (
        common,
        combined,
        virtual_host,
        haproxy,
        load_balancer,
        json_nginx,
        json_caddy,
        json_traefik,
        json_docker,
    )
}
