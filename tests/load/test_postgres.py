"""Users of PostgreSQL: others run while one waits, connections are bounded and replaced, each failure has a cause."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import gevent
import psutil
import psycopg2
import pytest
from psycopg2 import extensions

from harness.clients.postgres import PostgresError
from harness.load.users.postgres import PoolTimeouts, PostgresPool
from tests.ports import free_port
from tests.target import stacks

TIMEOUTS = PoolTimeouts(acquire_s=5, connect_s=2, query_s=1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    with stacks.started(
        tmp_path_factory.mktemp("postgres") / "state.json", "--with-parent", "--users", "10"
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def callback_only_here() -> Iterator[None]:
    """The callback is of the whole process: other tests of it shall not find it."""
    before = extensions.get_wait_callback()
    yield
    extensions.set_wait_callback(before)


@contextmanager
def connections(dsn: str, size: int = 2, timeouts: PoolTimeouts = TIMEOUTS) -> Iterator[PostgresPool]:
    made = PostgresPool(dsn, size, timeouts)
    try:
        yield made
    finally:
        made.close()


def ask(pool: PostgresPool, statement: str = "SELECT 1", *parameters: object) -> object:
    """The first value, or the cause."""
    try:
        with pool.acquire() as connection:
            return pool.rows(connection, statement, parameters)[0][0]
    except PostgresError as error:
        return error.outcome


SLEEPERS = "FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(31)%'"


def asleep(stack: stacks.Stack, pool: PostgresPool) -> gevent.Greenlet[..., object]:
    """A user in the middle of a query that would take long."""
    user = gevent.spawn(ask, pool, "SELECT pg_sleep(31)")
    with closing(psycopg2.connect(stack.state.postgres.admin)) as admin, gevent.Timeout(20):
        admin.autocommit = True
        looking = admin.cursor()
        while not looking.rowcount > 0:
            gevent.sleep(0.02)
            looking.execute(f"SELECT pid {SLEEPERS}")
    return user


def test_others_run_while_a_query_waits(stack: stacks.Stack) -> None:
    """And no more connections are used than there may be."""
    beats = 0

    def beat() -> None:
        nonlocal beats
        while True:
            gevent.sleep(0.01)
            beats += 1

    heart = gevent.spawn(beat)
    with connections(stack.state.postgres.primary, 3) as pool:
        statement = "SELECT pg_backend_pid() FROM pg_sleep(0.5)"
        began_s = time.monotonic()
        asked = [gevent.spawn(ask, pool, statement) for _ in range(6)]
        pids = [each.get(timeout=10) for each in asked]
        took_s = time.monotonic() - began_s
    heart.kill()
    assert len(set(pids)) == 3
    assert 1.0 <= took_s < 3.0, "two at each of three; one after the other it would be 3 s"
    assert beats > 15


def test_a_query_that_takes_too_long_is_a_timeout_and_its_connection_is_replaced(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 1) as pool:
        first = ask(pool, "SELECT pg_backend_pid()")
        assert ask(pool, "SELECT pg_sleep(%s)", 3) == "timeout"
        second = ask(pool, "SELECT pg_backend_pid()")
        assert isinstance(second, int) and second != first


def test_a_user_that_is_stopped_in_mid_query_leaves_no_half_answer(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 1) as pool:
        user = gevent.spawn(ask, pool, "SELECT 'half' FROM pg_sleep(0.5)")
        gevent.sleep(0.1)
        user.kill()
        assert ask(pool, "SELECT 'whole'") == "whole"


def test_an_open_transaction_does_not_go_back_to_the_others(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 1) as pool:
        with pool.acquire() as connection:
            pool.rows(connection, "BEGIN", ())
        with pool.acquire() as connection:
            assert connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def test_a_wrong_statement_is_told_by_its_state_and_keeps_the_connection(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 1) as pool:
        first = ask(pool, "SELECT pg_backend_pid()")
        assert ask(pool, "SELECT nothing FROM nowhere") == "sql 42P01"
        assert ask(pool, "SELECT pg_backend_pid()") == first


def test_a_statement_timeout_is_told_apart_from_our_own(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary + "?options=-c%20statement_timeout%3D100", 1) as pool:
        assert ask(pool, "SELECT pg_sleep(0.5)") == "query canceled"


def test_more_connections_than_the_server_has(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 120, PoolTimeouts(10, 10, 5)) as pool:
        asked = [gevent.spawn(ask, pool, "SELECT 1 FROM pg_sleep(2)") for _ in range(120)]
        outcomes = {each.get(timeout=30) for each in asked}
    assert outcomes == {1, "too many connections"}


def test_nobody_free_in_time(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 1, PoolTimeouts(0.1, 2, 2)) as pool:
        with pool.acquire():
            assert gevent.spawn(ask, pool).get(timeout=20) == "no free connection"
        assert ask(pool) == 1


def test_a_connection_that_the_server_closed_while_idle_is_replaced_unseen(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 1) as pool:
        pid = ask(pool, "SELECT pg_backend_pid()")
        with closing(psycopg2.connect(stack.state.postgres.admin)) as admin:
            admin.cursor().execute("SELECT pg_terminate_backend(%s, 2000)", (pid,))
        assert ask(pool, "SELECT 'again'") == "again"


def test_a_backend_that_is_killed_in_mid_query(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary, 2) as pool:
        user = asleep(stack, pool)
        with closing(psycopg2.connect(stack.state.postgres.admin)) as admin:
            admin.cursor().execute(f"SELECT pg_terminate_backend(pid) {SLEEPERS}")
        assert user.get(timeout=20) == "server closed"


def test_a_frozen_server_is_a_timeout_and_comes_back(stack: stacks.Stack) -> None:
    postmaster = psutil.Process(stack.process("postgres-primary").pid)
    with connections(stack.state.postgres.primary, 1, PoolTimeouts(2, 1, 1)) as pool:
        assert ask(pool) == 1
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.send_signal(signal.SIGSTOP)
        try:
            assert [ask(pool), ask(pool)] == ["timeout", "timeout"]  # on the open connection, and connecting
        finally:
            for process in family:
                process.send_signal(signal.SIGCONT)
        with gevent.Timeout(20):
            while ask(pool) != 1:
                gevent.sleep(0.05)


def test_a_name_is_looked_up_without_holding_up_the_others(stack: stacks.Stack) -> None:
    with connections(stack.state.postgres.primary.replace("127.0.0.1", "localhost"), 1) as pool:
        assert ask(pool) == 1
    with connections(f"postgresql://me:x@nowhere.invalid:{free_port()}/db", 1) as pool:
        assert ask(pool) == "name not resolved"


def test_the_server_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The last one: its own stack."""
    directory = tmp_path_factory.mktemp("killed")
    with stacks.started(directory / "state.json", "--with-parent", "--users", "10") as stack:
        postmaster = psutil.Process(stack.process("postgres-primary").pid)
        with connections(stack.state.postgres.primary, 1) as pool:
            user = asleep(stack, pool)
            for process in [postmaster, *postmaster.children(recursive=True)]:
                process.kill()
            assert user.get(timeout=20) in ("server closed", "connection reset")
            with gevent.Timeout(60):  # a process that it had just begun may hold the port for a moment
                while (cause := ask(pool)) == "server closed":
                    gevent.sleep(0.05)
            assert cause == "connection refused"
