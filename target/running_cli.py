"""Commands to a stack that is up, each with one order to one of its processes; they print JSON.

`python -m target fault NAME key=value…`, `fault status`, `fault off`: the same for every API process.
`python -m target upstream errors share=0.5 | slowness ms=800 | hang | heal | status`.
`python -m target node status | kill NAME | freeze NAME | thaw NAME | start NAME`: the machines of `up --ha`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from target.errors import TargetError, UsageError, all_problems
from target.faults import folder
from target.loopback_http import ask
from target.stack import state as states
from target.state_option import state_option
from target.upstream.failures import build


@click.command()
@click.argument("name", metavar="NAME|off|status")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]…")
@state_option
def fault(name: str, parameters: tuple[str, ...], state: Path | None) -> None:
    """Switch a known defect on or off in every API process (or the autoscaler), or show what it did."""
    given = _key_values(parameters, none_for=name if name in ("off", "status") else None)
    method = {"off": "DELETE", "status": "GET"}.get(name, "PUT")
    if method == "PUT":
        folder.build(name, given)  # all mistakes are found before the first process is touched
    running = states.read(state or states.default_path())
    order = {"fault": name, "parameters": given} if method == "PUT" else None
    for_autoscaler = method == "PUT" and folder.belongs_to_autoscaler(name)
    if for_autoscaler and running.autoscaler is None:
        raise UsageError(f"{name} is a fault of the autoscaler", "start the stack with `up --autoscale`")

    def answer_of(process: str, url: str) -> dict[str, Any]:
        return _answer(process, method, url + running.faults.path, running.faults.token, order)

    document: dict[str, Any] = {"processes": []}
    if not for_autoscaler:
        document["processes"] = [answer_of(one.name, one.url) for one in running.apis]
    if running.autoscaler is not None and (for_autoscaler or method != "PUT"):
        document["autoscaler"] = answer_of("autoscaler", running.autoscaler.url)
    document["sum"] = _sum(document["processes"]) or _sum([document.get("autoscaler", {"active": None})])
    click.echo(json.dumps(document))


@click.command()
@click.argument("name", metavar="errors|slowness|hang|heal|status")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]…")
@state_option
def upstream(name: str, parameters: tuple[str, ...], state: Path | None) -> None:
    """Have the upstream fail, or heal it, or show its counters; prints JSON."""
    given = _key_values(parameters, none_for=name if name in ("heal", "status") else None)
    method = {"heal": "DELETE", "status": "GET"}.get(name, "PUT")
    if method == "PUT":
        build(name, given)  # mistakes are found before anything is touched
    told = states.read(state or states.default_path()).upstream
    order = {"failure": name, "parameters": given} if method == "PUT" else None
    click.echo(json.dumps(_answer("the upstream", method, told.url + told.path, told.token, order)))


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
    method, order = ("GET", None) if action == "status" else ("PUT", {"node": name, "action": action})
    control = running.ha.nodes
    click.echo(json.dumps(_answer("`up`", method, control.url + control.path, running.faults.token, order)))


def _key_values(parameters: tuple[str, ...], none_for: str | None) -> dict[str, str]:
    """KEY=VALUE arguments; `none_for` is the word that takes none. Raises UsageError with every mistake."""
    pairs = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
    problems = [f"{parameter!r} is not KEY=VALUE" for parameter in parameters if "=" not in parameter]
    if none_for is not None and parameters:
        problems = [f"{none_for} takes no parameters"]
    if problems:
        raise all_problems("nothing was switched", problems, "see --help")
    return pairs


def _answer(who: str, method: str, url: str, token: str, order: object) -> dict[str, Any]:
    """What one process answers. Raises TargetError where it does not, or refuses."""
    try:
        reply = ask(method, url, token, order)
    except OSError as error:
        raise TargetError(f"{who} does not answer ({error})", "see `python -m target status`") from error
    document = reply.document if isinstance(reply.document, dict) else {}
    if reply.status == 400 and "remedy" in document:
        raise UsageError(document["error"], document["remedy"])
    if reply.status != 200 or not document:
        raise TargetError(f"{who} answered {reply.status}: {reply.document}", "is the state file current?")
    return document


def _sum(answers: list[dict[str, Any]]) -> dict[str, Any] | None:
    active = [answer["active"] for answer in answers if answer["active"] is not None]
    if not active or len({one["fault"] for one in active}) != 1:
        return None
    name = active[0]["fault"]
    return {"fault": name, "status": folder.summed(name, [one["status"] for one in active])}
