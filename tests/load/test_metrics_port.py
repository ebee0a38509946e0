"""``--metrics-port``: for this machine, under its names, one page, and off unless it is asked for."""

from __future__ import annotations

import http.client
import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import ConfigurationError
from harness.web.metrics_port import HOST, serve
from tests.ports import free_port


def served(port: object) -> None:
    environment = cast(
        Any, SimpleNamespace(parsed_options=SimpleNamespace(metrics_port=port, runs_dir="runs"), host="")
    )
    serve(environment, cast(Any, SimpleNamespace(current_run=None, refusal=(), ending=False, runs=[])))


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_it_shows_one_page_to_this_machine() -> None:
    port = free_port()
    served(str(port))
    status, text = ask(port, "/metrics")
    assert (status, "springback_build_info" in text) == (200, True)
    assert ask(port, "/metrics", Host="localhost")[0] == 200
    assert ask(port, "/metrics", Host="evil.example")[0] == 403
    assert ask(port, "/metrics", Origin="http://evil.example")[0] == 403
    assert ask(port, "/")[0] == ask(port, "/swarm")[0] == ask(port, "/metrics/..")[0] == 404
    assert ask(port, "/metrics", "POST")[0] == 405
    with socket.socket() as probe, pytest.raises(OSError):
        probe.connect(("127.0.0.2", port))  # another address of this machine's


@pytest.mark.parametrize("port", ["", "0", 0])
def test_it_is_off_unless_it_is_asked_for(port: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.web.metrics_port.WSGIServer", lambda *_, **__: pytest.fail("it listens"))
    served(port)


@pytest.mark.parametrize("port", ["x", "-1", "70000", "80.5"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--metrics-port {port}: give a whole number"):
        served(port)


def test_a_port_that_is_taken_is_refused_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen(1)
        with pytest.raises(ConfigurationError, match="choose another port"):
            served(str(taken.getsockname()[1]))
