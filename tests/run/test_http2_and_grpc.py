"""Runs of the examples for HTTP/2 and gRPC, against Hypercorn and a server of grpcio: paced, and judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import made_in, openssl_is_here
from tests.run import runs
from tests.run.runs import Finished
from tests.run.services import counts, served
from tests.run.together import together

ROOT = Path(__file__).parents[2]
SHORT = (
    *("--baseline-s", "3", "--hold-s", "3", "--recovery-s", "2", "--base", "10", "--peak", "50", "--pool-users", "20"),
    *("--without", "recovery_time,memory_growth,memory_leak,process_restarts"),
)
CAUSES = {"": "", "UNAVAILABLE": "grpc unavailable", "slow": "grpc deadline exceeded"}
STARTS = 10 * 3 + 50 * 3 + 10 * 2


@dataclass
class Outcome:
    done: Finished
    counts: Counter[str]
    failing: str = ""
    """The cause that the calls have to fail by."""

    @property
    def causes(self) -> Counter[str]:
        found = Counter[str]()
        for piece in self.done.recording.slices:
            found[piece.outcome] += piece.count
        return found


def over_http2(directory: Path, way: str) -> Outcome:
    if not openssl_is_here():
        pytest.skip("no openssl command here to make certificates with")
    certificates = made_in(directory)
    over_tls = (certificates.certificate, certificates.key) if way == "tls" else ()
    options = ("--ca-file", certificates.ca) if way == "tls" else ("--path", "/?status=503&latency_ms=20")
    processes = runs.processes(2) if way == "tls" else ()
    with served("http2_app", *over_tls) as url:
        example = str(ROOT / "examples/http2_api.py")
        done = runs.locust(directory, example, *SHORT, *options, *processes, host=url).wait()
        return Outcome(done, counts(url, certificates.ca if way == "tls" else ""))


def over_grpc(directory: Path, fault: str) -> Outcome:
    with served("grpc_service", fault) as url:
        # A deadline that no other answer misses, whatever else the machine does, and users for those who wait for it.
        patient = ("--timeout-s", "3", "--base", "2", "--peak", "20", "--pool-users", "60")
        options = patient if fault == "slow" else ()
        example = str(ROOT / "examples/grpc_api.py")
        return Outcome(runs.locust(directory, example, *SHORT, *options, host=url).wait(), Counter(), CAUSES[fault])


@together(over_http2, takes_s=15, way=["tls"])
def test_http2_by_tls_passes_and_all_users_of_a_process_share_one_connection(outcome: Outcome) -> None:
    outcome.done.ended_well(0)
    assert outcome.causes == {"ok": STARTS}
    assert outcome.counts["connections"] == 2  # one for each load process
    assert outcome.counts["streams"] == STARTS + 20  # each user has asked once to get ready
    assert all(piece.starts == piece.count for piece in outcome.done.recording.slices), "each begins an iteration"


@together(over_http2, takes_s=15, way=["h2c"])
def test_http2_without_tls_that_answers_503_fails(outcome: Outcome) -> None:
    outcome.done.ended_well(3)
    assert outcome.causes == {"http 503": STARTS}
    assert outcome.counts["connections"] == 1


@together(over_grpc, takes_s=15, fault=[""])
def test_grpc_passes(outcome: Outcome) -> None:
    outcome.done.ended_well(0)
    assert outcome.causes == {"ok": STARTS}


@together(over_grpc, takes_s=15, fault=["UNAVAILABLE", "slow"])
def test_calls_that_fail_fail_the_run_by_their_status(outcome: Outcome) -> None:
    outcome.done.ended_well(3)
    failed = outcome.causes
    assert failed.keys() == {"ok", outcome.failing}
    assert failed[outcome.failing] == pytest.approx(failed.total() / 3, abs=1)
    assert outcome.failing in outcome.done.finding("error_ratio")["reason"]
