"""What others take of a machine is told from what the run takes of it by itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import pytest

from harness.analysis import machine
from harness.criteria import load
from harness.findings import CLIENTS, TARGET, Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.recording.header import Phase
from tests.recordings import healthy

LIMIT = 0.3
MASTER = "machine of the master"


def shared(
    *,
    others: float = 0.0,
    of_run: float = 0.4,
    cpus: float = 2.0,
    steal: float = 0.0,
    target: str = "http://127.0.0.1:8080",
    services: Mapping[str, float] | None = None,
    error: str | None = None,
    left_out: tuple[str, ...] = (),
    **more: float,
) -> Recording:
    """Two workers and the target take ``of_run`` cores together on one machine, from the spike (30 s) on as much of the
    machine as there is left, so that it is full.
    """
    run = healthy()
    probes = [sample for sample in run.probes if sample.probe != "generator"]
    for second in range(-3, 91):
        used = cpus - others - steal if 30 <= second < 40 else of_run
        for k in (1, 2):
            figures = {"loop_lag_s": 0.0, "cpu_ratio": used / 4, "rss_bytes": 8e7, "machine": 0}
            probes.append(ProbeSample(second + 0.3 * k, "generator", f"worker-{k}", figures))
        values = {"cpu_ratio": used / 2, "processes": 3} if services is None else services
        probes.append(ProbeSample(second + 0.9, "run_cpu", "services and helpers", values, error))
        busy = used + others
        whole = {"cpus": cpus, "busy_cores": busy, "idle_cores": cpus - busy - steal, "steal_cores": steal, **more}
        kept = {key: value for key, value in whole.items() if key not in left_out}
        probes.append(ProbeSample(second + 0.3, "machine", machine.source(0), kept))
    header = dataclasses.replace(run.header, target=target)
    return dataclasses.replace(run, header=header, probes=tuple(probes))


def judged(run: Recording) -> Finding:
    return load(CriterionSpec("machine_pressure", {"limit": LIMIT})).judge(run)


def test_a_load_and_a_target_that_fill_the_machine_by_themselves_are_no_reason() -> None:
    found = judged(shared())
    assert found.outcome is Outcome.PASS
    assert found.figure is not None and found.figure < 0.1


def test_others_on_a_full_machine_void_what_clients_and_the_target_are_measured_by() -> None:
    found = judged(shared(others=1.0))
    assert (found.outcome, found.voids) == (Outcome.INCONCLUSIVE, (CLIENTS, TARGET))
    assert found.figure == pytest.approx(0.5, abs=0.1)
    assert found.reason.startswith("other processes took ") and " CPUs of the machine" in found.reason


def test_others_take_nothing_from_a_machine_that_has_enough() -> None:
    run = shared(others=3.0, cpus=8.0, of_run=1.0)
    idle = tuple(s for s in run.probes if s.probe != "machine" or not 29 <= s.t <= 41)
    assert judged(dataclasses.replace(run, probes=idle)).outcome is Outcome.PASS


def test_a_hypervisor_that_takes_cpu_is_a_reason_whoever_has_the_rest() -> None:
    assert judged(shared(steal=0.8)).reason.startswith("the hypervisor took ")


def test_what_was_taken_is_told_by_cause_and_in_figures() -> None:
    both = judged(shared(others=0.8, steal=0.2))
    assert both.reason.startswith("the hypervisor took ") and " and other processes took " in both.reason
    assert both.evidence["machine of the master, stolen by the hypervisor"] == pytest.approx(0.1, abs=0.001)
    assert both.figure == pytest.approx(0.5, abs=0.1)
    third = judged(shared(steal=0.2 / 3, throttled_ratio=0.1 / 3)).evidence
    assert (third[f"{MASTER}, stolen by the hypervisor"], third[f"{MASTER}, throttled"]) == (0.0333, 0.0333)
    assert " and " not in judged(shared(others=1.0)).reason.partition(" in the ")[0], "a share of 0 is not told"
    assert f"limit {LIMIT * 100:g} %" in both.reason


def test_the_parts_that_are_told_add_up_to_the_figure() -> None:
    found = judged(shared(others=1.2, steal=0.004))
    told = [float(part) for part in re.findall(r"([\d.]+) %(?= and| of)", found.reason)]
    assert found.figure is not None and len(told) == 2, found.reason
    assert sum(told) == pytest.approx(100 * found.figure, abs=0.1)


@pytest.mark.parametrize(("ratio", "outcome"), [(0.25, Outcome.PASS), (0.26, Outcome.INCONCLUSIVE)])
def test_a_quarter_of_the_periods_may_be_used_up(ratio: float, outcome: Outcome) -> None:
    found = judged(shared(throttled_ratio=ratio))
    assert found.outcome is outcome
    assert found.evidence["machine of the master, throttled"] == ratio


def test_what_a_machine_does_not_tell_is_said_beside_a_pass() -> None:
    told = judged(shared()).reason
    assert "the load's processes have no CPU quota on the machine that makes the load, or it cannot be read" in told
    assert "master" not in judged(shared(others=1.0)).reason, "nobody knows of one where no other machine takes part"
    assert "stolen" not in told and "what others took" not in told
    quiet = judged(shared(left_out=("steal_cores",), throttled_ratio=0.0)).reason
    assert "tells of no time stolen by a hypervisor" in quiet and "quota" not in quiet


def test_a_quota_of_cpu_that_is_used_up_is_a_reason() -> None:
    assert judged(shared(throttled_ratio=0.1)).outcome is Outcome.PASS
    found = judged(shared(throttled_ratio=0.6))
    assert (found.outcome, "quota" in found.reason) == (Outcome.INCONCLUSIVE, True)


def test_a_target_elsewhere_is_not_slowed_down_by_what_happens_here() -> None:
    assert judged(shared(others=1.5, target="http://10.0.0.7:8080")).voids == (CLIENTS,)


def test_a_target_that_nobody_sees_is_not_taken_for_somebody_else() -> None:
    """It is on this machine, and its CPU cannot be told from that of others: only the hypervisor can."""
    unseen = "nobody whom this user may see listens on port 8080"
    found = judged(shared(others=1.5, services={}, error=unseen))
    assert (found.outcome, unseen in found.reason) == (Outcome.PASS, True)
    assert judged(shared(others=1.5, steal=0.7, services={}, error=unseen)).outcome is Outcome.INCONCLUSIVE


def test_what_cannot_be_read_is_said_and_fails_nothing() -> None:
    found = judged(shared(others=1.5, left_out=("busy_cores", "idle_cores", "steal_cores")))
    assert (found.outcome, found.figure) == (Outcome.PASS, None)
    assert "was not read" in found.reason


def test_a_machine_that_nobody_sampled_proves_nothing() -> None:
    assert judged(healthy()).outcome is Outcome.INCONCLUSIVE


def test_each_machine_is_judged_by_its_own_load() -> None:
    """The second machine is full, and its only worker takes a quarter of it."""
    run = shared()
    far = []
    for sample in run.probes:
        if sample.source == "worker-2":
            far.append(dataclasses.replace(sample, values={**sample.values, "machine": 1, "cpu_ratio": 0.5}))
        elif sample.probe == "machine":
            far.append(sample)
            full = {"cpus": 2.0, "busy_cores": 2.0, "idle_cores": 0.0, "steal_cores": 0.0}
            far.append(ProbeSample(sample.t, "machine", machine.source(1), full))
        else:
            far.append(sample)
    found = judged(dataclasses.replace(run, probes=tuple(far)))
    assert (found.outcome, found.voids) == (Outcome.INCONCLUSIVE, (CLIENTS,))
    assert machine.source(1) in found.reason
    assert found.figure == pytest.approx(0.75, abs=0.05)


def test_a_machine_that_tells_of_stolen_time_now_and_then_tells_of_it() -> None:
    run = shared()
    probes = (
        dataclasses.replace(each, values={key: value for key, value in each.values.items() if key != "steal_cores"})
        if each.probe == "machine" and 50 <= each.t < 60
        else each
        for each in run.probes
    )
    assert "stolen by a hypervisor" not in judged(dataclasses.replace(run, probes=tuple(probes))).reason
    assert "tells of no time stolen by a hypervisor" in judged(shared(left_out=("steal_cores",))).reason


def test_what_was_full_in_the_spike_alone_counts() -> None:
    """From 30 to 40 s, before the recovery begins."""
    run = shared(others=1.0)
    phases = (Phase("baseline", 0, 30), Phase("spike", 30, 42), Phase("recovery", 42, 91))
    found = judged(dataclasses.replace(run, header=dataclasses.replace(run.header, phases=phases)))
    assert found.outcome is Outcome.INCONCLUSIVE and found.voids == (CLIENTS, TARGET)


def test_a_run_that_seems_to_use_more_than_was_busy_gives_nothing_back_to_the_hypervisor() -> None:
    """Processes are sampled at other instants than the machine: of its two CPUs 0.4 too much are the run's, so that
    others have -20 % of it, and the 32 % that were stolen are all that there is to tell.
    """
    run = shared(steal=0.64)
    probes = (
        dataclasses.replace(each, values={**each.values, "busy_cores": each.values["busy_cores"] - 0.4})
        if each.probe == "machine"
        else each
        for each in run.probes
    )
    found = judged(dataclasses.replace(run, probes=tuple(probes)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.figure == pytest.approx(0.32)
    assert found.evidence[f"{MASTER}, taken by other processes"] == 0


@pytest.mark.parametrize(("idle", "outcome"), [(0.21, Outcome.PASS), (0.19, Outcome.INCONCLUSIVE)])
def test_a_machine_is_full_with_less_than_a_tenth_of_it_idle_in_one_second_of_five(
    idle: float, outcome: Outcome
) -> None:
    """Others have 0.8 of its two CPUs all the time, and only in second 50 there may be no more to be had."""
    run = shared(others=0.8)
    probes = []
    for each in run.probes:
        values = {**each.values, "idle_cores": idle if int(each.t) == 50 else 0.6}
        probes.append(dataclasses.replace(each, values=values) if each.probe == "machine" else each)
    found = judged(dataclasses.replace(run, probes=tuple(probes)))
    assert found.outcome is outcome
    assert found.figure == pytest.approx(0.4 if outcome is Outcome.INCONCLUSIVE else 0.0, abs=0.01)
