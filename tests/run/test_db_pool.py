"""The database pool scenario: mistakes are said before any load, what is missing is told, a crash is an outcome."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together
from tests.target import stacks

SCENARIO = str(Path(__file__).parents[2] / "locustfiles" / "db_pool.py")
SECRET = "s3cret"
BRIEF = (
    *("--baseline-s", "3", "--base", "2", "--peak", "20", "--steps", "2", "--hold-s", "2", "--recovery-s", "2"),
    *("--idle-s", "2", "--query-ms", "5"),
)


def wrong(directory: Path) -> Finished:
    with service.running() as target:
        foreign, nowhere = f"postgresql://me:{SECRET}@192.0.2.7/db", f"postgresql://me:{SECRET}@/db"
        variables = {"SPRINGBACK_POSTGRES": foreign, "SPRINGBACK_POSTGRES_ADMIN": nowhere}
        arguments = ("--query-ms", "many", "--direct-every", "-1", "--api-urls", "127.0.0.1:80")
        return runs.locust(directory, SCENARIO, *arguments, host=target.url, variables=variables).wait(gone_within_s=4)


@together(wrong)
def test_what_can_be_known_is_refused_before_any_load(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert not outcome.directories
    assert "--query-ms many: give a number of 0 or more" in outcome.err
    assert "--direct-every -1: give a whole number of 0 or more" in outcome.err
    assert "--postgres: 192.0.2.7" in outcome.err and "not a loopback address" in outcome.err
    assert "Probe postgres: the PostgreSQL address names no host" in outcome.err
    assert "Probe pool: 127.0.0.1:80/metrics: the address has no scheme" in outcome.err
    assert SECRET not in outcome.err + outcome.out


def sparse(directory: Path) -> Finished:
    with service.running(latency_ms=5) as target:
        return runs.locust(directory, SCENARIO, *BRIEF, host=target.url).wait(gone_within_s=4)


@together(sparse, takes_s=25)
def test_what_was_not_given_is_named_by_what_needs_it(outcome: Finished) -> None:
    """A service of somebody's own, that tells nothing of a pool."""
    outcome.ended_well(code=4)
    for criterion, option in (
        ("direct_error_ratio", "--postgres"),
        ("query_time", "wait_ms and query_ms"),
        ("pool_wait_quantile", "wait_ms and query_ms"),
        ("pool_stable", "--api-urls"),
        ("leaked_connections", "--api-urls"),
        ("pool_saturation", "--api-urls"),
        ("long_transactions", "--postgres-admin"),
    ):
        found = outcome.finding(criterion)
        assert found["outcome"] == "INCONCLUSIVE" and option in found["reason"], found
    assert outcome.finding("error_ratio")["outcome"] == "PASS"


def crashed(directory: Path) -> Finished:
    """PostgreSQL is killed in mid-run, with two load processes."""
    with stacks.started(directory / "state.json", "--with-parent", "--users", "10") as stack:
        state = stack.state
        variables = {
            "SPRINGBACK_POSTGRES": state.postgres.primary,
            "SPRINGBACK_POSTGRES_ADMIN": state.postgres.admin,
            "SPRINGBACK_API_URLS": ",".join(api.url for api in state.apis),
        }
        arguments = (*BRIEF, *runs.processes(2), "--direct-every", "2")
        run = runs.locust(directory, SCENARIO, *arguments, host=state.url, variables=variables)
        run.until_phase("step-1")
        postmaster = psutil.Process(stack.process("postgres-primary").pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            process.kill()
        return run.wait(gone_within_s=4)


@together(crashed, takes_s=40)
def test_a_server_that_is_killed_is_an_outcome_in_the_recording(outcome: Finished) -> None:
    assert outcome.code in (3, 4), outcome.err[-2000:]
    assert "Traceback" not in outcome.err + outcome.out
    recording = outcome.recording
    assert recording.end is not None and recording.end.completed
    causes = {piece.outcome for piece in recording.slices if piece.name == "SQL pg_sleep"}
    assert "ok" in causes and "connection refused" in causes, causes
    known = {"ok", "connection refused", "connection reset", "server closed", "server starting"}
    assert causes <= {*known, "connection failed"}, causes  # of which psycopg2 tells no more
    assert outcome.finding("direct_error_ratio")["outcome"] == "FAIL"
    errors = {sample.error for sample in outcome.samples("postgres") if sample.error}
    assert errors <= {"connection refused", "server closed", "server starting"} and errors, errors
