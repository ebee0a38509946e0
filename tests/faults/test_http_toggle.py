"""A fault of the target is switched over HTTP, and its token is told to nobody else."""

from __future__ import annotations

import pytest

from harness.faults import FaultError
from harness.faults.http_toggle import HttpToggle
from tests.faults.victims import server
from tests.ports import free_port
from tests.probes.loopback import answer, hanging, serving


def test_put_injects_and_delete_undoes() -> None:
    with server() as target:
        fault = HttpToggle(url=target.url, token="hush", body='{"failure": "errors"}', label="errors")
        assert "PUT" in fault.inject() and "(errors): HTTP 200" in fault.inject()
        assert "DELETE" in fault.undo()
        assert target.marks[1:] == [["PUT", "/switch", '{"failure": "errors"}'], ["DELETE", "/switch", ""]]


def test_other_methods_addresses_and_bodies() -> None:
    with server() as target:
        fault = HttpToggle(
            url=f"{target.url}?on",
            method="POST",
            token="hush",
            undo_method="POST",
            undo_url=f"{target.url}?off",
            undo_body="{}",
        )
        fault.inject()
        fault.undo()
        assert target.marks == [["POST", "/switch?on", ""], ["POST", "/switch?off", "{}"]]


def test_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as target:
        fault = HttpToggle(url=target.url, token_env="A_TOKEN")
        with pytest.raises(FaultError, match="the environment variable A_TOKEN is empty"):
            fault.inject()
        monkeypatch.setenv("A_TOKEN", "hush")
        fault.inject()
        assert len(target.marks) == 1


def test_a_refusal_is_a_failure_that_tells_no_secret() -> None:
    with server() as target:
        with pytest.raises(FaultError) as caught:
            HttpToggle(url=f"{target.url}?key=hush2", token="hush3", body='"hush4"').inject()
        assert "HTTP 401" in str(caught.value)
        assert "hush" not in str(caught.value)


def test_nothing_to_delete_is_undone() -> None:
    with serving(answer("", status="404 Not Found")) as url:
        assert "404" in HttpToggle(url=f"{url}/x").undo()
        with pytest.raises(FaultError, match="404"):
            HttpToggle(url=f"{url}/x").inject()


def test_nothing_there_is_a_failure_where_it_may_be_a_slip_in_the_url() -> None:
    with serving(answer("", status="410 Gone")) as url:
        with pytest.raises(FaultError, match="410"):
            HttpToggle(url=f"{url}/x", undo_url=f"{url}/y").undo()
        with pytest.raises(FaultError, match="410"):
            HttpToggle(url=f"{url}/x", method="DELETE").inject()
        with pytest.raises(FaultError, match="410"):
            HttpToggle(url=f"{url}/x", undo_method="PUT").undo()
        assert "410" in HttpToggle(url=f"{url}/x", undo_url=f"{url}/x").undo()


def test_a_target_that_is_away_or_hangs_is_a_failure_in_time() -> None:
    with pytest.raises(FaultError, match="refused"):
        HttpToggle(url=f"http://127.0.0.1:{free_port()}/x").inject()
    with hanging() as url, pytest.raises(FaultError, match="no whole answer"):
        HttpToggle(url=f"{url}/x", timeout_s=0.3).undo()
