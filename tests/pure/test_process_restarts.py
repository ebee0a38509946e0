"""Restarts of the target's processes: found, counted, and told from what is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from harness.analysis.restarts import restarts
from harness.criteria.recovery.process_restarts import _listed
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.verdict import judge
from reports._charts.timeline import timeline
from tests.calibration.memory import RECOVERY_S
from tests.calibration.memory import recording as simulated

END_S = RECOVERY_S + 60
BY_DEFAULT = CriterionSpec("process_restarts", {"only_where_measured": True})


def flat(*starts: int, missing_s: int = 1) -> np.ndarray:
    memory_bytes = np.full(END_S, 100e6)
    for start in starts:
        memory_bytes[start - missing_s : start] = np.nan
    return memory_bytes


def run(starts: Mapping[str, Sequence[int]], faults: tuple[FaultMark, ...] = ()) -> Recording:
    return simulated({source: flat(*when) for source, when in starts.items()}, starts=dict(starts), faults=faults)


def found(recording: Recording, **parameters: float) -> Finding:
    (one,) = (
        each
        for each in judge(recording, [CriterionSpec("process_restarts", parameters)]).findings
        if each.kind == "process_restarts"
    )
    return one


@pytest.mark.parametrize("starts", [(), (5,), (31,), (60,), (90,), (40, 50, 60)])
def test_each_new_pid_is_a_restart(starts: tuple[int, ...]) -> None:
    finding = found(run({"api": starts, "api2": ()}))
    assert finding.figure == len(starts)
    assert finding.interval == (len(starts), len(starts))
    assert finding.outcome is (Outcome.FAIL if starts else Outcome.PASS)
    for number, start in enumerate(starts):
        assert f"api at {start} s (pid {100 + number}, then {101 + number})" in finding.reason


def test_both_sides_of_the_limit() -> None:
    assert found(run({"api": (40, 60)}), limit=2).outcome is Outcome.PASS
    assert found(run({"api": (40, 60)}), limit=1).outcome is Outcome.FAIL


def test_the_same_pid_created_later_is_another_process() -> None:
    whole = run({"api": (60,)})
    probes = tuple(dataclasses.replace(s, values={**s.values, "pid": 7.0}) if s.values else s for s in whole.probes)
    finding = found(dataclasses.replace(whole, probes=probes))
    assert (finding.outcome, finding.figure) == (Outcome.FAIL, 1)
    assert "pid 7 was created anew" in finding.reason


@pytest.mark.parametrize(("executed", "figure"), [((0, 1), 1), ((3, 3), 0), ((0, 2), 1)])
def test_a_process_that_executes_its_program_anew_was_restarted(executed: tuple[int, int], figure: int) -> None:
    """Its pid and create time stay."""
    whole = run({"api": ()})
    probes = tuple(
        dataclasses.replace(s, values={**s.values, "executions": float(executed[s.t > 60])}) if s.values else s
        for s in whole.probes
    )
    finding = found(dataclasses.replace(whole, probes=probes))
    assert finding.figure == figure
    assert ("pid 100 executed a program anew" in finding.reason) is (figure == 1)


def test_a_process_that_could_not_be_read_for_a_while_was_not_restarted() -> None:
    recording = simulated({"api": flat(60, missing_s=10)}, starts={})
    assert found(recording).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("fault", "detail", "is_expected"),
    [
        ("kill_process", "killed python 100", True),
        ("kill_process", "killed python 4711", False),
        ("kill_process", "killed postgres 1, postgres 2, postgres 3, postgres 4, postgres 5, 3 more", True),
        ("stop_process", "stopped python 100", True),
        ("tcp_proxy", "cut 100", False),
    ],
)
def test_a_restart_after_a_fault_of_ours_is_expected_and_said(fault: str, detail: str, is_expected: bool) -> None:
    marks = (FaultMark(58.6, fault, INJECTED, detail, 1), FaultMark(59.5, fault, UNDONE, "", 1))
    finding = found(run({"api": (60,)}, marks))
    assert finding.outcome is (Outcome.PASS if is_expected else Outcome.FAIL)
    assert (f"by our {fault} at 59 s" in finding.reason) == is_expected


def test_who_was_asked_to_end_may_take_the_time_of_the_fault_for_it() -> None:
    marks = [
        FaultMark(50.0, "kill_process", INJECTED, "asked python 100 to end", 1),
        FaultMark(62.0, "kill_process", UNDONE, "started api again", 1),
    ]
    assert found(run({"api": (63,)}, tuple(marks))).outcome is Outcome.PASS
    assert found(run({"api": (80,)}, tuple(marks))).outcome is Outcome.FAIL


def test_a_fault_long_before_excuses_nothing() -> None:
    mark = FaultMark(40.0, "kill_process", INJECTED, "killed python 100", 1)
    assert found(run({"api": (60,)}, (mark,))).outcome is Outcome.FAIL


def test_a_fault_excuses_one_restart_of_two() -> None:
    mark = FaultMark(38.5, "kill_process", INJECTED, "killed python 100", 1)
    finding = found(run({"api": (40, 60)}, (mark,)))
    assert (finding.outcome, finding.figure) == (Outcome.FAIL, 1)


def test_a_replica_that_was_taken_away_and_came_again_is_none() -> None:
    """Nobody asked for it meanwhile: there is no failed reading, and the others were sampled."""
    whole = run({"api": (), "api4": (70,)})
    probes = tuple(s for s in whole.probes if s.source != "api4" or s.t < 45 or s.t >= 70)
    assert found(dataclasses.replace(whole, probes=probes)).outcome is Outcome.PASS
    failing = tuple(ProbeSample(t + 0.1, "process", "api4", {}, "process 100 is gone") for t in range(45, 70))
    assert found(dataclasses.replace(whole, probes=(*probes, *failing))).outcome is Outcome.FAIL


def test_replicas_that_come_and_go_for_good_are_none() -> None:
    whole = run({"api": (), "api4": (), "api5": ()})
    probes = tuple(
        s for s in whole.probes if s.source == "api" or (s.source == "api4" and s.t > 40) or (s.t < 60 and s.t > 30)
    )
    assert found(dataclasses.replace(whole, probes=probes)).outcome is Outcome.PASS


def worker(name: str, start_s: int, end_s: int, pid: float) -> tuple[ProbeSample, ...]:
    values = {"rss_bytes": 5e7, "pid": pid, "create_time_s": 1e9 + pid}
    return tuple(ProbeSample(t + 0.1, "process", name, values) for t in range(start_s, end_s))


def serving(
    samples: tuple[ProbeSample, ...], cpu_ratio: float = 0.1, from_s: float = 0, until_s: float = END_S
) -> tuple[ProbeSample, ...]:
    """The same with so much CPU in that stretch, and none else."""
    return tuple(
        dataclasses.replace(s, values={**s.values, "cpu_ratio": cpu_ratio if from_s <= s.t < until_s else 0.0})
        for s in samples
    )


def test_a_worker_in_whose_place_another_came_may_be_a_restart() -> None:
    whole = run({"port-80": ()})
    two = worker("port-80/1", 0, END_S, 1)
    replaced = (*whole.probes, *two, *worker("port-80/2", 0, 50, 2), *worker("port-80/3", 52, END_S, 3))
    finding = found(dataclasses.replace(whole, probes=replaced))
    assert (finding.outcome, finding.figure, finding.interval) == (Outcome.INCONCLUSIVE, 0, (0, 1))
    assert "possibly port-80 at 52 s (port-80/2 ended, port-80/3 came)" in finding.reason


@pytest.mark.parametrize(
    ("others", "end_s", "fault", "is_missing"),
    [
        ((), 50, "", True),
        ((), 30, "", True),
        ((), 28, "", False),  # what helped it to start may end before it is tested
        ((), END_S - 2, "", False),
        ((worker("port-80/3", 40, 45, 3)), 50, "", False),  # as many as are needed, one more or less
        ((), 50, "killed python (pid 2)", False),
        ((), 50, "killed python (pid 4)", True),
    ],
)
def test_a_worker_of_a_fixed_set_that_ended_for_good_allows_no_pass(
    others: tuple[ProbeSample, ...], end_s: int, fault: str, is_missing: bool
) -> None:
    struck = (FaultMark(end_s - 1.0, "kill_process", INJECTED, fault, 1),) if fault else ()
    whole = run({"port-80": ()}, struck)
    two = (*worker("port-80/1", 0, END_S, 1), *worker("port-80/2", 0, end_s, 2))
    finding = found(dataclasses.replace(whole, probes=(*whole.probes, *serving(two), *others)))
    assert (finding.outcome is Outcome.INCONCLUSIVE) is is_missing and finding.interval == (0, is_missing)
    assert (f"port-80/2 since {end_s - 1} s ended" in finding.reason) is is_missing


@pytest.mark.parametrize(
    ("mine", "theirs", "is_missing"),
    [
        ({}, {}, True),
        ({"cpu_ratio": 0.05}, {}, True),
        ({"cpu_ratio": 0.04}, {}, False),  # it helps, and serves not
        ({"cpu_ratio": 0.0}, {}, False),  # a loader of a cache
        ({"until_s": 39.0}, {}, False),  # idle at last, so one that is no longer needed
        ({"from_s": 39.0}, {}, True),
        ({}, {"until_s": 39.0}, False),  # nobody had anything to do
        ({"cpu_ratio": 0.004}, {"cpu_ratio": 0.004}, False),  # nobody has, but for a look at the clock
    ],
)
def test_only_a_child_that_served_as_the_others_until_it_ended_is_missing(
    mine: dict[str, float], theirs: dict[str, float], is_missing: bool
) -> None:
    """nginx's cache loader, idle children that are trimmed, a connection that is given back: each ends for good."""
    whole = run({"port-80": ()})
    siblings = (*worker("port-80/1", 0, END_S, 1), *worker("port-80/2", 0, END_S, 2))
    probes = (*serving(siblings, **theirs), *serving(worker("port-80/3", 0, 50, 3), **mine))
    finding = found(dataclasses.replace(whole, probes=(*whole.probes, *probes)))
    assert finding.interval == (0, is_missing), finding.reason


