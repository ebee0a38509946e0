"""`python -m target upstream errors share=0.5 | slowness ms=800 | hang | heal | status`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from target.errors import TargetError
from target.fault_cli import key_values
from target.loopback_http import ask
from target.stack import state as states
from target.state_option import state_option
from target.upstream.failures import build


@click.command()
@click.argument("name", metavar="errors|slowness|hang|heal|status")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]…")
@state_option
def upstream(name: str, parameters: tuple[str, ...], state: Path | None) -> None:
    """Have the upstream fail, or heal it, or show its counters; prints JSON."""
    given = key_values(parameters, none_for=name if name in ("heal", "status") else None)
    method = {"heal": "DELETE", "status": "GET"}.get(name, "PUT")
    if method == "PUT":
        build(name, given)  # mistakes are found before anything is touched
    running = states.read(state or states.default_path())
    body = {"failure": name, "parameters": given} if method == "PUT" else None
    try:
        reply = ask(method, running.upstream.url + running.upstream.path, running.upstream.token, body)
    except OSError as error:
        raise TargetError(f"the upstream does not answer ({error})", "see `python -m target status`") from error
    if reply.status != 200:
        raise TargetError(f"the upstream answered {reply.status}: {reply.document}", "is the state file current?")
    click.echo(json.dumps(reply.document))
