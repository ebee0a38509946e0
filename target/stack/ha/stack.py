"""From nothing to three API processes on three databases and two Valkeys, each on a node that may die."""

from __future__ import annotations

import dataclasses
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from target.stack import api, haproxy, postgres, postmaster, seed, unprivileged, upstream, valkey
from target.stack import state as states
from target.stack.ha import database_proxy, patroni, sentinel, tools
from target.stack.ha.endpoint import PATH, NodeEndpoint
from target.stack.ha.nodes import Node, Nodes
from target.stack.launch import Launcher, Running, wait_for
from target.stack.options import Options
from target.stack.ports import LOOPBACK, Reserved, reserve

DATABASES = ("db1", "db2", "db3")
VALKEYS = ("valkey1", "valkey2")
SENTINELS = ("sentinel1", "sentinel2", "sentinel3")
BOOT_S = 60.0
"""For initdb, the election of the first primary, and a copy for each replica."""
TICK_S = 0.25


@dataclass(frozen=True)
class Valkeys:
    """Ports of the servers and their Sentinels, and the password of the servers."""

    servers: dict[str, Reserved]
    sentinels: dict[str, Reserved]
    password: str

    def url(self, name: str) -> str:
        """One server, whatever its role."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.servers[name].port}/0"

    @property
    def sentinel_addresses(self) -> tuple[str, ...]:
        """`host:port` of each."""
        return tuple(f"{LOOPBACK}:{port.port}" for port in self.sentinels.values())


class HaStack:
    """What is up, its nodes, and the state that follows them."""

    def __init__(self, launcher: Launcher, base: states.StackState, ha: states.HighAvailability, nodes: Nodes) -> None:
        self._launcher, self._nodes = launcher, nodes
        self._endpoint = NodeEndpoint(reserve(), nodes, base.faults.token)
        self._base = base
        self._ha = dataclasses.replace(ha, nodes=states.NodeControl(self._endpoint.url, PATH))
        self.state = self._now()

    def once(self, changed: Callable[[states.StackState], None]) -> None:
        """Answer a request or wait for one, and tell when a process is another one than before."""
        self._endpoint.serve(TICK_S)
        now = self._now()
        if now != self.state:
            self.state = now
            changed(now)

    def _now(self) -> states.StackState:
        base, ha = self._base, self._ha
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
    fault_token = options.fault_token or secrets.token_urlsafe(24)
    users = states.Users(options.users, seed.FIRST, seed.NAME_PATTERN, secrets.token_urlsafe(12))
    valkeys = Valkeys(
        {name: reserve() for name in VALKEYS}, {name: reserve() for name in SENTINELS}, secrets.token_urlsafe(18)
    )
    cluster = _cluster(options, directory)
    launcher.adopt_orphans()
    nodes: list[Node] = []

    def node(name: str, start: Callable[[], Running], data_directory: Path | None = None) -> Running:
        nodes.append(Node(name, start, start(), data_directory))
        return nodes[-1].running

    patroni.write_configurations(cluster)
    for member in cluster.members:
        node(member.name, partial(patroni.start, launcher, cluster, member), member.data_directory)
    writes, reads, database_metrics = reserve(), reserve(), reserve()
    database_balancer = node(
        database_proxy.NAME,
        lambda: database_proxy.start(
            launcher,
            directory,
            (reserve(writes.port), reserve(reads.port), reserve(database_metrics.port)),
            cluster.members,
        ),
    )

    sentinel.write_configurations(
        directory, list(valkeys.servers.items()), list(valkeys.sentinels.items()), valkeys.password
    )
    for name in VALKEYS:
        node(name, partial(sentinel.start, launcher, directory, "valkey", name))
    watchers = [
        (node(name, partial(sentinel.start, launcher, directory, "sentinel", name)), port)
        for name, port in valkeys.sentinels.items()
    ]
    upstream_port, upstream_token = reserve(), secrets.token_urlsafe(18)
    upstream_url = f"http://{LOOPBACK}:{upstream_port.port}"
    node(
        "upstream",
        lambda: upstream.start(launcher, sys.executable, directory, reserve(upstream_port.port), upstream_token),
    )

    def through(listener: Reserved, user: str, password: str, database: str = seed.DATABASE) -> str:
        return f"postgresql://{user}:{password}@{LOOPBACK}:{listener.port}/{database}"

    service_password = secrets.token_urlsafe(18)
    superuser = (postgres.SUPERUSER, cluster.passwords.superuser)
    addresses = states.Postgres(
        primary=through(writes, seed.ROLE, service_password),
        replica=through(reads, seed.ROLE, service_password),
        admin=through(writes, *superuser),
    )
    members = tuple(
        states.DatabaseNode(
            name=one.name,
            dsn=one.dsn(seed.ROLE, service_password, seed.DATABASE),
            admin=one.dsn(*superuser, seed.DATABASE),
            rest_url=one.rest_url,
            patroni_pid=0,
            data_directory=str(one.data_directory),
        )
        for one in cluster.members
    )
    service = api.Service(
        primary_dsn=addresses.primary,
        replica_dsn=addresses.replica,
        valkey_url=valkeys.url(VALKEYS[0]),
        signing_key=secrets.token_urlsafe(32),
        fault_token=fault_token,
        upstream_url=upstream_url,
        pool_size=options.pool_size,
        hash_memory_kib=options.hash_memory_kib,
        hash_time_cost=options.hash_time_cost,
        database_nodes=" ".join(one.dsn for one in members),
        valkey_sentinels=" ".join(valkeys.sentinel_addresses),
        valkey_service=sentinel.SERVICE_NAME,
    )
    api_ports = {f"api{number}": reserve() for number in range(1, options.processes + 1)}

    def start_api(name: str) -> Running:
        return api.start(launcher, sys.executable, directory, name, reserve(api_ports[name].port), service)

    with _first_primary(database_balancer, through(writes, *superuser, "postgres")) as admin:
        seed.create_database(admin, service_password)
        seed.fill(
            addresses.primary,
            seed.Seed(users.count, users.password, options.hash_memory_kib, options.hash_time_cost),
        )
        apis = {name: node(name, partial(start_api, name)) for name in api_ports}
        _wait_replicas(database_balancer, admin, directory, options.asynchronous)
    for name in VALKEYS:
        valkey.wait_ready(next(one.running for one in nodes if one.name == name), valkeys.url(name))
    sentinel.wait_agreed(watchers, len(VALKEYS) - 1)
    for name, running in apis.items():
        api.wait_ready(running, api.url(api_ports[name]))
    servers = [haproxy.BackendServer(name, port.port) for name, port in api_ports.items()]
    sessions, metrics = haproxy.max_sessions_per_server(len(servers)), reserve()
    proxy = node(
        "haproxy",
        lambda: haproxy.start(launcher, directory, reserve(public.port), reserve(metrics.port), servers, sessions),
    )
    haproxy.wait_ready(proxy, directory, servers)

    base = states.StackState(
        url=f"http://{LOOPBACK}:{public.port}",
        apis=tuple(states.Api(name, api.url(port), 0) for name, port in api_ports.items()),
        processes=(),
        postgres=addresses,
        valkey=valkeys.url(VALKEYS[0]),
        haproxy=states.Haproxy(str(haproxy.stats_socket(directory)), f"http://{LOOPBACK}:{metrics.port}/metrics"),
        faults=states.Faults(fault_token, states.FAULT_PATH),
        upstream=states.Upstream(upstream_url, upstream_token, states.FAILURE_PATH),
        autoscaler=None,
        ha=None,
        users=users,
        data=str(directory),
        supervisor=states.ourselves(),
    )
    ha = states.HighAvailability(
        postgres=states.DatabaseCluster(
            writes=addresses.primary,
            reads=addresses.replica,
            admin=addresses.admin,
            rest_user=patroni.REST_USER,
            rest_password=cluster.passwords.rest,
            nodes=members,
        ),
        valkey=states.Valkeys(
            service_name=sentinel.SERVICE_NAME,
            sentinels=valkeys.sentinel_addresses,
            nodes=tuple(states.ValkeyNode(name, valkeys.url(name), 0) for name in VALKEYS),
        ),
        haproxy=states.Haproxy(
            str(database_proxy.stats_socket(directory)), f"http://{LOOPBACK}:{database_metrics.port}/metrics"
        ),
        otlp=None,
        nodes=None,
    )
    return HaStack(launcher, base, ha, Nodes(launcher, nodes))


def _cluster(options: Options, directory: Path) -> patroni.DatabaseCluster:
    run_as = unprivileged.for_postgres(signal.SIGKILL)
    home = directory / "postgres"
    home.mkdir()
    if run_as.user is not None:
        directory.chmod(0o711)  # the other user has to get through, and to see nothing
    programs = tools.write(home / "bin", postgres.binaries())
    unprivileged.hand_over(home, run_as)
    return patroni.DatabaseCluster(
        members=[patroni.Member(name, patroni.Ports.reserve(), home / name) for name in DATABASES],
        passwords=patroni.Passwords.generate(),
        bin_directory=programs,
        run_as=run_as,
        synchronous=not options.asynchronous,
        # After a failover the pools for reads, too, are on the one primary.
        connections=max(100, 2 * options.processes * options.pool_size + postgres.SPARE_CONNECTIONS),
    )


def _first_primary(balancer: Running, dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    def attempt() -> psycopg.Connection[tuple[object, ...]] | None:
        try:
            return psycopg.connect(dsn, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError:
            return None

    return wait_for(balancer, "in touch with a primary", attempt, BOOT_S)


def _wait_replicas(
    balancer: Running, admin: psycopg.Connection[tuple[object, ...]], directory: Path, asynchronous: bool
) -> None:
    """Until both replicas stream, one of them has each write before it is acknowledged, and the proxy knows them."""
    query = "SELECT count(*), count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication"
    replicas = len(DATABASES) - 1

    def complete() -> bool | None:
        row = admin.execute(query + " WHERE state = 'streaming'").fetchone()
        assert row is not None  # an aggregate gives one row
        streams = row[0] == replicas and (asynchronous or bool(row[1]))
        return True if streams and len(database_proxy.servers_up(directory, "replicas")) == replicas else None

    wait_for(balancer, "in touch with every replica", complete, BOOT_S)


def _processes(launcher: Launcher) -> tuple[states.Process, ...]:
    """What we started, and what Patroni did."""
    found = []
    for server in launcher.running:
        found.append(states.Process.of(server.role, server.name, server.identity))
        database = None if server.data_directory is None else postmaster.postmaster(server.data_directory)
        if database is not None:
            found.append(states.Process.of("postgres", server.name, database))
    return tuple(found)
