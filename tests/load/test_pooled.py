"""Users of a service with a connection pool: what its answer tells becomes observations."""

from __future__ import annotations

import pytest

from harness.analysis.histogram import mean_us
from harness.load.users.pooled import PooledHttpUser
from tests.http.scripted import scripted
from tests.load.single_user import single_user
from tests.load.test_items import answer


def worked(url: str) -> dict[str, float | None]:
    """Name of what is recorded of one query of 20 ms → its mean in milliseconds."""
    user, node = single_user(PooledHttpUser, url, query_ms=20.0, work_path="/work?ms={ms}&x=1")
    user.work_on_pool()
    found = {}
    for piece in node.recorder.drain("n"):
        latency_us = mean_us(piece.latency)
        found[piece.name] = None if latency_us is None else latency_us / 1000
    return found


def test_waiting_and_holding_are_recorded_apart() -> None:
    with scripted(answer(200, b'{"wait_ms": 250, "query_ms": 120}')) as service:
        found = worked(service.url)
        (seen,) = service.seen()
    assert seen.startswith(b"GET /work?ms=20&x=1 "), "as asked, recorded under one name whatever is asked"
    assert set(found) == {"GET /work?ms={ms}&x=1", "pool wait", "pool query", "pool query beyond asked"}
    assert found["pool wait"] == pytest.approx(250, rel=1e-3)
    assert found["pool query"] == pytest.approx(120, rel=1e-3)
    assert found["pool query beyond asked"] == pytest.approx(100, rel=1e-3)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("body", [b"", b"[1]", b'{"wait_ms": 1}', b'{"wait_ms": "1", "query_ms": null}', b"\xff"])
def test_an_answer_that_does_not_tell_is_a_request_all_the_same(status: int, body: bytes) -> None:
    with scripted(answer(status, body)) as service:
        assert set(worked(service.url)) == {"GET /work?ms={ms}&x=1"}


def test_a_failure_tells_nothing() -> None:
    with scripted(answer(503, b'{"wait_ms": 250, "query_ms": 120}')) as service:
        assert set(worked(service.url)) == {"GET /work?ms={ms}&x=1"}
