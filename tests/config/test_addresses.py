"""Every address that a run is given is tried before any load, and what is wrong with it said in one line."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import faults, probes
from harness.config import addresses
from harness.config.scenario import Scenario
from harness.faults import ScheduledFault
from harness.plugins import parameter, parameters_of
from harness.probes import Probe, Reading
from tests import service
from tests.ports import free_port
from tests.probes import loopback

SECRET = "s3cret"


class Options:
    api_urls: tuple[str, ...] = parameter((), "where")
    postgres: str = parameter("", "database", secret=True)
    postgres_admin: str = parameter("", "database, with another role", secret=True)
    haproxy_socket: str = parameter("", "socket")


def problems(tried: list[Probe] | None = None, fault: Any = None, wait_s: float = 0.0, **given: Any) -> list[str]:
    values = {each.name: each.default for each in parameters_of(Options)} | {"allow_host": ()} | given
    scheduled = [ScheduledFault.of(1, fault, 1, 2)] if fault is not None else []
    return addresses.problems(
        Scenario("one", checks=lambda _: given.get("checked", ())),
        SimpleNamespace(**values),
        tried or [],
        scheduled,
        declared=parameters_of(Options),
        wait_s=wait_s,
    )


def test_no_address_is_no_problem() -> None:
    assert problems() == []


def metrics(url: str) -> list[Probe]:
    return [probes.load("prometheus", urls=(f"{url}/metrics",))]


def test_a_page_where_nothing_listens_is_said_by_the_option_that_named_it() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    place = url.removeprefix("http://")
    assert problems(metrics(url), api_urls=(url,)) == [
        f"--api-urls {place}: nothing listens there; start it, or correct the address"
    ]
    assert problems(metrics(url))[0].startswith(f"Probe prometheus {place}: nothing listens")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "HTTP 404 Not Found; there is no such page; correct the path"),
        (401, "write user and password into the address"),
        (500, "it answers with an error of its own"),
        (200, "that is no metrics page; correct the path"),
    ],
)
def test_a_page_that_is_none_is_said_with_what_to_do(status: int, words: str) -> None:
    with service.running(status=status) as site:
        (line,) = problems(metrics(site.url), api_urls=(site.url,))
        assert words in line


def test_two_addresses_of_one_server_are_told_apart_and_no_secret_is_shown() -> None:
    """Each by the option that named it, though host, port and database are the same."""
    place = f"127.0.0.1:{free_port()}/db"
    dsns = {"postgres": f"postgresql://me:{SECRET}@{place}", "postgres_admin": f"postgresql://root:{SECRET}@{place}"}
    for name, dsn in dsns.items():
        (line,) = problems([probes.load("postgres", dsn=dsn)], **dsns)
        assert line == f"--{name.replace('_', '-')} {place}: nothing listens there; start it, or correct the address"


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere.sock", "there is no such socket"), ("file", "is no socket; name the one of")]
)
def test_a_socket_that_is_none_is_said(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / name)
    (line,) = problems([probes.load("haproxy", socket_path=path, backend="api")], haproxy_socket=path)
    assert line.startswith(f"--haproxy-socket {path}: ") and words in line


@pytest.mark.parametrize("port", [0, 1])
def test_a_fault_that_has_nothing_to_disturb_is_said(port: int) -> None:
    free = free_port()
    fault = (
        faults.load("stop_process", port=free) if port else faults.load("http_toggle", url=f"http://127.0.0.1:{free}/x")
    )
    (line,) = problems(fault=fault)
    assert line.startswith("Fault ") and str(free) in line and "start it, or correct the" in line


def test_a_port_on_which_a_fault_could_not_listen_is_said() -> None:
    with service.running() as target:
        port = int(target.url.rpartition(":")[2])
        fault = faults.load("tcp_proxy", listen=port, to=f"127.0.0.1:{port}", latency_ms=1)
        (line,) = problems(fault=fault)
        assert line == (
            f"Fault tcp_proxy: port {port} cannot be listened on (Address already in use); choose another, or 0 for any"
        )
        for free in (free_port(), 0):
            assert problems(fault=faults.load("tcp_proxy", listen=free, to=f"127.0.0.1:{port}", latency_ms=1)) == []


def test_a_foreign_address_of_a_fault_is_not_tried() -> None:
    """It is refused for what it is, elsewhere."""
    assert problems(fault=faults.load("http_toggle", url="http://192.0.2.1/x")) == []


def test_all_of_them_are_said_at_once_with_the_scenarios_own() -> None:
    away = f"http://127.0.0.1:{free_port()}"
    toggle = faults.load("http_toggle", url=f"{away}/fail")
    assert len(problems(metrics(away), fault=toggle, checked=["the moon is wrong"])) == 3


def test_what_may_still_appear_is_no_mistake() -> None:
    """A counter of what has not happened yet is not on the page."""
    with loopback.serving(loopback.answer("# HELP a b\na 1\n")) as url:
        probe = probes.load("prometheus", urls=(f"{url}/metrics",), metrics=("requests_failed_total",))
        assert problems([probe]) == []


@dataclass(frozen=True)
class Defective(Probe):
    def sample(self) -> Iterable[Reading]:
        raise KeyError("what it forgot")


def test_a_defect_of_somebodys_own_probe_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "from_data", lambda _: Defective())
    (line,) = problems([Defective()])
    assert "because of a defect: KeyError: 'what it forgot' (test_addresses.py, line " in line


@pytest.fixture
def late() -> Iterator[int]:
    """A port on which a server listens half a second from now."""
    port = free_port()
    program = f"""import http.server, time
time.sleep(0.5)
http.server.HTTPServer(("127.0.0.1", {port}), http.server.BaseHTTPRequestHandler).serve_forever()"""
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    yield port
    process.kill()
    process.wait()


def test_what_is_still_starting_is_waited_for(late: int) -> None:
    fault = faults.load("http_toggle", url=f"http://127.0.0.1:{late}/x")
    assert problems(fault=fault, wait_s=20) == []
    with socket.create_connection(("127.0.0.1", late)):
        pass
