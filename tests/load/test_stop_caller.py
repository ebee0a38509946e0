"""What Locust logs of who stops a run: the same words, without a look through all modules."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import pytest
from locust import User, runners
from locust.env import Environment

from harness.load.stop_caller import tell_stop_caller_at_once


@pytest.mark.parametrize("at_once", [False, True])
def test_the_one_who_stops_is_logged_as_ever(
    at_once: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    searched: list[object] = []
    getmodule = inspect.getmodule

    def search(asked: object, *more: Any) -> Any:
        searched.append(asked)
        return getmodule(asked, *more)

    monkeypatch.setattr(inspect, "getmodule", search)
    monkeypatch.setattr(runners, "inspect", inspect)
    if at_once:
        tell_stop_caller_at_once()
        tell_stop_caller_at_once()
    runner = Environment(user_classes=[type("Visitor", (User,), {})]).create_local_runner()
    with caplog.at_level(logging.DEBUG, "locust.runners"):
        runners.Runner.stop(runner)
        line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    assert f"Stopping all users (called from {__file__}:{line})" in caplog.messages
    assert bool(searched) is not at_once
