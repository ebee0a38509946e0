"""Database connection pool: up to 200 operations at once on a few connections, every n-th of them past the pool.

Point it at your own service, which answers {"wait_ms": …, "query_ms": …} and exports its pool (docs/scenarios.md):
    springback run locustfiles/db_pool.py --host http://127.0.0.1:8000 --work-path "/report?ms={ms}" --query-ms 20 \\
        --api-urls http://127.0.0.1:8000 --pool-size-metric hikaricp_connections_max \\
        --pool-in-use-metric hikaricp_connections_active --pool-waiting-metric hikaricp_connections_pending \\
        --direct-every 0 --without direct_error_ratio,long_transactions
"""

from locust import task

import harness
from harness.load.users import postgres
from harness.load.users.pooled import PooledHttpUser, PooledOptions, pool_pages
from harness.plugins import parameter
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import staircase


class Worker(postgres.PostgresUser, PooledHttpUser):
    @task
    def operate(self):
        options = self.environment.parsed_options
        self.turn = getattr(self, "turn", self.number) + 1
        if self.postgres and options.direct_every and self.turn % options.direct_every == 0:
            self.query("pg_sleep", "SELECT pg_sleep(%s)", (options.query_ms / 1000,))
        else:
            self.work_on_pool()


class DatabasePool(staircase.Staircase):
    pacing = "users"
    baseline_s, base, peak, steps, hold_s, recovery_s, idle_s = 20, 5, 200, 7, 5, 23, 6


class Options(PooledOptions, postgres.PostgresOptions):
    direct_every: int = parameter(4, "every n-th operation goes directly to PostgreSQL; 0: none, 1: all")
    postgres_admin: str = parameter("", "its address with a role that sees all sessions, for the probe", secret=True)
    postgres_application: str = parameter("*", "sessions that the probe counts, by application_name, * for anything")
    api_urls: tuple[str, ...] = parameter((), "addresses of the service's processes past the load balancer")
    pool_page: str = parameter("/metrics", "path of their Prometheus page")
    pool_size_metric: str = parameter('target_pool_size{pool="primary"}', "size of the pool: a metric, or a number")
    pool_in_use_metric: str = parameter('target_pool_in_use{pool="primary"}', "metric of connections in use")
    pool_waiting_metric: str = parameter('target_pool_waiting{pool="primary"}', "metric of those who wait, or empty")


def probes(options):
    yield from pool_pages(options, options.pool_page)
    if options.postgres_admin:
        yield planned("postgres", dsn=options.postgres_admin, application_name=options.postgres_application)


ALL, DIRECT = {"requests": "GET *"}, {"requests": "SQL *", "remedy": "name the server with --postgres"}
UNTOLD = {"remedy": "the service's answer has to tell wait_ms and query_ms"}
WAIT, QUERY = UNTOLD | {"requests": "pool wait"}, UNTOLD | {"requests": "pool query beyond asked"}
UNSAMPLED = {"remedy": "name the metrics pages of the service's processes with --api-urls"}
harness.attach(
    "db-pool",
    criteria=[
        CriterionSpec("error_ratio", ALL),
        CriterionSpec("error_ratio", DIRECT | {"name": "direct_error_ratio"}),
        CriterionSpec("latency_quantile", ALL),
        CriterionSpec("latency_quantile", WAIT | {"name": "pool_wait_quantile", "limit_s": 2}),
        CriterionSpec("latency_quantile", QUERY | {"name": "query_time", "limit_s": 0.1}),
        CriterionSpec("recovery_time", ALL | {"baseline_windows": 10, "limit_s": 10}),
        CriterionSpec("pool_stable", UNSAMPLED),
        CriterionSpec("leaked_connections", UNSAMPLED),
        CriterionSpec("long_transactions", {"remedy": "name a role that may see them with --postgres-admin"}),
        "memory_growth",
        CriterionSpec("pool_saturation", ALL | UNSAMPLED),
        CriterionSpec("scalability", ALL),
    ],
    probes=probes,
    checks=lambda options: postgres.problems(options.postgres, options.allow_host),
    options=Options,
)
