"""The circuit breaker's scenario in bad luck: its verdict says what is missing, and the upstream is healed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.commands.reference_target import options_for
from harness.recording.marks import FAILED, INJECTED, UNDONE
from target.loopback_http import ask
from tests import service
from tests.run import runs
from tests.run.runs import SIGINT, Finished, Run
from tests.run.together import together
from tests.target.stacks import Stack, started

SCENARIO = str(Path(__file__).parents[2] / "locustfiles" / "circuit_breaker.py")
# Several runs share this machine: the real limit of the fast failures is that of the ground truth. What waits for the
# upstream takes 0.5 s.
SHORT = (
    *("--baseline-s", "4", "--hold-s", "6", "--recovery-s", "5", "--without", "recovery_time"),
    *("--fast-fail-latency-limit-s", "0.3"),
)
BREAKER = ("breaker_opens", "breaker_leak_through", "fast_fail_latency", "breaker_closes", "breaker_flaps")


@dataclass
class Outcome:
    done: Finished
    active: Any = None
    """How the upstream fails after the run; None: not at all."""
    gone: str = ""
    """Host and port of the API process that was killed."""
    findings: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.findings = {finding["criterion"]: finding for finding in self.done.verdict["findings"]}

    def said(self, criterion: str) -> tuple[str, str]:
        return self.findings[criterion]["outcome"], self.findings[criterion]["reason"]


@contextmanager
def begun(directory: Path, *arguments: str, without: tuple[str, ...] = ()) -> Iterator[tuple[Run, Stack]]:
    """The scenario against a stack of its own, without some of the options that it would be given."""
    with started(directory / "state.json") as stack:
        told = json.loads((directory / "state.json").read_text())
        variables = options_for({**told, "haproxy": told["haproxy"], "autoscaler": None})
        for name in without:
            variables[f"SPRINGBACK_{name.upper()}"] = ""
        yield (
            runs.locust(directory, SCENARIO, *SHORT, *arguments, host=stack.state.url, variables=variables),
            stack,
        )


def ended(run: Run, stack: Stack, gone: str = "") -> Outcome:
    done = run.wait()
    upstream = stack.state.upstream
    try:
        active = ask("GET", upstream.url + upstream.path, upstream.token).document["active"]
    except OSError:
        active = "dead"
    return Outcome(done, active, gone)


def injected(run: Run, fault: str = "http_toggle") -> None:
    run.until(lambda: f"fault {fault} injected" in run.err, "the failure is injected")


def whole(directory: Path) -> Outcome:
    with begun(directory, "--hold-s", "10", *runs.processes(2)) as (run, stack):
        return ended(run, stack)


@together(whole, takes_s=45)
def test_a_run_over_two_load_processes_finds_the_breaker(outcome: Outcome) -> None:
    """In one process: tests/ground_truth/circuit_breaker.py."""
    done = outcome.done
    done.ended_well(code=done.verdict["exit_code"])
    assert outcome.active is None
    assert [mark.event for mark in done.recording.faults] == [INJECTED, UNDONE]
    for name in BREAKER:
        assert outcome.said(name)[0] == "PASS", outcome.said(name)


def interrupted(directory: Path) -> Outcome:
    with begun(directory, "--failure", "hang") as (run, stack):
        injected(run)
        run.until_phase("spike")
        run.send_in("spike", SIGINT)
        return ended(run, stack)


@together(interrupted, takes_s=30)
def test_a_ctrl_c_while_the_upstream_fails_heals_it(outcome: Outcome) -> None:
    outcome.done.ended_well(code=outcome.done.verdict["exit_code"])
    assert outcome.active is None
    assert [mark.event for mark in outcome.done.recording.faults] == [INJECTED, UNDONE]
    assert outcome.said("breaker_closes")[0] != "PASS"


def upstream_killed(directory: Path) -> Outcome:
    """Instead of the switch: the upstream dies, and a fault that does nothing marks when."""
    with begun(directory, "--fault", "noop at=spike for=6", without=("upstream_switch",)) as (run, stack):
        injected(run, "noop")
        os.kill(stack.process("upstream").pid, signal.SIGKILL)
        return ended(run, stack)


@together(upstream_killed, takes_s=40)
def test_an_upstream_that_dies_is_a_failure_like_any_other(outcome: Outcome) -> None:
    """Its counter died with it, so the breakers' own word counts for the opening, and nothing for the leak-through."""
    outcome.done.ended_well(code=outcome.done.verdict["exit_code"])
    assert outcome.active == "dead"
    assert outcome.said("breaker_opens")[0] == "PASS"
    assert "by its own word" in outcome.said("breaker_opens")[1]
    assert outcome.said("breaker_leak_through")[0] == "INCONCLUSIVE"
    assert outcome.said("fast_fail_latency")[0] == "PASS"
    assert outcome.said("breaker_closes")[0] != "PASS"


