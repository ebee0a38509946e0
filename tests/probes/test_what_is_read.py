"""What probes read of a page, and of which group: from made ones, without any process."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness import probes
from harness.probes import Reading, cgroup, pool
from tests.probes.loopback import answer, serving


def test_of_a_pool_those_metrics_are_read_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without their labels; a size that is a number is none of them."""
    asked: list[tuple[str, ...]] = []

    def page(_urls: tuple[str, ...], names: tuple[str, ...], _timeout_s: float) -> Any:
        asked.append(names)
        readings: Iterator[Reading] = iter([Reading.of("a:1", {'active{pool="main"}': 3.0, "idle": 1.0})])
        return SimpleNamespace(sample=lambda: readings)

    monkeypatch.setattr(pool, "Prometheus", page)
    (found,) = pool.Pool(urls=("http://a:1",), size="8", in_use='active{pool="main"}', waiting="idle").sample()
    assert asked == [("active", "idle")]
    assert found.values == {"in_use": 3.0, "size": 8.0, "waiting": 1.0}


@pytest.mark.parametrize(
    ("pids", "is_there", "searched"), [([7], True, 0), ([], True, 1), (None, True, 1), ([], False, 0)]
)
def test_the_group_of_a_process_is_looked_for_where_it_is_not_known_or_has_ended(
    monkeypatch: pytest.MonkeyPatch, pids: list[int] | None, is_there: bool, searched: int
) -> None:
    probe = cgroup.Cgroup(pids=(7,))
    if pids is not None:
        probe._session.groups["it"] = SimpleNamespace(pids=lambda: pids)  # type: ignore[assignment]
    found: list[int] = []
    new = SimpleNamespace(pids=lambda: [7])
    monkeypatch.setattr(cgroup.ControlGroup, "of_process", lambda pid: (found.append(pid), new)[1])
    monkeypatch.setattr(cgroup.psutil, "pid_exists", lambda _: is_there)
    monkeypatch.setattr(cgroup.Cgroup, "_read", lambda _self, source, _group: Reading.of(source, {"processes": 1.0}))
    reading = probe._of_pid("it", 7, "there is no process 7")
    assert len(found) == searched
    assert reading.error == (None if is_there else "there is no process 7")


@pytest.mark.parametrize(
    ("name", "parameters", "accept"),
    [
        ("http_json", {"url": "{}/"}, "application/json"),
        ("prometheus", {"urls": ("{}/",)}, "text/plain;version=0.0.4"),
        ("pool", {"urls": ("{}/",), "size": "8", "in_use": "a"}, "text/plain;version=0.0.4"),
        ("queue", {"url": "{}/", "length": "a"}, "text/plain;version=0.0.4, application/json;q=0.9"),
        ("haproxy", {"url": "{}/"}, "text/csv, text/plain;version=0.0.4"),
    ],
)
def test_a_page_is_asked_for_in_the_form_that_is_read(name: str, parameters: dict[str, Any], accept: str) -> None:
    """A service that has more than one gives another to who does not say."""
    asked: list[bytes] = []
    respond = answer("a 1")
    with serving(lambda connection, request: (asked.append(request), respond(connection, request))[1]) as url:
        given = {key: _filled(value, url) for key, value in parameters.items()}
        list(probes.load(name, **given).sample())
    (request,) = asked
    assert f"\r\naccept: {accept}\r\n".encode() in request.lower()


def test_a_port_whose_group_is_known_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until nobody is in it any more."""
    looked: list[int] = []
    monkeypatch.setattr(cgroup, "listeners", lambda ports: looked.extend(ports) or dict.fromkeys(ports, ()))
    monkeypatch.setattr(cgroup.Cgroup, "_read", lambda _self, source, _group: Reading.of(source, {"processes": 1.0}))
    probe = cgroup.Cgroup(ports=(80,))
    for pids, error, searched in (([7], None, []), ([], "no process of this user listens on port 80", [80])):
        probe._session.groups["cgroup of port 80"] = SimpleNamespace(pids=lambda pids=pids: pids)  # type: ignore[assignment]
        (reading,) = probe.sample()
        assert (reading.source, reading.error, looked) == ("cgroup of port 80", error, searched)


@pytest.mark.parametrize(
    ("backend", "error"),
    [
        ("", "no servers of a backend of any name"),
        ("web", "no servers of a backend web"),
    ],
)
def test_a_page_without_servers_is_said_to_have_none(backend: str, error: str) -> None:
    with serving(answer("# pxname,svname,scur,qcur,status,type\n")) as url:
        (reading,) = probes.load("haproxy", url=url, backend=backend).sample()
    assert reading.error == error


def _filled(value: Any, url: str) -> Any:
    return tuple(each.format(url) for each in value) if isinstance(value, tuple) else value.format(url)


def test_a_server_of_an_exporter_that_tells_no_sessions_has_none() -> None:
    """As one whose exporter is told to leave metrics out."""
    page = (
        'haproxy_server_status{proxy="api",server="a1",state="UP"} 1\n'
        'haproxy_server_status{proxy="api",server="a1",state="DOWN"} 0\n'
        'haproxy_server_status{proxy="api",server="a2",state="DOWN"} 1\n'
        'haproxy_server_current_sessions{proxy="api",server="a2"} 3\n'
    )
    states = {"servers_up": 1, "servers_drain": 0, "servers_down": 1, "servers_maint": 0}
    with serving(answer(page)) as url:
        assert list(probes.load("haproxy", url=url).sample()) == [Reading("api", states | {"sessions": 3, "queue": 0})]


def test_of_a_pool_what_is_missing_is_named() -> None:
    page = pool.Pool(urls=("http://a:1",), size="largest", in_use="busy", waiting="queue")
    missing = page._named(Reading.of("a:1", {"busy": 0.0}))
    assert missing == Reading.failed("a:1", "no metric largest, queue on the page", may_come=True)
    whole = page._named(Reading.of("a:1", {"busy": 0.0, "largest": 8.0, "queue": 0.0}))
    assert whole == Reading.of("a:1", {"in_use": 0.0, "size": 8.0, "waiting": 0.0})
