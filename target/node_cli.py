"""`python -m target node status | kill NAME | freeze NAME | thaw NAME | start NAME`: the machines of `up --ha`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from target.errors import TargetError, UsageError
from target.loopback_http import ask
from target.stack import state as states
from target.state_option import state_option


@click.command()
@click.argument("action", metavar="status|kill|freeze|thaw|start")
@click.argument("name", metavar="[NAME]", default="")
@state_option
def node(action: str, name: str, state: Path | None) -> None:
    """Have a node of a stack with --ha die or hang, or bring it back; prints JSON.

    NAME is a node (db1, valkey1, sentinel1, api1, haproxy …), or of a database's only db1.postgres, which its Patroni
    starts again, or db1.patroni.
    """
    if (action == "status") == bool(name):
        raise UsageError(f"{action} takes {'no' if name else 'the'} name of a node", "see --help")
    running = states.read(state or states.default_path())
    if running.ha is None:
        raise UsageError("this stack has no nodes", "start one with `python -m target up --ha`")
    control = running.ha.nodes
    method, body = ("GET", None) if action == "status" else ("PUT", {"node": name, "action": action})
    try:
        reply = ask(method, control.url + control.path, running.faults.token, body)
    except OSError as error:
        raise TargetError(f"`up` does not answer ({error})", "see `python -m target status`") from error
    if reply.status == 400:
        raise UsageError(reply.document["error"], reply.document["remedy"])
    if reply.status != 200:
        raise TargetError(f"`up` answered {reply.status}: {reply.document}", "is the state file current?")
    click.echo(json.dumps(reply.document))