def api_killed(directory: Path) -> Outcome:
    with begun(directory, "--hold-s", "8") as (run, stack):
        api = stack.state.apis[1]
        injected(run)
        run.until(lambda: ask("GET", f"{api.url}/quote/breaker").document["state"] == "open", "its breaker is open")
        os.kill(api.pid, signal.SIGKILL)
        return ended(run, stack, urlsplit(api.url).netloc)


@together(api_killed, takes_s=40)
def test_an_api_process_that_dies_takes_its_breakers_closing_along(outcome: Outcome) -> None:
    """Nobody saw it close, so there is no pass, and the process is named."""
    outcome.done.ended_well(code=outcome.done.verdict["exit_code"])
    assert outcome.active is None
    told, reason = outcome.said("breaker_closes")
    assert told == "INCONCLUSIVE"
    assert outcome.gone in reason


def unprobed(directory: Path) -> Outcome:
    with begun(directory, without=("api_urls", "upstream")) as (run, stack):
        return ended(run, stack)


@together(unprobed, takes_s=40)
def test_clients_alone_are_consistent_with_a_breaker(outcome: Outcome) -> None:
    """And the option that would tell more is named."""
    outcome.done.ended_well(code=4)
    for name in ("breaker_opens", "breaker_leak_through"):
        told, reason = outcome.said(name)
        assert told == "INCONCLUSIVE"
        assert "--upstream" in reason
    assert "consistent with a breaker" in outcome.said("breaker_opens")[1]
    assert outcome.said("fast_fail_latency")[0] == outcome.said("breaker_closes")[0] == "PASS"


def refused(directory: Path) -> Outcome:
    """The switch's token is wrong."""
    with begun(directory, "--upstream-token", "wrong") as (run, stack):
        return ended(run, stack)


@together(refused, takes_s=40)
def test_a_failure_that_could_not_be_injected_is_no_pass(outcome: Outcome) -> None:
    outcome.done.ended_well(code=4)
    assert FAILED in [mark.event for mark in outcome.done.recording.faults]
    for name in BREAKER:
        told, reason = outcome.said(name)
        assert told == "INCONCLUSIVE"
        assert "401" in reason


def always_503(directory: Path) -> Outcome:
    """As the reference target answers when no upstream is configured."""
    with service.running(status=503) as target:
        arguments = (*SHORT, "--fault", "noop at=spike for=6", "--health-path", "/healthz")
        return Outcome(runs.locust(directory, SCENARIO, *arguments, host=target.url).wait())


@together(always_503)
def test_a_service_without_its_dependency_proves_nothing_about_its_breaker(outcome: Outcome) -> None:
    """What fails is the baseline's error ratio; the criteria of the breaker say why they cannot judge."""
    outcome.done.ended_well(code=3)
    assert outcome.said("error_ratio_baseline")[0] == "FAIL"
    for name in BREAKER:
        told, reason = outcome.said(name)
        assert told == "INCONCLUSIVE"
        assert "nothing to break" in reason
