"""Autoscaling on the reference target, one step of the staircase; ``python -m tests.ground_truth.scaling`` is all."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from typing import Any

import pytest

from harness.findings import Outcome
from tests.ground_truth.scaling import HEALTHY, KILLED, NEVER, SHORT, Case, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]


@pytest.mark.parametrize("case", [HEALTHY, NEVER], ids=lambda case: case.name)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """Lag, provisioning and ready replicas are those of the controller's log; what fails is what the fault breaks."""
    assert run(case, *SHORT).differences() == []


def test_a_replica_that_is_killed_is_missed_and_replaced() -> None:
    """kill -9 of the second replica as soon as there is one: seen to go, and no flapping of its controller."""

    def kill(autoscaler: str) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            replicas: list[dict[str, Any]] = json.load(urllib.request.urlopen(f"{autoscaler}/autoscaler"))["replicas"]
            if len(replicas) == 2 and replicas[1]["state"] == "ready":
                time.sleep(1.5)  # for the probe to have seen it
                os.kill(replicas[1]["pid"], signal.SIGKILL)
                return
            time.sleep(0.1)

    found = run(KILLED, *SHORT, meanwhile=kill)
    assert len(found.times("died")) == 1
    assert found.differences() == []
    errors = found.finding("scaling_errors").evidence
    assert errors["failed"] == errors["failed within 2 s of a change of the ready replicas"]
    assert found.finding("scaling_stability").outcome is Outcome.PASS
