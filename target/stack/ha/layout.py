"""Every port and password of a highly available stack, and every address that follows from them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from target.stack import api, haproxy, postgres, seed
from target.stack import state as states
from target.stack.ha import database_cluster, database_proxy, patroni, sentinel
from target.stack.ha import state as ha_states
from target.stack.options import Options
from target.stack.ports import LOOPBACK, Reserved, reserve

VALKEYS = ("valkey1", "valkey2")
SENTINELS = ("sentinel1", "sentinel2", "sentinel3")


def _password() -> str:
    return secrets.token_urlsafe(18)


@dataclass(frozen=True)
class Layout:
    """Ports stay held for as long as the stack is up, so that whatever died finds its own again."""

    options: Options
    directory: Path
    public: Reserved
    cluster: patroni.DatabaseCluster
    apis: Mapping[str, Reserved]
    users: states.Users
    fault_token: str
    metrics: Reserved = field(default_factory=reserve)
    writes: Reserved = field(default_factory=reserve)
    reads: Reserved = field(default_factory=reserve)
    database_metrics: Reserved = field(default_factory=reserve)
    valkeys: Mapping[str, Reserved] = field(default_factory=lambda: {name: reserve() for name in VALKEYS})
    sentinels: Mapping[str, Reserved] = field(default_factory=lambda: {name: reserve() for name in SENTINELS})
    upstream: Reserved = field(default_factory=reserve)
    otlp: Reserved = field(default_factory=reserve)
    service_password: str = field(default_factory=_password)
    valkey_password: str = field(default_factory=_password)
    upstream_token: str = field(default_factory=_password)
    signing_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def make(cls, options: Options, directory: Path, public: Reserved) -> Layout:
        """Reserve and generate everything; nothing is started."""
        return cls(
            options,
            directory,
            public,
            database_cluster.make(options, directory),
            {f"api{number}": reserve() for number in range(1, options.processes + 1)},
            states.Users(options.users, seed.FIRST, seed.NAME_PATTERN, secrets.token_urlsafe(12)),
            options.fault_token or secrets.token_urlsafe(24),
        )

    @property
    def databases(self) -> states.Postgres:
        """Through the proxy: where writes go, where reads go, and the superuser where writes go."""
        return states.Postgres(
            primary=self._through(self.writes, seed.ROLE, self.service_password),
            replica=self._through(self.reads, seed.ROLE, self.service_password),
            admin=self._through(self.writes, *self._superuser),
        )

    @property
    def maintenance(self) -> str:
        """The superuser in the database that is there from the beginning."""
        return self._through(self.writes, *self._superuser, "postgres")

    def valkey_url(self, name: str) -> str:
        """One server, whatever its role."""
        return f"redis://:{self.valkey_password}@{LOOPBACK}:{self.valkeys[name].port}/0"

    def service(self) -> api.Service:
        """What the API processes are told."""
        return api.Service(
            primary_dsn=self.databases.primary,
            replica_dsn=self.databases.replica,
            valkey_url=self.valkey_url(VALKEYS[0]),
            signing_key=self.signing_key,
            fault_token=self.fault_token,
            upstream_url=_url(self.upstream),
            pool_size=self.options.pool_size,
            hash_memory_kib=self.options.hash_memory_kib,
            hash_time_cost=self.options.hash_time_cost,
            database_nodes=" ".join(f"{node.name}={node.dsn}" for node in self._database_nodes()),
            valkey_sentinels=" ".join(self._sentinel_addresses()),
            valkey_service=sentinel.SERVICE_NAME,
            otlp_endpoint=self._otlp_url() or "",
        )

    def state(self, control: ha_states.NodeControl) -> states.StackState:
        """All of it for a client, without a pid: those follow the processes."""
        databases = self.databases
        return states.StackState(
            url=_url(self.public),
            apis=tuple(states.Api(name, api.url(port), 0) for name, port in self.apis.items()),
            processes=(),
            postgres=databases,
            valkey=self.valkey_url(VALKEYS[0]),
            haproxy=states.Haproxy(str(haproxy.stats_socket(self.directory)), f"{_url(self.metrics)}/metrics"),
            faults=states.Faults(self.fault_token, states.FAULT_PATH),
            upstream=states.Upstream(_url(self.upstream), self.upstream_token, states.FAILURE_PATH),
            autoscaler=None,
            ha=ha_states.HighAvailability(
                postgres=ha_states.DatabaseCluster(
                    writes=databases.primary,
                    reads=databases.replica,
                    admin=databases.admin,
                    rest_user=patroni.REST_USER,
                    rest_password=self.cluster.passwords.rest,
                    nodes=tuple(self._database_nodes()),
                ),
                valkey=ha_states.Valkeys(
                    service_name=sentinel.SERVICE_NAME,
                    sentinels=tuple(self._sentinel_addresses()),
                    nodes=tuple(ha_states.ValkeyNode(name, self.valkey_url(name), 0) for name in self.valkeys),
                ),
                haproxy=ha_states.DatabaseProxy(
                    str(database_proxy.stats_socket(self.directory)), f"{_url(self.database_metrics)}/metrics"
                ),
                otlp=self._otlp_url(),
                nodes=control,
            ),
            users=self.users,
            data=str(self.directory),
            supervisor=states.ourselves(),
        )

    @property
    def _superuser(self) -> tuple[str, str]:
        return postgres.SUPERUSER, self.cluster.passwords.superuser

    def _through(self, listener: Reserved, user: str, password: str, database: str = seed.DATABASE) -> str:
        return f"postgresql://{user}:{password}@{LOOPBACK}:{listener.port}/{database}"

    def _database_nodes(self) -> Sequence[ha_states.DatabaseNode]:
        return [
            ha_states.DatabaseNode(
                name=member.name,
                dsn=member.dsn(seed.ROLE, self.service_password, seed.DATABASE),
                admin=member.dsn(*self._superuser, seed.DATABASE),
                rest_url=member.rest_url,
                patroni_pid=0,
                data_directory=str(member.data_directory),
            )
            for member in self.cluster.members
        ]

    def _sentinel_addresses(self) -> Sequence[str]:
        return [f"{LOOPBACK}:{port.port}" for port in self.sentinels.values()]

    def _otlp_url(self) -> str | None:
        return _url(self.otlp) if self.options.otlp_receiver else None


def _url(port: Reserved) -> str:
    return f"http://{LOOPBACK}:{port.port}"
