"""Where a restart begins and noise ends: each threshold from both sides, on one process sampled once a second."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import pytest

from harness.analysis.gone import gone
from harness.analysis.processes import processes
from harness.analysis.restarts import Restart, oom_kills, restarts
from harness.recording import ProbeSample, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests.recordings import healthy

SECONDS = 60


def sample(t: float, source: str = "api", error: str | None = None, **values: float) -> ProbeSample:
    return ProbeSample(t, "process", source, values, error)


def run(*samples: ProbeSample, faults: tuple[FaultMark, ...] = ()) -> Recording:
    return dataclasses.replace(healthy(), probes=samples, marks=faults)


def memory(megabytes_of: Callable[[int], float], seconds: Sequence[int] = range(SECONDS)) -> list[ProbeSample]:
    """Neither pid nor create time: only memory tells."""
    return [sample(t + 0.1, rss_bytes=megabytes_of(t) * 1e6) for t in seconds]


def identified(
    until_s: int, *, pid: int = 7, then: int = 8, later_s: float = 20.0, gap_s: int = 0
) -> list[ProbeSample]:
    """Another process from ``until_s`` + ``gap_s`` on."""
    return [
        sample(t + 0.1, rss_bytes=1e8, pid=pid if t < until_s else then, create_time_s=1e9 + later_s * (t >= until_s))
        for t in range(SECONDS)
        if not until_s <= t < until_s + gap_s
    ]


@pytest.mark.parametrize(("then_mb", "found"), [(69, 1), (71, 0)])
def test_memory_that_falls_by_three_tenths_and_stays_may_be_a_new_process(then_mb: float, found: int) -> None:
    seen = restarts(run(*memory(lambda t: 100 if t < 30 else then_mb)))
    assert len(seen) == found
    for each in seen:
        assert each == Restart("api", 29.1, 30.1, "memory fell from 100 to 69 MB", False)
        assert str(each) == "api at 30 s (memory fell from 100 to 69 MB)"


@pytest.mark.parametrize(("then_mb", "found"), [(129, 1), (131, 0)])
def test_a_new_process_begins_near_to_where_the_first_one_did(then_mb: float, found: int) -> None:
    """100 MB, then 300, and back: a collector that frees something leaves more than a new process has."""
    grown = memory(lambda t: 100 if t < 10 else 300 if t < 30 else then_mb)
    assert len(restarts(run(*grown))) == found


def test_a_single_sample_that_is_low_is_noise() -> None:
    assert restarts(run(*memory(lambda t: 50 if t == 30 else 100))) == ()
    assert restarts(run(*memory(lambda t: 50 if t >= 30 and t != 31 else 100))) != ()
    # Nor is one that was high before it: 100, 100, 200, 100.
    assert restarts(run(*memory(lambda t: 200 if t == 30 else 100))) == ()


@pytest.mark.parametrize(("high_s", "found"), [((0,), 0), ((1,), 0), ((0, 1), 1), ((1, 2), 1)])
def test_a_single_sample_that_is_high_is_noise_in_the_first_seconds_too(high_s: tuple[int, ...], found: int) -> None:
    assert len(restarts(run(*memory(lambda t: 300 if t in high_s else 100)))) == found


@pytest.mark.parametrize(("reading", "is_one"), [(0.0, True), (2.0**63, True), (-1.0, False), (1e308, False)])
def test_memory_that_no_process_can_have_is_a_reading_that_failed(reading: float, is_one: bool) -> None:
    samples = [sample(0, rss_bytes=1e8), sample(1, rss_bytes=reading), sample(2, rss_bytes=1e8)]
    found = processes(run(*samples))["api"]
    assert (found.t.tolist(), found.failed_s.tolist()) == (([0, 1, 2], []) if is_one else ([0, 2], [1]))
    assert [at for _, at in gone(run(*samples[:2]))] == ([] if is_one else [1])


def test_of_two_readings_at_one_instant_there_is_one() -> None:
    """As in a recording of which a line stands twice: a slope between the two would be infinite."""
    found = processes(run(sample(0, rss_bytes=1e8), sample(1, rss_bytes=2e8), sample(1, rss_bytes=3e8)))["api"]
    assert (found.t.tolist(), found.rss_bytes.tolist()) == ([0, 1], [1e8, 2e8])


def test_the_level_of_the_beginning_is_a_median() -> None:
    """One of its first five samples is high; the others are 100, and 200 is no beginning of that."""
    assert restarts(run(*memory(lambda t: 900 if t == 2 else 300 if 10 <= t < 30 else 200 if t >= 30 else 100))) == ()


def test_two_of_the_last_three_samples_have_to_be_high() -> None:
    """A peak, and another one three samples later, of a process of 100 MB."""
    assert restarts(run(*memory(lambda t: 300 if t in (30, 33) else 100))) == ()
    assert restarts(run(*memory(lambda t: 300 if t in (30, 32) else 100))) != ()


def test_memory_that_stays_low_for_three_samples_may_be_a_new_process() -> None:
    """Two of the next three are low, whatever comes then."""
    assert len(restarts(run(*memory(lambda t: 100 if t < 10 else 60 if t in (30, 31, 32) else 100)))) == 1
    assert restarts(run(*memory(lambda t: 100 if t < 10 else 60 if t == 30 else 100))) == ()


def test_memory_that_a_known_process_gives_back_hides_no_later_restart() -> None:
    """It falls at 20 s under one pid, and another process is there from 40 s on."""
    samples = [
        sample(t + 0.1, rss_bytes=3e8 if t < 20 else 1e8, pid=7 if t < 40 else 8, create_time_s=1e9 + 20 * (t >= 40))
        for t in range(SECONDS)
    ]
    assert [each.how for each in restarts(run(*samples))] == ["pid 7, then 8"]


def test_a_pid_that_was_not_always_sampled_is_no_other_process() -> None:
    samples = [sample(t, rss_bytes=1e8, **({} if t < 30 else {"pid": 7.0})) for t in range(SECONDS)]
    assert restarts(run(*samples)) == ()


@pytest.mark.parametrize(("others", "found"), [(6, 0), (5, 1)])
def test_a_replica_was_taken_away_where_the_probe_went_on_without_it(others: int, found: int) -> None:
    """Last read at 29.1 s, and as another process at 41.1 s; another source was read at least each other second."""
    samples = identified(30, gap_s=11)
    went_on = [sample(29.6 + 11 * k / others, "db", rss_bytes=1e8) for k in range(others)]
    assert len(restarts(run(*samples, *went_on))) == found


def test_a_reading_that_failed_at_the_instant_of_another_is_not_the_end() -> None:
    assert gone(run(sample(0, rss_bytes=1e8), sample(0, error="gone"), sample(2, "db", rss_bytes=1e8))) == ()


@pytest.mark.parametrize(("later_s", "found"), [(0.9, 0), (1.1, 1), (-1.1, 1)])
def test_a_clock_that_was_set_by_less_than_a_second_makes_no_new_process(later_s: float, found: int) -> None:
    seen = restarts(run(*identified(30, then=7, later_s=later_s)))
    assert [each.how for each in seen] == ["pid 7 was created anew"] * found
    assert all(each.is_certain for each in seen)


def test_before_the_origin_nothing_was_restarted() -> None:
    early = [dataclasses.replace(each, t=each.t - 40) for each in identified(30)]
    assert restarts(run(*early)) == ()
    (found,) = restarts(run(*identified(30)))
    assert (found.before_s, found.t, found.is_certain, found.is_oom) == (29.1, 30.1, True, False)


@pytest.mark.parametrize(("gap_s", "found"), [(1, 1), (2, 1), (3, 0), (10, 0)])
def test_a_replica_that_nobody_asked_for_in_more_than_three_seconds_was_taken_away(gap_s: int, found: int) -> None:
    """From its last sample to the next one; another process was sampled all the while."""
    others = [sample(t + 0.1, "db", rss_bytes=2e8, pid=1, create_time_s=1) for t in range(SECONDS)]
    assert len(restarts(run(*identified(30, gap_s=gap_s), *others))) == found
    # Where the others were not sampled either, the probe was away, and not the process.
    assert len(restarts(run(*identified(30, gap_s=gap_s)))) == 1
    quiet = [each for each in others if not 30 <= each.t < 30 + gap_s]
    assert len(restarts(run(*identified(30, gap_s=gap_s), *quiet))) == 1


def test_a_reading_that_failed_shows_that_it_was_expected() -> None:
    others = [sample(t + 0.1, "db", rss_bytes=2e8, pid=1, create_time_s=1) for t in range(SECONDS)]
    for failed, found in (((31.1, 33.1), 1), ((34.6,), 0)):
        asked = [sample(t, error="gone") for t in failed]
        assert len(restarts(run(*identified(30, gap_s=6), *others, *asked))) == found, failed


def test_what_could_not_be_read_any_more_is_gone_since_the_first_failure() -> None:
    good = [sample(t + 0.1, rss_bytes=1e8) for t in range(40)]
    bad = [sample(t + 0.1, error="no such process") for t in (20, *range(40, SECONDS))]
    db = [sample(t + 0.1, "db", rss_bytes=1e8) for t in range(SECONDS)]
    assert gone(run(*good, *bad, *db)) == (("api", 40.1),)
    assert gone(run(*good, *bad[:1], *db)) == (), "nobody asked for it any more"
    # Asked for until 2.9 s before the end of the run; until 3.1 s before it.
    assert gone(run(*good, sample(56.2, error="x"), *db)) == (("api", 56.2),)
    assert gone(run(*good, sample(56.0, error="x"), *db)) == ()
    workers = [dataclasses.replace(each, source="api/12") for each in (*good, *bad)]
    assert gone(run(*workers, *db)) == ()
    assert gone(run()) == ()


def test_kills_for_want_of_memory_are_those_of_the_cgroup_that_has_most() -> None:
    def counted(source: str, *counts: float) -> list[ProbeSample]:
        return [sample(float(t), source, rss_bytes=1e8, oom_kills=count) for t, count in enumerate(counts)]

    assert oom_kills(run(*counted("a", 3, 4, 4, 6), *counted("b", 0, 1, 1, 1))) == 3
    assert oom_kills(run(*counted("a", 5, 6, 0, 2))) == 3, "a new cgroup counts from 0"
    assert oom_kills(run(*counted("a", 3), *memory(lambda _: 1.0))) == 0
    killed = [
        dataclasses.replace(each, values={**each.values, "oom_kills": 1.0 + (each.t > 30)}) for each in identified(30)
    ]
    (found,) = restarts(run(*killed))
    assert found.is_oom and str(found) == "api at 30 s (pid 7, then 8, out of memory)"


def test_the_least_limit_of_memory_holds() -> None:
    told = [sample(float(t), rss_bytes=1e8, memory_limit_bytes=limit) for t, limit in enumerate((0.0, 3e9, 2e9))]
    (one,) = processes(run(*told)).values()
    assert one.memory_limit_bytes == 2e9
    (other,) = processes(run(sample(1.0, rss_bytes=1e8))).values()
    assert math.isinf(other.memory_limit_bytes)
    assert (other.known_until_s, other.is_identified) == (1.0, False)
    times, values = one.between(1, 2)
    assert (times.tolist(), values.tolist()) == ([1.0], [1e8])


def fault(t: float, event: str = INJECTED, *, name: str = "stop_process", number: int = 1) -> FaultMark:
    did = "killed" if name == "kill_process" else "stopped"
    return FaultMark(t, name, event, f"{did} python 7", number)


@pytest.mark.parametrize(
    ("marks", "excused"),
    [
        ([fault(29.5)], True),
        ([fault(30.2)], False),  # after the new one was seen
        ([fault(22.7)], True),  # 29.1 less the five seconds of a supervisor, and the second and a half of sampling
        ([fault(22.5)], False),
        ([fault(15.0), fault(22.7, UNDONE)], True),  # counted from its end
        ([fault(15.0), fault(22.5, UNDONE)], False),
        ([fault(15.0), fault(28.0, UNDONE, number=2)], False),  # of another one
        ([fault(27.7, name="kill_process")], True),
        ([fault(27.5, name="kill_process")], False),
        ([fault(29.5, name="tcp_proxy"), fault(29.6)], True),
        ([fault(5.0), fault(29.6, number=2)], True),
        ([fault(29.5, UNDONE)], False),
    ],
)
def test_a_fault_excuses_what_it_can_have_brought_about(marks: list[FaultMark], excused: bool) -> None:
    """The process was last seen at 29.1 s, the next one first at 30.1 s."""
    (found,) = restarts(run(*identified(30), faults=tuple(marks)))
    assert bool(found.fault) is excused


def worker(pid: int, begin_s: int, end_s: int, root: str = "port-80") -> list[ProbeSample]:
    values = {"rss_bytes": 5e7, "pid": float(pid), "create_time_s": 1e9 + pid}
    return [sample(t + 0.1, f"{root}/{pid}", **values) for t in range(begin_s, end_s)]


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([worker(1, 0, 60), worker(2, 0, 30), worker(3, 31, 60)], 1),
        ([worker(1, 0, 60), worker(2, 0, 30), worker(3, 34, 60)], 1),  # 4.9 s later
        ([worker(1, 0, 60), worker(2, 0, 30), worker(3, 35, 60)], 0),  # 6 s later
        ([worker(1, 0, 60), worker(2, 0, 30)], 0),  # one less
        ([worker(1, 0, 60), worker(3, 31, 60)], 0),  # one more
        ([worker(1, 0, 60), worker(2, 0, 30), worker(3, 31, 60), worker(4, 31, 60)], 0),  # two for one
        ([worker(1, 0, 60), worker(2, 0, 30), worker(3, 31, 60, "port-81"), worker(4, 0, 60, "port-81")], 0),
        ([worker(1, 0, 60), worker(2, 0, 59)], 0),  # the end of the run
        ([worker(n, 0, 60) for n in (1, 9)] + [worker(2, 0, 20), worker(3, 21, 40), worker(4, 41, 60)], 2),
    ],
)
def test_a_worker_in_whose_place_another_came_may_be_a_restart(samples: list[list[ProbeSample]], found: int) -> None:
    seen = restarts(run(*(each for one in samples for each in one)))
    assert len(seen) == found
    assert not any(each.is_certain for each in seen)
    assert {each.source for each in seen} <= {"port-80"}
    if found == 1:
        assert (seen[0].before_s, seen[0].how) == (29.1, "port-80/2 ended, port-80/3 came")


def test_one_whose_restarts_were_counted_now_and_then_has_the_name_of_a_container() -> None:
    for counted, is_named in (((0, 1), True), ((0,), True), ((), False)):
        probes = [sample(t + 0.1, rss_bytes=1e8, **({"restarts": 0.0} if t in counted else {})) for t in range(3)]
        assert processes(run(*probes))["api"].is_named is is_named


@pytest.mark.parametrize(("then", "found"), [(7, 0), (8, 1), (6, 1), (9, 1)])
def test_another_pid_is_another_process_also_the_next_one(then: int, found: int) -> None:
    """Born within the second in which the clock tells no two apart."""
    assert len(restarts(run(*identified(30, then=then, later_s=0.0)))) == found
