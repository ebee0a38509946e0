"""The command line. Exit codes: 0; 1 (a server failed, or there is no stack); 2 (usage, nothing started)."""

from __future__ import annotations

import gc
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from target import backup_cli, running_cli
from target.errors import TargetError
from target.stack import options as stack_options
from target.stack import parent
from target.stack import state as states
from target.stack.guard import send
from target.state_option import state_option

STOP_WITHIN_S = 20.0

write_option = click.option(
    "--write",
    "destination",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="Write the JSON there, for this user alone to read, in place of printing it: it holds passwords.",
)


def _hand_out(document: dict[str, Any], destination: Path | None) -> None:
    """Whole or not at all: whoever waits for the file finds all of it there."""
    if destination is None:
        print(json.dumps(document), flush=True)
        return
    directory = destination.absolute().parent
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=f".{destination.name}-", delete=False) as file:  # 0600
        beside = Path(file.name)
        try:
            file.write(json.dumps(document) + "\n")
            file.flush()
            beside.replace(destination)
        except BaseException:
            beside.unlink()
            raise


class _Group(click.Group):
    """Turns our errors into one line on stderr and their exit code."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except TargetError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:
            click.echo(f"error: {error}; is there space, and may this user write there?", err=True)
            sys.exit(TargetError.exit_code)


@click.group(cls=_Group)
def main() -> None:
    """The reference target: a real service on real servers, all on loopback."""


@main.command()
@click.option("--data", metavar="DIR", help="Keep all data and logs here [a temporary directory, removed].")
@click.option("--port", default="0", help="Port of the service; 0 takes a free one.", show_default=True)
@click.option("--processes", help="API processes behind the proxy [2, with --ha 3].")
@click.option("--pool-size", default="8", help="Primary connections a process.", show_default=True)
@click.option("--hash-memory-kib", default="4096", help="Argon2 memory a login, KiB.", show_default=True)
@click.option("--hash-time-cost", default="1", help="Argon2 passes.", show_default=True)
@click.option("--users", default="2000", help="Users to create: user0, user1, …", show_default=True)
@click.option("--fault-token", help="Token of the fault endpoints [generated].")
@click.option(
    "--with-parent",
    is_flag=False,
    flag_value=parent.OWN_PARENT,
    metavar="[PID]",
    help="Stop when the process that started this one (PID, if given, must be it) is gone.",
)
@click.option(
    "--with-input",
    is_flag=True,
    help="Stop when standard input ends: when the last of the processes is gone that have its other end.",
)
@click.option(
    "--autoscale",
    is_flag=False,
    flag_value="",
    metavar="[KEY=VALUE,…]",
    help="Start and stop API processes with the load: metric=cpu|in_flight, target, max, sync_s, tolerance, "
    "stabilisation_s, drain_s; --processes is the minimum.",
)
@click.option(
    "--ha",
    is_flag=True,
    help="Highly available: PostgreSQL primary and two replicas under Patroni, Valkey primary and replica under "
    "three Sentinels, three API processes; see `node`.",
)
@click.option("--asynchronous", is_flag=True, help="With --ha: acknowledge a write before a replica has it.")
@click.option("--otlp-receiver", is_flag=True, help="With --ha: receive the spans of the API processes.")
@state_option
@write_option
def up(
    data: str | None,
    state: Path | None,
    destination: Path | None,
    fault_token: str | None,
    with_parent: str | None,
    with_input: bool,
    autoscale: str | None,
    ha: bool,
    asynchronous: bool,
    otlp_receiver: bool,
    **numbers: str | None,
) -> None:
    """Start everything, print the addresses as one line of JSON, stay until SIGINT or SIGTERM."""
    path = state or states.default_path()
    chosen = stack_options.parse(
        numbers, data, path, fault_token, with_parent, with_input, autoscale, ha, asynchronous, otlp_receiver
    )
    from target.stack import up as stack  # the servers' packages are slow to import: not for `status`

    gc.freeze()
    gc.enable()  # this command stays
    stack.run(chosen, lambda ready: _hand_out(ready.as_json(), destination))


@main.command()
@state_option
def down(state: Path | None) -> None:
    """Stop the stack of the state file; does nothing when there is none."""
    path = state or states.default_path()
    if not path.exists():
        click.echo(f"nothing to stop: no state file {path}", err=True)
        return
    running = states.read(path)
    send(running.supervisor.identity, signal.SIGTERM)
    everyone = [running.supervisor, *running.processes]
    deadline = time.monotonic() + STOP_WITHIN_S
    while any(process.identity.alive() for process in everyone):
        if time.monotonic() > deadline:
            left = ", ".join(f"{one.name} (pid {one.pid})" for one in everyone if one.identity.alive())
            raise TargetError(f"still running after {STOP_WITHIN_S:g} s: {left}", "end them by pid")
        time.sleep(0.05)


@main.command()
@state_option
@write_option
def status(state: Path | None, destination: Path | None) -> None:
    """Print the stack's JSON with the liveness of each process; exit code 0 when all are alive."""
    running = states.read(state or states.default_path())
    alive = {process.pid: process.identity.alive() for process in (*running.processes, running.supervisor)}
    document = running.as_json()
    for process in (*document["processes"], document["supervisor"]):
        process["alive"] = alive[process["pid"]]
    document["all_alive"] = all(alive.values())
    _hand_out(document, destination)
    if not document["all_alive"]:
        sys.exit(TargetError.exit_code)


for _command in (running_cli.fault, running_cli.upstream, running_cli.node, backup_cli.backup):
    main.add_command(_command)
