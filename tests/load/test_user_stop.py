"""Users that are stopped."""

from __future__ import annotations

import time

import gevent
import pytest
from locust import User, constant, task
from locust.env import Environment

from harness.load import user_stop
from harness.load.user_stop import bound_on_stop


@pytest.mark.parametrize(("waits", "stop_timeout_s"), [(True, 0.2), (False, 0.2), (True, 0.0)])
def test_an_on_stop_that_hangs_is_ended_when_the_time_for_stopping_is_over(
    waits: bool, stop_timeout_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Locust itself waits for it without a bound, as long as it takes."""
    bound_on_stop()
    monkeypatch.setattr(user_stop, "ON_STOP_S", 0.3)
    done: list[str] = []

    class Hanging(User):
        wait_time = constant(60)

        @task
        def work(self) -> None:
            if not waits:
                gevent.sleep(60)

        def on_stop(self) -> None:
            done.append("begun")
            gevent.sleep(10)
            done.append("ended")

    environment = Environment(user_classes=[Hanging], stop_timeout=stop_timeout_s)
    runner = environment.create_local_runner()
    runner.start(2, spawn_rate=2)
    with gevent.Timeout(5):
        while runner.user_count < 2:
            gevent.sleep(0.01)
    began_s = time.monotonic()
    with gevent.Timeout(5):
        runner.stop()
    assert time.monotonic() - began_s < 3
    assert done == ["begun"] * 2 and not runner.user_count
    assert capsys.readouterr().err.count("Hanging.on_stop had not come to its end after 0.3 s, and was ended") == 1
    runner.quit()


@pytest.mark.parametrize(("usual_s", "own_s"), [(5.0, None), (0.01, 5.0)])
def test_what_on_stop_does_in_time_is_done(
    usual_s: float, own_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound_on_stop()
    monkeypatch.setattr(user_stop, "ON_STOP_S", usual_s)
    done: list[str] = []

    class Leaving(User):
        wait_time = constant(60)

        @task
        def work(self) -> None: ...

        def on_stop(self) -> None:
            gevent.sleep(0.1)
            done.append("ended")

    if own_s is not None:
        Leaving.on_stop_s = own_s  # type: ignore[attr-defined]
    environment = Environment(user_classes=[Leaving], stop_timeout=0.01)
    runner = environment.create_local_runner()
    runner.start(1, spawn_rate=1)
    with gevent.Timeout(5):
        while not runner.user_count:
            gevent.sleep(0.01)
        gevent.sleep(0.05)
        runner.stop()
    assert done == ["ended"]
    runner.quit()
