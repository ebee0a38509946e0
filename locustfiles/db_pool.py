"""Database connection pool: up to 200 operations at once on a few connections, most of them through the service's pool,
every n-th directly on PostgreSQL with connections of its own.

Point it at your own service, whose answer tells {"wait_ms": …, "query_ms": …}, and whose pool is on its metrics pages:
    springback run locustfiles/db_pool.py --host http://127.0.0.1:8000 --work-path "/report?ms={ms}" --query-ms 20 \\
        --api-urls http://127.0.0.1:8000 --pool-size-metric hikaricp_connections_max \\
        --pool-in-use-metric hikaricp_connections_active --pool-waiting-metric hikaricp_connections_pending \\
        --direct-every 0 --without direct_error_ratio,long_transactions
and with PostgreSQL itself: docs/scenarios.md
"""

import time

from locust import task

import harness
from harness.clients.postgres import require_usable
from harness.errors import all_of
from harness.load.http import PacedHttpUser
from harness.load.users.postgres import PostgresUser
from harness.probes.pool import Pool
from harness.probes.postgres import Postgres
from harness.recording import CriterionSpec
from shapes import staircase


class Worker(PostgresUser, PacedHttpUser):
    @task
    def operate(self):
        options = self.environment.parsed_options
        asked_s, every = float(options.query_ms) / 1000, int(float(options.direct_every))
        self.turn = getattr(self, "turn", self.number) + 1
        if self.postgres and every and self.turn % every == 0:
            self.query("pg_sleep", "SELECT pg_sleep(%s)", (asked_s,))
        else:
            self.through_the_pool(options.work_path, asked_s)

    def through_the_pool(self, path, asked_s):
        sent_s = time.monotonic()
        answer = self.client.get(path.replace("{ms}", f"{asked_s * 1000:g}"), name=path)
        if answer.ok and (told := times_in(answer)):
            wait_s, query_s = told
            self.observe("pool", "wait", sent_s, sent_s + wait_s)
            self.observe("pool", "query", sent_s, sent_s + query_s)
            self.observe("pool", "query beyond asked", sent_s, sent_s + query_s - asked_s)


def times_in(answer):
    """How long the request waited for a connection and held it, in seconds; None where the service does not tell."""
    try:
        told = answer.json()
        return told["wait_ms"] / 1000, told["query_ms"] / 1000
    except (ValueError, KeyError, TypeError):
        return None


class DatabasePool(staircase.Staircase):
    pacing = "users"
    baseline_s, base, peak, steps, hold_s, recovery_s, idle_s = 20, 5, 200, 7, 5, 23, 6


def probes(options):
    """What is sampled, as far as its address is known; and whether load may go to PostgreSQL at all."""

    def pool():
        pages = tuple(url.strip().rstrip("/") + options.pool_page for url in options.api_urls.split(","))
        return Pool(pages, options.pool_size_metric, options.pool_in_use_metric, options.pool_waiting_metric)

    wanted = [lambda: require_usable(options.postgres, "--postgres", options.allow_host)]
    wanted += [pool] if options.api_urls else []
    wanted += [lambda: Postgres(options.postgres_admin, options.postgres_application)] if options.postgres_admin else []
    return [probe for probe in all_of(wanted) if probe is not None]


THROUGH_THE_POOL = {"requests": "GET *"}
DIRECTLY = {"requests": "SQL *", "remedy": "name the server with --postgres"}
UNTOLD = {"remedy": "the service's answer has to tell wait_ms and query_ms"}

harness.attach(
    "db-pool",
    criteria=[
        CriterionSpec("error_ratio", THROUGH_THE_POOL),
        CriterionSpec("error_ratio", {**DIRECTLY, "name": "direct_error_ratio"}),
        CriterionSpec("latency_quantile", THROUGH_THE_POOL),
        CriterionSpec(
            "latency_quantile", {"requests": "pool wait", "name": "pool_wait_quantile", "limit_s": 2, **UNTOLD}
        ),
        CriterionSpec(
            "latency_quantile", {"requests": "pool query beyond asked", "name": "query_time", "limit_s": 0.1, **UNTOLD}
        ),
        CriterionSpec("recovery_time", {**THROUGH_THE_POOL, "baseline_windows": 10, "limit_s": 10}),
        CriterionSpec("pool_stable"),
        CriterionSpec("leaked_connections"),
        CriterionSpec("long_transactions"),
        CriterionSpec("memory_growth"),
        CriterionSpec("pool_saturation", THROUGH_THE_POOL),
        CriterionSpec("scalability", THROUGH_THE_POOL),
    ],
    probes=probes,
    options={
        "query_ms": ("50", "length of each query in milliseconds"),
        "work_path": ("/db/work?ms={ms}", "path that runs a query of {ms} ms and tells wait_ms and query_ms"),
        "direct_every": ("4", "every n-th operation goes directly to PostgreSQL; 0: none, 1: all"),
        "postgres": ("", "PostgreSQL address for direct operations: postgresql://user:password@host:port/database"),
        "postgres_admin": ("", "the same with a role that sees all sessions (pg_monitor), for the probe"),
        "postgres_application": ("*", "sessions that the probe counts, by application_name, * for anything"),
        "api_urls": ("", "addresses of the service's processes past the load balancer, with commas"),
        "pool_page": ("/metrics", "path of their Prometheus page"),
        "pool_size_metric": ('target_pool_size{pool="primary"}', "size of the pool: a metric, or a number"),
        "pool_in_use_metric": ('target_pool_in_use{pool="primary"}', "metric of connections in use"),
        "pool_waiting_metric": ('target_pool_waiting{pool="primary"}', "metric of requests that wait, or empty"),
    },
)
