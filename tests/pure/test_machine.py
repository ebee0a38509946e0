"""CPU of others: what a machine's processes used, less what those of the run did in the very same time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.analysis import machine
from harness.analysis.machine import Machine, on_masters_machine
from harness.recording import ProbeSample, Recording
from tests.recordings import healthy

MASTERS = machine.source(0)


def whole(t: float, busy: float, number: int = 0, **more: float) -> ProbeSample:
    values = {"cpus": 4.0, "busy_cores": busy, "idle_cores": 4.0 - busy, "steal_cores": 0.0, **more}
    return ProbeSample(t, "machine", machine.source(number), values)


def load(t: float, cpu: float, node: str = "w", number: int = 0) -> ProbeSample:
    return ProbeSample(t, "generator", node, {"cpu_ratio": cpu, "machine": float(number)})


def services(t: float, cpu: float) -> ProbeSample:
    return ProbeSample(t, "run_cpu", "services", {"cpu_ratio": cpu})


def run(*probes: ProbeSample, target: str = "http://10.0.0.7") -> Recording:
    header = dataclasses.replace(healthy().header, target=target)
    return dataclasses.replace(healthy(), header=header, probes=probes)


def only(recording: Recording) -> Machine:
    (found,) = machine.machines(recording)
    return found


def test_each_sample_is_about_the_time_since_the_one_before() -> None:
    """The process used 0.4 of a core until 5.5 s, and 0.8 from then on: half a second of each up to 6 s."""
    of_run = [load(t + 0.5, 0.4 if t <= 5 else 0.8) for t in range(-1, 11)]
    found = only(run(*(whole(float(t), 1.0) for t in range(10)), *of_run))
    expected = [0.6] * 6 + [0.4] + [0.2] * 3
    assert found.others_cores.tolist() == pytest.approx(expected)


def test_what_all_of_the_run_used_is_taken_off() -> None:
    probes = [whole(float(t), 3.0) for t in range(5)]
    for t in range(-1, 6):
        probes += [load(t + 0.5, 0.5, "w1"), load(t + 0.25, 0.25, "w2"), services(t + 0.75, 1.0)]
    assert only(run(*probes)).others_cores.tolist() == pytest.approx([1.25] * 5)


def test_a_silence_of_the_run_is_counted_for_five_seconds_at_most() -> None:
    """A sample after 10 s without one is about the last five of them only, so it tells of so much less."""
    of_run = [load(0.0, 1.0), load(10.0, 1.0)]
    found = only(run(whole(0.0, 2.0), whole(10.0, 2.0), *of_run))
    assert found.others_cores.tolist() == pytest.approx([1.0, 1.5])


def test_a_process_that_told_no_cpu_leaves_it_unknown() -> None:
    blind = ProbeSample(1.5, "generator", "w", {"machine": 0.0})
    assert np.isnan(only(run(*(whole(float(t), 1.0) for t in range(3)), blind)).others_cores).all()


def test_each_machine_has_its_own_processes() -> None:
    probes = [whole(float(t), 2.0, number) for t in range(4) for number in (0, 1)]
    for t in range(-1, 5):
        probes += [load(t + 0.5, 0.5, "here", 0), load(t + 0.5, 1.5, "there", 1), services(t + 0.5, 0.25)]
    here, there = machine.machines(run(*probes))
    assert (here.number, there.number) == (0, 1)
    assert here.others_cores.tolist() == pytest.approx([1.25] * 4)
    assert there.others_cores.tolist() == pytest.approx([0.5] * 4)
    assert (here.cpus[0], here.busy_cores[0], here.idle_cores[0], here.steal_cores[0]) == (4, 2, 2, 0)
    assert np.isnan(here.throttled_ratio).all()


@pytest.mark.parametrize(
    ("target", "of_target", "untold"),
    [
        ("http://10.0.0.7", [], ""),
        ("http://127.0.0.1:8080", [services(0.5, 0.1)], ""),
        ("http://127.0.0.1:8080", [], "the target's own CPU was not sampled"),
        ("http://localhost", [ProbeSample(0.5, "run_cpu", "services", {}, "not allowed")], "not allowed"),
        ("http://api.localhost", [], "the target's own CPU was not sampled"),
        ("http://[::1]:80", [], "the target's own CPU was not sampled"),
        ("http://localhost.example", [], ""),
    ],
)
def test_of_a_target_beside_the_master_the_cpu_has_to_be_known(
    target: str, of_target: list[ProbeSample], untold: str
) -> None:
    found = only(run(*(whole(float(t), 1.0) for t in range(3)), load(1.5, 0.1), *of_target, target=target))
    assert found.untold == untold
    assert np.isnan(found.others_cores).all() == bool(untold)


def series(n: int) -> Machine:
    t = np.arange(n, dtype=np.float64)
    return Machine(0, t, t, t, t, t, t, t, "")


def test_means_are_over_whole_windows() -> None:
    """Of five seconds, in which five samples lie; the first is known when four seconds have gone by."""
    found = series(10).means(np.arange(10.0), 5.0)
    assert np.isnan(found[:4]).all()
    assert found[4:].tolist() == [2, 3, 4, 5, 6, 7]
    short = series(3).means(np.array([1.0, 2.0, 6.0]), 5.0)
    assert np.isnan(short[:2]).all() and short[2] == 3, "where there never are so many, the mean of all"


def test_a_part_has_the_samples_after_its_beginning_up_to_its_end() -> None:
    part = series(10).between(3, 6)
    assert part.t.tolist() == part.others_cores.tolist() == [4, 5, 6]
    assert part.number == 0


def test_a_machine_has_a_number_and_no_name() -> None:
    assert (MASTERS, machine.source(2)) == ("machine of the master", "machine 2")


@pytest.mark.parametrize(
    ("target", "is_there"),
    [
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1/x", True),
        ("http://localhost", True),
        ("http://192.0.2.1", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_what_is_reached_by_loopback_is_on_the_masters_machine(target: str, is_there: bool) -> None:
    assert on_masters_machine(target) is is_there