def test_one_that_has_no_siblings_or_of_whose_cpu_nobody_tells_is_not_missing() -> None:
    whole = run({"port-80": ()})
    alone = serving(worker("port-80/3", 0, 50, 3))
    untold = (*worker("port-80/1", 0, END_S, 1), *worker("port-80/2", 0, 50, 2))
    for probes in (alone, untold):
        assert found(dataclasses.replace(whole, probes=(*whole.probes, *probes))).outcome is Outcome.PASS


def test_a_recording_without_phases_is_judged() -> None:
    whole = run({"port-80": ()})
    bare = dataclasses.replace(whole, header=dataclasses.replace(whole.header, phases=()))
    two = serving((*worker("port-80/1", 0, END_S, 1), *worker("port-80/2", 0, 50, 2)))
    for probes in ((), two):
        assert found(dataclasses.replace(bare, probes=(*bare.probes, *probes))).reason.startswith("none, over")


def test_a_child_that_came_in_the_course_of_the_run_and_ended_is_none_of_a_fixed_set() -> None:
    """It was the only one: who hands a port over is named so until the old process has closed it."""
    whole = run({"port-80": ()})
    probes = (*whole.probes, *worker("port-80/9", 35, 40, 9))
    assert found(dataclasses.replace(whole, probes=probes)).outcome is Outcome.PASS


