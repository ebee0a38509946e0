"""Starts of containers, as their probes tell them: counted, excused where a fault of ours struck, told from silence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.analysis import restarts
from harness.analysis.gone import gone
from harness.analysis.processes import processes
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.verdict import judge
from tests import recordings

END_S = recordings.healthy().header.phases[-1].end_s
ENDS = {"running": 0.0, "exit_code": 137.0, "oom_killed": 1.0}


def container(
    source: str = "api1", changes: Mapping[int, Mapping[str, float]] | None = None, probe: str = "docker_container"
) -> list[ProbeSample]:
    """Once a second; from each of the seconds on with these values. An empty mapping: it cannot be read."""
    values: Mapping[str, float] = {"create_time_s": 1e9, "restarts": 0.0, "running": 1.0}
    samples = []
    for t in range(END_S + 1):
        values = (changes or {}).get(t, values)
        runs = values.get("running", 0.0) > 0
        error = None if values else "no answer"
        memory = {"memory_working_set_bytes": 1e8} if runs else {}
        samples.append(ProbeSample(t + 0.05, probe, source, {**values, **memory}, error))
    return samples


def started(number: int) -> dict[str, float]:
    return {"create_time_s": 1e9 + 30 * number, "restarts": float(number), "running": 1.0}


def recording_of(*samples: ProbeSample, faults: tuple[FaultMark, ...] = ()) -> Recording:
    return dataclasses.replace(recordings.healthy(), probes=samples, marks=faults)


def found(recording: Recording, criterion: str = "process_restarts") -> Finding:
    findings = judge(recording, [CriterionSpec(criterion)]).findings
    (one,) = (each for each in findings if each.kind == criterion)
    return one


def struck(fault: str, detail: str, t: float = 29.5) -> tuple[FaultMark, ...]:
    return (FaultMark(t, fault, INJECTED, detail), FaultMark(t + 1, fault, UNDONE, "undone"))


def test_a_new_start_is_a_restart_and_none_is_none() -> None:
    assert found(recording_of(*container())).outcome is Outcome.PASS
    finding = found(recording_of(*container(changes={30: started(1)})))
    assert (finding.outcome, finding.figure) == (Outcome.FAIL, 1)
    assert "api1 at 30 s (started again, restarts 0, then 1)" in finding.reason


def test_several_restarts_from_one_sample_to_the_next_all_count() -> None:
    assert found(recording_of(*container(changes={30: started(3)}))).figure == 3
    assert found(recording_of(*container(changes={20: started(2), 40: started(5)}))).figure == 5


def test_one_that_ended_and_did_not_come_back_is_a_failure() -> None:
    finding = found(recording_of(*container(changes={30: ENDS})))
    assert (finding.outcome, finding.figure) == (Outcome.FAIL, 1)
    assert "1 ended and did not run again: api1 at 30 s (out of memory, exit code 137)" in finding.reason
    back = found(recording_of(*container(changes={30: ENDS, 33: started(1)})))
    assert (back.outcome, back.figure) == (Outcome.FAIL, 1)


def test_one_that_could_not_be_read_any_more_may_have_ended() -> None:
    recording = recording_of(*container(changes={30: {}}))
    assert [source for source, _ in gone(recording)] == ["api1"]
    assert found(recording).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("fault", "detail", "source", "outcome"),
    [
        ("docker_container", "restarted container api1, which is running now", "api1", Outcome.PASS),
        ("docker_container", "restarted container api1, which is running now", "api12", Outcome.FAIL),
        ("docker_container", "restarted container api-1, which is running now", "1", Outcome.FAIL),
        ("kubernetes_pod", "deleted pod shop/web-0", "shop/web-0/web", Outcome.PASS),
        ("kubernetes_pod", "deleted pod shop/web-0", "shop/web-1/web", Outcome.FAIL),
        ("noop", "api1", "api1", Outcome.FAIL),
    ],
)
def test_a_fault_of_ours_excuses_the_container_that_it_names(
    fault: str, detail: str, source: str, outcome: Outcome
) -> None:
    recording = recording_of(*container(source, {30: started(1)}), faults=struck(fault, detail))
    finding = found(recording)
    assert finding.outcome is outcome
    assert ("as was to be expected" in finding.reason) is (outcome is Outcome.PASS)
    ends = recording_of(*container(source, {30: ENDS}), faults=struck(fault, detail))
    assert found(ends).outcome is outcome


def test_long_after_the_fault_nothing_is_excused() -> None:
    faults = struck("docker_container", "restarted container api1, which is running now", t=10.0)
    assert found(recording_of(*container(changes={30: started(1)}), faults=faults)).outcome is Outcome.FAIL


def test_one_name_of_two_probes_gives_two_sources() -> None:
    both = recording_of(*container(), *container(probe="cgroup", changes={30: started(1)}))
    assert sorted(processes(both)) == ["api1 (cgroup)", "api1 (docker_container)"]
    assert found(both).figure == 1


def test_memory_criteria_judge_the_working_set() -> None:
    def growing(t: float) -> float:
        return 1e8 + (4e8 if t > END_S / 2 else 0.0)

    flat = container()
    grown = [
        dataclasses.replace(each, values={**each.values, "memory_working_set_bytes": growing(each.t)}) for each in flat
    ]
    assert found(recording_of(*flat), "memory_growth").outcome is Outcome.PASS
    finding = found(recording_of(*grown), "memory_growth")
    assert (finding.outcome, finding.figure) == (Outcome.FAIL, pytest.approx(4e8))
    only_starts = [
        dataclasses.replace(each, values={k: v for k, v in each.values.items() if "bytes" not in k}) for each in flat
    ]
    unknown = found(recording_of(*only_starts), "memory_growth")
    assert unknown.outcome is Outcome.INCONCLUSIVE
    assert "no probe read memory" in unknown.reason
    assert found(recording_of(*only_starts)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("detail", "before_s", "t", "is_excused"),
    [
        ("killed pid 7", 31.0, 31.5, True),  # who is killed is gone: up to one and a half seconds before it is missed
        ("killed pid 7", 31.51, 32.0, False),
        ("killed pid 7", 29.0, 30.0, True),
        ("killed pid 7", 29.0, 29.99, False),  # it came later
        ("asked pid 7 to end", 41.5, 42.0, True),  # for five seconds more, from its undoing at 35 s on
        ("asked pid 7 to end", 41.51, 42.0, False),
        ("killed pid 8", 29.0, 30.0, False),
    ],
)
def test_a_fault_excuses_what_it_struck_and_for_as_long_as_that_takes(
    detail: str, before_s: float, t: float, is_excused: bool
) -> None:
    marks = [
        FaultMark(30.0, "kill_process", INJECTED, detail, 1),
        FaultMark(35.0, "kill_process", UNDONE, "undone", 1),
        FaultMark(99.0, "kill_process", UNDONE, "undone", 2),
    ]
    one: Any = SimpleNamespace(source="api", pid=np.array([7.0]), is_named=False)
    assert restarts.fault_of(marks, before_s, t, one, 0) == ("kill_process at 30 s" if is_excused else "")


def test_a_worker_that_came_stands_for_one_that_ended() -> None:
    """Two ended a second after each other, and two came: each is one restart, and none counts twice."""

    def worker(source: str, from_s: float, until_s: float) -> Any:
        return SimpleNamespace(source=source, root="gunicorn", is_worker=True, t=np.array([from_s, until_s]))

    ended = worker("w1", 0, 20), worker("w2", 0, 40)
    came = worker("w3", 21, 90), worker("w4", 41, 90)
    found = list(restarts._of_workers({each.source: each for each in (*ended, *came)}, []))
    assert [each.how for each in found] == ["w1 ended, w3 came", "w2 ended, w4 came"]
    alone = list(restarts._of_workers({each.source: each for each in (*ended, came[0])}, []))
    assert [each.how for each in alone] == ["w1 ended, w3 came"]
    # Of several that came soon enough the first stands for it, and the others for those that ended then.
    ended, came = (
        (worker("w1", 0, 20), worker("w2", 0, 22), worker("w3", 21, 24)),
        (worker("w4", 23, 90), worker("w5", 24.5, 90)),
    )
    found = list(restarts._of_workers({each.source: each for each in (*ended, *came)}, []))
    assert [each.how for each in found] == ["w1 ended, w3 came", "w2 ended, w4 came", "w3 ended, w5 came"]
