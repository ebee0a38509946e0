"""Cache coherence on the reference target: over two workers, with wrong options, and with a Valkey that dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.commands.reference_target import options_for, reference_target
from tests.run import runs
from tests.run.runs import Finished, Run
from tests.run.together import beside, together

SCENARIO = str(Path(__file__).parents[2] / "locustfiles" / "cache_coherence.py")
SHORT = ("--baseline-s", "3", "--hold-s", "3", "--recovery-s", "2", "--pool-users", "60", "--outage-s", "0")


def begun(target: Sequence[Any], directory: Path, *arguments: str, **variables: str) -> Run:
    address, state = target
    every = {**options_for(address), **variables}
    given = ("--target-state", str(state), *SHORT, *arguments)
    return runs.locust(directory, SCENARIO, *given, host=address["url"], variables=every)


@dataclass
class Outcome:
    """Of runs on one target, one after the other."""

    over_two_workers: Finished
    without_password: Finished
    without_time: Finished


def on_one_target(directory: Path) -> Outcome:
    with reference_target({"TARGET_ITEMS_TTL_S": "2", "TARGET_ITEMS_LOAD_MS": "100"}) as (*up, _):
        address = up[0]["valkey"]
        wrong = address.replace(address.split("@")[0], "redis://:open-sesame")
        return Outcome(
            begun(up, directory, *runs.processes(2)).wait(gone_within_s=4),
            begun(up, directory / "wrong", "--keys", "0", SPRINGBACK_VALKEY=wrong).wait(gone_within_s=4),
            begun(up, directory / "soon", "--outage-s", "soon").wait(gone_within_s=4),
        )


@together(on_one_target, takes_s=35)
def test_two_workers_keep_one_history(outcome: Outcome) -> None:
    """Operations of both are judged together, and nothing of a healthy service is called wrong."""
    done = outcome.over_two_workers
    done.ended_well(done.code)
    failed = [finding for finding in done.verdict["findings"] if finding["outcome"] == "FAIL"]
    assert not failed
    assert {batch.node for batch in done.recording.operations} == {"worker-1", "worker-2"}, done.err[-3000:]
    stale = done.finding("stale_reads")
    assert stale["outcome"] == "PASS"
    assert 0 < stale["evidence"]["order known between nodes from (ms)"] < 100
    shared = {}
    for batch in done.recording.operations:
        for operation in batch.operations:
            shared.setdefault(operation.key, set()).add(batch.node)
    assert any(len(nodes) == 2 for nodes in shared.values())


@together(on_one_target, takes_s=35)
def test_what_is_wrong_is_said_at_once_and_before_any_load(outcome: Outcome) -> None:
    """A wrong password and no item; then a time that is none. Without a run, and without the password."""
    done = outcome.without_password
    done.ended_well(code=2)
    assert not done.directories
    for message in ("the password is missing or wrong", "--keys 0: give a whole number of 1 or more"):
        assert message in done.err, done.err
    assert "open-sesame" not in done.err + done.out
    done = outcome.without_time
    done.ended_well(code=2)
    assert "--outage-s soon: give a number of 0 or more" in done.err


@beside
def test_a_valkey_that_dies_is_an_outcome_and_no_end(tmp_path: Path) -> None:
    """The service reads on without it, and is not accused; who works on Valkey itself is told by its own requests."""
    with reference_target({"TARGET_ITEMS_TTL_S": "2"}) as (*up, _):
        run = begun(up, tmp_path)
        run.until_phase("spike")
        (pid,) = [process["pid"] for process in up[0]["processes"] if process["role"] == "valkey"]
        psutil.Process(pid).kill()
        done = run.wait(gone_within_s=4)
    done.ended_well(done.code)
    assert done.code in (0, 3, 4)
    assert done.recording.end is not None and done.recording.end.completed
    outcomes = {(piece.name, piece.outcome) for piece in done.recording.slices}
    assert ("VALKEY SET key", "connection refused") in outcomes
    late = [
        operation for batch in done.recording.operations for operation in batch.operations if operation.invoke_s > 5
    ]
    assert any(operation.cache == "bypass" and operation.return_s is not None for operation in late)
    for name in ("stale_reads", "monotonic_reads", "read_your_writes", "linearizability"):
        assert done.finding(name)["outcome"] == "PASS"
    assert done.finding("fail_open")["outcome"] == "INCONCLUSIVE"
