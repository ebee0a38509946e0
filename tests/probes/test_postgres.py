"""PostgreSQL as the sampling process sees it: real servers, servers of another kind, and ones that never answer."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import psutil
import psycopg2
import pytest

from harness.clients.postgres import PostgresError, Session, cause_of, require_usable
from harness.errors import ConfigurationError
from harness.probes import Reading
from harness.probes.pool import Pool
from harness.probes.postgres import KEYS, Postgres
from tests.ports import free_port
from tests.probes import loopback
from tests.run.runs import naps
from tests.target import stacks

SECRET = "s3cret"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    with stacks.started(
        tmp_path_factory.mktemp("postgres") / "state.json", "--with-parent", "--users", "10"
    ) as running:
        yield running


def at(port: int) -> str:
    return f"postgresql://me:{SECRET}@127.0.0.1:{port}/db"


def only(probe: Postgres) -> Reading:
    (reading,) = probe.sample()
    return reading


def tries(*failures: str) -> str:
    """As libpq tells of several tries, each with its address and with advice."""
    return "".join(f'connection to server at "127.0.0.1", port 5 failed: {why}\n\tIs it running?\n' for why in failures)


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """A server that reads once and sends ``reply``, then closes; None: it takes connections and never answers."""
    respond = (lambda *_: threading.Event().wait(30)) if reply is None else loopback.raw(reply)
    with loopback.serving(respond) as url:
        yield urlsplit(url).port or 0


@contextmanager
def frozen(stack: stacks.Stack) -> Iterator[None]:
    """The postmaster and its backends, which are no group, stopped."""
    postmaster = psutil.Process(stack.process("postgres-primary").pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)


def test_sessions_are_counted_by_state_and_age(stack: stacks.Stack) -> None:
    """A session of ours is idle in a transaction; the probe does not count its own."""
    probe = Postgres(stack.state.postgres.admin, "mine*")
    with closing(psycopg2.connect(stack.state.postgres.admin, application_name="mine 100%")) as connection:
        began_s = time.monotonic()
        connection.cursor().execute("SELECT 1")
        took_s = time.monotonic() - began_s
        time.sleep(0.3)
        reading = only(probe)
        aged_s = time.monotonic() - began_s
    assert reading.error is None
    assert set(reading.values) == set(KEYS)
    assert reading.values["idle_in_transaction"] == 1
    assert reading.values["active"] == reading.values["idle"] == reading.values["waiting"] == 0
    assert 0.3 <= reading.values["oldest_idle_in_transaction_s"] <= aged_s + 0.1
    idle_s = reading.values["oldest_idle_in_transaction_s"]
    assert idle_s - 0.01 <= reading.values["oldest_transaction_s"] <= idle_s + took_s + 0.01
    loopback.wait_for(lambda: only(probe).values["idle_in_transaction"] == 0)


def test_a_lock_that_is_waited_for_has_an_age(stack: stacks.Stack) -> None:
    admin = stack.state.postgres.admin
    with closing(psycopg2.connect(admin)) as holder, closing(psycopg2.connect(admin)) as waiter:
        holder.cursor().execute("SELECT pg_advisory_lock(42)")
        thread = threading.Thread(target=lambda: waiter.cursor().execute("SELECT pg_advisory_lock(42)"))
        thread.start()
        probe = Postgres(admin)
        loopback.wait_for(lambda: only(probe).values["oldest_wait_s"] > 0.2)
        assert only(probe).values["waiting"] == 1
        holder.cursor().execute("SELECT pg_advisory_unlock(42)")
        thread.join(10)
        assert not thread.is_alive()


def test_a_frozen_server_is_an_error_within_the_deadline_and_is_read_again_afterwards(stack: stacks.Stack) -> None:
    probe = Postgres(stack.state.postgres.admin, timeout_s=0.5)
    assert only(probe).error is None
    with frozen(stack):
        for _ in range(2):  # the open session, then a new one
            with naps() as clock:
                assert only(probe).error == "timeout"
                assert clock.now_s < 1.5, "not what it has without being told"
    loopback.wait_for(lambda: only(probe).error is None)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ((r":[^:@]+@", ":wrong@"), "authentication failed"),
        ((r"/[^/]+$", "/nowhere"), "unknown database"),
        ((r"$", "?sslmode=require"), "tls"),
    ],
)
def test_what_the_server_refuses_is_told_and_is_a_mistake(
    stack: stacks.Stack, change: tuple[str, str], cause: str
) -> None:
    dsn = re.sub(*change, stack.state.postgres.admin, count=1)
    assert only(Postgres(dsn)).error == cause
    with pytest.raises(ConfigurationError, match=rf"--postgres 127.0.0.1:\d+/\S*: {cause}; \w+"):
        require_usable(dsn, "--postgres")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not postgresql"),
        (b"", "server closed"),
        (b"S", "not postgresql"),  # it agrees to TLS and hangs up; libpq then tries without
        (None, "timeout"),
    ],
    ids=["http", "half-closed", "tls and then nothing", "never answers"],
)
def test_a_server_of_another_kind(reply: bytes | None, cause: str) -> None:
    with answering(reply) as port, naps() as clock:
        reading = only(Postgres(at(port), timeout_s=0.7))
        assert clock.now_s < 1.8, "not what it has without being told"
    assert reading.error == cause
    assert SECRET not in repr(reading)
    assert reading.source == f"127.0.0.1:{port}/db"


def test_a_server_that_wants_tls_and_gets_none() -> None:
    """As libpq tells it: the refusal is an ErrorResponse that says "no encryption"."""
    fields = b'SFATAL\0C28000\0Mno pg_hba.conf entry for host "127.0.0.1", user "me", database "db", no encryption\0\0'
    with answering(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields) as port:
        assert only(Postgres(at(port) + "?sslmode=disable")).error == "tls"


def test_a_valkey_server_never_answers_libpq(stack: stacks.Stack) -> None:
    port = urlsplit(stack.state.valkey).port or 0
    assert only(Postgres(at(port), timeout_s=0.5)).error in ("timeout", "not postgresql", "server closed")


def test_nobody_listens() -> None:
    assert only(Postgres(at(free_port()))).error == "connection refused"


def test_a_server_that_is_away_is_said_before_a_whole_run_of_failures() -> None:
    with pytest.raises(ConfigurationError, match=r"^--postgres 127.0.0.1:\d+/db: nothing listens there"):
        require_usable(at(free_port()), "--postgres")
    require_usable("", "--postgres")


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("postgresql://me:s3cret@192.0.2.7/db", "not a loopback address"),
        ("host=127.0.0.1,192.0.2.7 user=me password=s3cret", "not a loopback address"),
        ("host=127.0.0.1 hostaddr=192.0.2.7 password=s3cret", "not a loopback address"),
        ("postgresql://me:s3cret@:1/db", "names no host"),
        ("postgresql://me:s3cret@127.0.0.1:port/db", "the port of"),
        ("service=production host=127.0.0.1", "service file"),
        ("postgresql://me:s3cret@s3cret@127.0.0.1:1/db", "an unescaped @: write %40 for it"),
        ("postgresql://me:s3cret/s3cret@127.0.0.1:1/db", "an unescaped /: write %2F for it"),
        ("postgres//me:s3cret@127.0.0.1", "cannot be read"),
    ],
)
def test_an_address_that_load_may_not_go_to_is_refused_before_anything_is_sent(dsn: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        require_usable(dsn, "--postgres")
    assert SECRET not in str(caught.value)


def test_a_session_that_was_killed_is_an_error(stack: stacks.Stack) -> None:
    session = Session(stack.state.postgres.admin, 2)
    ((pid,),) = session.rows("SELECT pg_backend_pid()")
    with closing(psycopg2.connect(stack.state.postgres.admin)) as admin:
        admin.cursor().execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(PostgresError, match="server closed"):
        session.rows("SELECT pg_sleep(1)")


def test_a_role_that_may_not_see_others_is_told_what_it_lacks(stack: stacks.Stack) -> None:
    admin = stack.state.postgres.admin
    with closing(psycopg2.connect(admin)) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE ROLE nobody LOGIN PASSWORD 'nobody'")
    (reading,) = Postgres(re.sub(r"//[^@]*@", "//nobody:nobody@", admin)).sample()
    assert reading.error is not None and "GRANT pg_monitor" in reading.error


PAGE = """
# TYPE busy gauge
busy{pool="a",db="x"} 3
busy{pool="a",db="y"} 4
busy{pool="b",db="x"} 100
# TYPE size gauge
size{pool="a"} 16
size{pool="b"} 32
"""


@pytest.mark.parametrize(
    ("size", "in_use", "expected"),
    [
        ('size{pool="a"}', 'busy{pool="a"}', {"size": 16, "in_use": 7}),
        ('size{pool="b"}', 'busy{db="x", pool="b"}', {"size": 32, "in_use": 100}),
        ("20", "busy", {"size": 20, "in_use": 107}),
    ],
)
def test_a_pool_is_read_by_the_names_of_its_metrics(size: str, in_use: str, expected: dict[str, float]) -> None:
    with loopback.serving(loopback.answer(PAGE)) as url:
        (reading,) = Pool((url,), size, in_use).sample()
    assert reading.values == expected


def test_a_pool_without_its_metric_says_which() -> None:
    with loopback.serving(loopback.answer(PAGE)) as url:
        (reading,) = Pool((url,), 'size{pool="c"}', "busy").sample()
    assert reading.error == 'no metric size{pool="c"} on the page'


def test_the_probe_is_free_of_gevent() -> None:
    """It runs beside the load generator, in a process of its own."""
    source = "import sys, harness.probes.postgres, harness.probes.pool; print('gevent' in sys.modules)"
    with loopback.python(source) as process:
        assert loopback.said(process) == "False"


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("could not send SSL negotiation packet: Broken pipe", "connection reset"),
        ("could not send startup packet: Connection reset by peer", "connection reset"),
        ("received invalid response to SSL negotiation: H", "not postgresql"),
        ("write to server failed", "server closed"),
        ("no connection to the server", "server closed"),
        ("something else", "connection failed"),
        (tries("SSL SYSCALL error: Connection reset by peer", "expected authentication request"), "not postgresql"),
        (tries("SSL SYSCALL error: EOF detected", "expected authentication request"), "not postgresql"),
        (
            tries("FATAL: password authentication failed", "FATAL: no pg_hba.conf entry, no encryption"),
            "authentication failed",
        ),
        (tries("server closed the connection unexpectedly", "Connection refused"), "connection refused"),
        (tries("SSL SYSCALL error: EOF detected", "something else"), "server closed"),
    ],
)
def test_what_breaks_while_connecting_is_told_by_its_words(words: str, cause: str) -> None:
    assert cause_of(psycopg2.OperationalError(words)) == cause