def test_a_worker_that_ends_with_the_run_or_with_its_master_was_not_replaced() -> None:
    """In the last second it may not have been read yet, and who ends with its master is counted with it."""
    two = worker("port-80/1", 0, END_S, 1)
    late = (*two, *worker("port-80/2", 0, END_S - 1, 2), *worker("port-80/3", END_S - 1, END_S, 3))
    whole = run({"port-80": ()})
    assert found(dataclasses.replace(whole, probes=(*whole.probes, *late))).outcome is Outcome.PASS
    again = run({"port-80": (52,)})
    together = (*two, *worker("port-80/2", 0, 51, 2), *worker("port-80/3", 52, END_S, 3))
    finding = found(dataclasses.replace(again, probes=(*again.probes, *together)))
    assert (finding.figure, finding.interval) == (1, (1, 1))


def test_a_process_that_ended_and_stayed_so_allows_no_pass() -> None:
    whole = run({"api": (), "api2": ()})
    probes = tuple(s for s in whole.probes if s.source == "api2" or s.t < 80)
    failing = tuple(ProbeSample(t + 0.1, "process", "api", {}, "process 100 is gone") for t in range(80, END_S))
    finding = found(dataclasses.replace(whole, probes=(*probes, *failing)))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "api since 80 s ended" in finding.reason


