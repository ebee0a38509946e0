"""`python -m target fault NAME key=value…`, `fault status`, `fault off`: the same for every API process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from target.errors import TargetError, UsageError, all_problems
from target.faults import folder
from target.faults.summed import summed
from target.loopback_http import ask
from target.stack import state as states
from target.state_option import state_option


@click.command()
@click.argument("name", metavar="NAME|off|status")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]…")
@state_option
def fault(name: str, parameters: tuple[str, ...], state: Path | None) -> None:
    """Switch a known defect on or off in every API process (or the autoscaler), or show what it did."""
    given = key_values(parameters, none_for=name if name in ("off", "status") else None)
    if name not in ("off", "status"):
        folder.build(name, given)  # all mistakes are found before the first process is touched
    running = states.read(state or states.default_path())
    body = {"fault": name, "parameters": given}
    method = {"off": "DELETE", "status": "GET"}.get(name, "PUT")
    order = body if method == "PUT" else None
    for_autoscaler = method == "PUT" and folder.belongs_to_autoscaler(name)
    if for_autoscaler and running.autoscaler is None:
        raise UsageError(f"{name} is a fault of the autoscaler", "start the stack with `up --autoscale`")
    document: dict[str, Any] = {"processes": []}
    if not for_autoscaler:
        document["processes"] = [_apply(running, one.name, one.url, method, order) for one in running.apis]
    if running.autoscaler is not None and (for_autoscaler or method != "PUT"):
        document["autoscaler"] = _apply(running, "autoscaler", running.autoscaler.url, method, order)
    document["sum"] = _sum(document["processes"]) or _sum([document.get("autoscaler", {"active": None})])
    click.echo(json.dumps(document))


def key_values(parameters: tuple[str, ...], none_for: str | None) -> dict[str, str]:
    """KEY=VALUE arguments; `none_for` is the word that takes none. Raises UsageError with every mistake."""
    pairs = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
    problems = [f"{parameter!r} is not KEY=VALUE" for parameter in parameters if "=" not in parameter]
    if none_for is not None and parameters:
        problems = [f"{none_for} takes no parameters"]
    if problems:
        raise all_problems("nothing was switched", problems, "see --help")
    return pairs


def _apply(running: states.StackState, name: str, url: str, method: str, body: object) -> dict[str, Any]:
    try:
        reply = ask(method, url + running.faults.path, running.faults.token, body)
    except OSError as error:
        raise TargetError(f"{name} does not answer ({error})", "see `python -m target status`") from error
    if reply.status != 200 or not isinstance(reply.document, dict):
        raise TargetError(f"{name} answered {reply.status}: {reply.document}", "is the state file current?")
    return reply.document


def _sum(answers: list[dict[str, Any]]) -> dict[str, Any] | None:
    active = [answer["active"] for answer in answers if answer["active"] is not None]
    if not active or len({one["fault"] for one in active}) != 1:
        return None
    name = active[0]["fault"]
    return {"fault": name, "status": summed(name, [one["status"] for one in active])}
