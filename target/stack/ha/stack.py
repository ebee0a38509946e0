"""From nothing to three API processes on three databases and two Valkeys, each on a node that may die."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

from target.stack import api, haproxy, postmaster, seed, valkey
from target.stack import state as states
from target.stack.endpoint import Endpoint
from target.stack.ha import database_cluster, database_proxy, patroni, sentinel
from target.stack.ha import state as ha_states
from target.stack.ha.endpoint import PATH, handler
from target.stack.ha.layout import Layout
from target.stack.ha.nodes import Node, Nodes
from target.stack.launch import Launcher, Running
from target.stack.options import Options
from target.stack.ports import Reserved, reserve

TICK_S = 0.25
OTLP = "otlp-receiver"


class HaStack:
    """What is up, its nodes, and the state that follows them."""

    def __init__(self, launcher: Launcher, layout: Layout, nodes: Nodes) -> None:
        self._launcher, self._nodes = launcher, nodes
        self._endpoint = Endpoint(reserve(), handler(nodes, layout.fault_token))
        self._base = layout.state(ha_states.NodeControl(self._endpoint.url, PATH))
        self.state = self._now()

    def once(self, changed: Callable[[states.StackState], None]) -> None:
        """Answer a request or wait for one, and tell when a process is another one than before."""
        self._endpoint.serve(TICK_S)
        now = self._now()
        if now != self.state:
            self.state = now
            changed(now)

    def _now(self) -> states.StackState:
        base, ha = self._base, self._base.ha
        assert ha is not None  # this is what the layout is of
        databases = tuple(dataclasses.replace(one, patroni_pid=self._pid(one.name)) for one in ha.postgres.nodes)
        valkeys = tuple(dataclasses.replace(one, pid=self._pid(one.name)) for one in ha.valkey.nodes)
        return dataclasses.replace(
            base,
            apis=tuple(dataclasses.replace(one, pid=self._pid(one.name)) for one in base.apis),
            processes=_processes(self._launcher),
            ha=dataclasses.replace(
                ha,
                postgres=dataclasses.replace(ha.postgres, nodes=databases),
                valkey=dataclasses.replace(ha.valkey, nodes=valkeys),
            ),
        )

    def _pid(self, name: str) -> int:
        return self._nodes[name].running.identity.pid


def bring_up(options: Options, launcher: Launcher, directory: Path, public: Reserved) -> HaStack:
    """Everything that is independent at once; returns when every role is filled and every proxy has seen it."""
    layout = Layout.make(options, directory, public)
    launcher.adopt_orphans()
    nodes: dict[str, Node] = {}

    def node(name: str, start: Callable[[], Running], data_directory: Path | None = None) -> Running:
        nodes[name] = Node(name, start, start(), data_directory)
        return nodes[name].running

    cluster = layout.cluster
    patroni.write_configurations(cluster)
    patronis = [
        node(member.name, partial(patroni.start, launcher, cluster, member), member.data_directory)
        for member in cluster.members
    ]
    node(database_proxy.NAME, partial(_start_database_proxy, launcher, layout))
    sentinel.write_configurations(directory, layout.valkeys, layout.sentinels, layout.valkey_password)
    for name in layout.valkeys:
        node(name, partial(sentinel.start, launcher, directory, "valkey", name))
    for name in layout.sentinels:
        node(name, partial(sentinel.start, launcher, directory, "sentinel", name))
    node("upstream", partial(_start_upstream, launcher, layout))
    if options.otlp_receiver:
        node(OTLP, partial(_start_otlp, launcher, layout))
    service = layout.service()
    with database_cluster.first_primary(patronis, layout.maintenance) as admin:
        seed.create_database(admin, layout.service_password)
        users = layout.users
        seed.fill(
            layout.databases.primary,
            seed.Seed(users.count, users.password, options.hash_memory_kib, options.hash_time_cost),
        )
        for name in layout.apis:
            node(name, partial(_start_api, launcher, layout, service, name))
        database_cluster.wait_replicas(patronis, admin, directory, options.asynchronous)
    for name in layout.valkeys:
        valkey.wait_ready(nodes[name].running, layout.valkey_url(name))
    sentinel.wait_agreed(
        [(nodes[name].running, port) for name, port in layout.sentinels.items()], len(layout.valkeys) - 1
    )
    for name, port in layout.apis.items():
        api.wait_ready(nodes[name].running, api.url(port))
    proxy = node("haproxy", partial(_start_proxy, launcher, layout))
    haproxy.wait_ready(proxy, directory, _behind_proxy(layout))
    return HaStack(launcher, layout, Nodes(launcher, nodes.values()))


# A server that takes over a socket gets one of its own each time it is started: its last one ended with it.


def _start_database_proxy(launcher: Launcher, layout: Layout) -> Running:
    sockets = (reserve(layout.writes.port), reserve(layout.reads.port), reserve(layout.database_metrics.port))
    return database_proxy.start(launcher, layout.directory, sockets, layout.cluster.members)


def _start_upstream(launcher: Launcher, layout: Layout) -> Running:
    socket = reserve(layout.upstream.port)
    token = {"TARGET_UPSTREAM_TOKEN": layout.upstream_token}
    return launcher.start_module("upstream", "upstream", "target.upstream", layout.directory, socket, token)


def _start_otlp(launcher: Launcher, layout: Layout) -> Running:
    return launcher.start_module(OTLP, OTLP, "target.otlp", layout.directory, reserve(layout.otlp.port), {})


def _start_api(launcher: Launcher, layout: Layout, service: api.Service, name: str) -> Running:
    socket = reserve(layout.apis[name].port)
    return api.start(launcher, layout.directory, name, socket, service)


def _start_proxy(launcher: Launcher, layout: Layout) -> Running:
    servers = _behind_proxy(layout)
    sockets = (reserve(layout.public.port), reserve(layout.metrics.port))
    sessions = haproxy.max_sessions_per_server(len(servers))
    return haproxy.start(launcher, layout.directory, *sockets, servers, sessions)


def _behind_proxy(layout: Layout) -> list[haproxy.BackendServer]:
    return [haproxy.BackendServer(name, port.port) for name, port in layout.apis.items()]


def _processes(launcher: Launcher) -> tuple[states.Process, ...]:
    """What we started, and what Patroni did."""
    found = []
    for server in launcher.running:
        found.append(states.Process.of(server.role, server.name, server.identity))
        database = None if server.data_directory is None else postmaster.postmaster(server.data_directory)
        if database is not None:
            found.append(states.Process.of("postgres", server.name, database))
    return tuple(found)