def test_a_kill_for_want_of_memory_is_named_and_alone_allows_no_pass() -> None:
    def killed(recording: Recording, after_s: float) -> Recording:
        probes = tuple(
            dataclasses.replace(s, values={**s.values, "oom_kills": 3.0 + (s.t > after_s)}) if s.values else s
            for s in recording.probes
        )
        return dataclasses.replace(recording, probes=probes)

    finding = found(killed(run({"api": (60,)}), 59))
    assert finding.outcome is Outcome.FAIL and finding.figure == 1
    assert "pid 100, then 101, out of memory" in finding.reason
    other = found(killed(run({"api": ()}), 59))
    assert (other.outcome, other.interval) == (Outcome.INCONCLUSIVE, (0, 1))
    assert "1 killed for want of memory in the target's cgroup" in other.reason
    earlier = found(killed(run({"api": (60,)}), END_S))
    assert earlier.outcome is Outcome.FAIL and "out of memory" not in earlier.reason, "three had been before the run"
    assert found(killed(run({"api": ()}), END_S)).outcome is Outcome.PASS


def test_without_pids_there_is_no_pass_and_by_default_no_finding() -> None:
    memory_bytes = flat()
    memory_bytes[30:70] += 2e6 * np.arange(40)
    for series, words in ((flat(), "neither pid nor create time"), (memory_bytes, "memory fell from 178 to 100 MB")):
        old = simulated({"api": series})
        assert found(old).outcome is Outcome.INCONCLUSIVE
        assert words in found(old).reason
        verdict = judge(old, [CriterionSpec("error_ratio"), BY_DEFAULT])
        assert "process_restarts" not in {each.kind for each in verdict.findings}
    small = flat()
    small[30:70] += 1e6 * np.arange(40)
    assert not restarts(simulated({"api": small})), "28 % is what a collector gives back"


@pytest.mark.parametrize(("low", "is_restart"), [(1, False), (2, True), (3, True)])
def test_memory_is_of_another_process_where_two_of_three_samples_show_less(low: int, is_restart: bool) -> None:
    """One sample that is low is noise, though its neighbours before it are many."""
    memory_bytes = flat()
    memory_bytes[30:] += 100e6
    memory_bytes[60 : 60 + low] -= 100e6
    found_ = restarts(simulated({"api": memory_bytes}))
    assert [(round(each.t), each.how, each.is_certain) for each in found_] == (
        [(60, "memory fell from 200 to 100 MB", False)] if is_restart else []
    )


@pytest.mark.parametrize(("ended_s", "came_s", "told"), [(-3, -1, 0), (-2, 0, 1), (50, 52, 1)])
def test_workers_are_replaced_from_the_origin_on(ended_s: int, came_s: int, told: int) -> None:
    two = (*worker("port-80/1", -9, END_S, 1), *worker("port-80/2", -9, ended_s, 2))
    whole = run({"port-80": ()})
    probes = (*whole.probes, *two, *worker("port-80/3", came_s, END_S, 3))
    assert len(restarts(dataclasses.replace(whole, probes=probes))) == told


def test_one_process_whose_pid_is_sampled_is_enough_to_be_judged_and_not_to_pass() -> None:
    known, unknown = run({"api": (), "db": ()}), []
    for sample in known.probes:
        values = {"rss_bytes": sample.values["rss_bytes"]} if sample.source == "db" else sample.values
        unknown.append(dataclasses.replace(sample, values=values))
    both = dataclasses.replace(known, probes=tuple(unknown))
    verdict = judge(both, [CriterionSpec("error_ratio"), BY_DEFAULT])
    (restarted,) = (each for each in verdict.findings if each.kind == "process_restarts")
    assert restarted.outcome is Outcome.INCONCLUSIVE and "of db neither pid nor create time" in restarted.reason
    assert restarted.interval == (0, 1) and restarted.evidence["processes"] == "api, db"
    assert found(known).reason == "none, over 2 processes" and found(run({"api": ()})).reason == "none, over api"


def test_nothing_sampled_is_no_pass() -> None:
    nothing = dataclasses.replace(run({"api": ()}), probes=())
    assert found(nothing).outcome is Outcome.INCONCLUSIVE


def test_the_charts_mark_it() -> None:
    marks = timeline(run({"api": (60,)}), None).instants
    assert [(mark.t, mark.short, mark.text) for mark in marks] == [
        (60.1, "restart", "restart of api at 60 s (pid 100, then 101)")
    ]


def test_five_of_them_are_told_and_of_the_others_how_many() -> None:
    told = [str(number) for number in range(7)]
    assert _listed(told[:5]) == "0, 1, 2, 3, 4"  # type: ignore[arg-type]
    assert _listed(told) == "0, 1, 2, 3, 4, 2 more"  # type: ignore[arg-type]
