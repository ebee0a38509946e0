"""What a process has gained from one start to the next, to the byte: constant memory, sampled once a second."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness import criteria
from harness.analysis.processes import processes
from harness.analysis.restarts import Restart, stretches
from harness.criteria.recovery import _leak_search, _memory
from harness.criteria.recovery._leak import Growth as Leak
from harness.criteria.recovery._memory import MemoryGain, growth
from harness.findings import Outcome
from harness.recording import ProbeSample, Slice
from harness.recording.header import CriterionSpec, Phase
from tests.recordings import healthy

RUN = healthy()
BASELINE, RECOVERY = Phase("baseline", 0, 30), Phase("recovery", 31, 91)
"""Of whose 60 s the last six are compared."""
MB = 1e6


def process(
    source: str, megabytes: Callable[[int], float], seconds: Iterable[int] = range(91), starts: Sequence[int] = ()
) -> list[ProbeSample]:
    """``starts``: from when on it is another process; without any its pid is not told."""
    made = []
    for t in seconds:
        values = {"rss_bytes": megabytes(t) * MB}
        if starts:
            number = sum(t >= start for start in starts)
            values |= {"pid": 100.0 + number, "create_time_s": 1e9 + 50 * number}
        made.append(ProbeSample(float(t), "process", source, values))
    return made


def always(megabytes: float) -> Callable[[int], float]:
    return lambda _: megabytes


def measured(*processes: list[ProbeSample]) -> MemoryGain:
    probes = tuple(sample for one in processes for sample in one)
    return growth(replace(RUN, probes=probes), BASELINE, RECOVERY)


def figures(found: MemoryGain) -> tuple[float, float, float, float, float]:
    """Growth, its interval, the baseline and the end, in megabytes."""
    assert found.growth_bytes is not None and found.interval_bytes is not None
    assert found.baseline_bytes is not None and found.end_bytes is not None
    low, high = found.interval_bytes
    return tuple(round(each / MB, 6) for each in (found.growth_bytes, low, high, found.baseline_bytes, found.end_bytes))  # type: ignore[return-value]


def steady(t: int) -> float:
    """10 MB more from 60 s on."""
    return 200 + 10 * (t >= 60)


def restarted(t: int) -> float:
    """From 100 to 150 MB by 45 s; again at 50 s with 120, and 140 from 60 s on."""
    return 100 if t < 40 else 150 if t < 50 else 120 if t < 60 else 140


def test_a_process_that_goes_on_has_gained_what_it_has_more() -> None:
    assert figures(measured(process("api", steady))) == (10, 10, 10, 200, 210)


def test_a_start_after_which_nothing_was_read_until_the_next_has_no_stretch() -> None:
    seen = [each for each in process("api", lambda _: 100) if not 45 <= each.t < 55]
    (one,) = processes(replace(RUN, probes=tuple(seen))).values()
    anew = [Restart("api", at_s - 1, at_s, "pid 1, then 2", True) for at_s in (20.0, 45.0, 55.0, 91.0)]
    found = [(float(t[0]) // 1, float(t[-1]) // 1) for t, _ in stretches(one, anew, 20, 91)]
    assert found == [(20, 44), (55, 90)]


def test_stretches_are_added_up() -> None:
    """50 MB before the restart; after it 20 MB more than it began with, and that is more than the baseline."""
    found = measured(process("api", restarted, starts=(50,)))
    assert figures(found) == (70, 70, 70, 100, 140)
    assert [each.t for each in found.restarts] == [50] and found.processes == ("api",)
    both = measured(process("api", restarted, starts=(50,)), process("db", steady))
    assert figures(both) == (80, 80, 80, 300, 350)


def test_what_a_new_process_takes_to_warm_up_is_in_the_upper_end_only() -> None:
    """It begins with 60 MB, and the baseline is 100: 40 of its 80 MB are no proven growth."""
    found = measured(process("api", lambda t: 100 if t < 50 else 60 if t < 60 else 140, starts=(50,)))
    assert figures(found) == (40, 40, 80, 100, 140)


@pytest.mark.parametrize(
    ("limit_mb", "outcome", "settled"),
    [
        (39.9, Outcome.FAIL, ""),
        (40, Outcome.INCONCLUSIVE, "; 40.0 MB to 80.0 MB are possible, a run without a restart would tell"),
        (79.9, Outcome.INCONCLUSIVE, "; 40.0 MB to 80.0 MB are possible, a run without a restart would tell"),
        (80, Outcome.PASS, ""),
    ],
)
def test_the_criterion_says_what_is_possible_and_what_would_tell(
    limit_mb: float, outcome: Outcome, settled: str
) -> None:
    """40 to 80 MB more than the 100 before, in one process that was restarted at 50 s."""
    probes = process("api", lambda t: 100 if t < 50 else 60 if t < 60 else 140, starts=(50,))
    criterion = criteria.load(CriterionSpec("memory_growth", {"limit_bytes": limit_mb * MB, "limit_ratio": 0.25}))
    found = criterion.judge(replace(RUN, probes=tuple(probes)))
    told = (
        "40.0 MB more than the 100.0 MB before, over api, growth before and after restarts added up: api at 50 s "
        f"(pid 100, then 101), limit {limit_mb:.1f} MB{settled}"
    )
    assert (found.outcome, found.reason, found.limit) == (outcome, told, limit_mb * MB)
    assert found.evidence["restarts"] == 1 and found.evidence["end (bytes)"] == 140 * MB
    quarter = criteria.load(CriterionSpec("memory_growth", {"limit_bytes": 1.0, "limit_ratio": 0.8}))
    assert quarter.judge(replace(RUN, probes=tuple(probes))).limit == 80 * MB
    swaying = tuple(process("api", lambda t: 200 + 10 * (t % 2)))
    none = criteria.load(CriterionSpec("memory_growth", {"limit_bytes": 1.0, "limit_ratio": 0.0}))
    unclear = none.judge(replace(RUN, probes=swaying))
    assert unclear.reason.startswith("0.0 MB more than the 205.0 MB before, over api, limit 0.0 MB; ")
    assert unclear.reason.endswith(" are possible, a longer recovery would tell")


def test_what_was_given_back_is_no_gain_of_another_stretch() -> None:
    """100 MB, then 80, and after a restart 60: nothing was gained, to the byte."""
    found = measured(process("api", lambda t: 100 if t < 40 else 80 if t < 50 else 60, starts=(50,)))
    assert figures(found) == (0, 0, 0, 100, 60)
    assert figures(measured(process("api", steady), process("old", lambda t: 100 - t, range(60))))[:3] == (10, 10, 10)


def test_what_a_process_might_have_given_back_before_it_ended_is_in_the_upper_end_only() -> None:
    """It had grown by 50 MB in the spike; in the recovery it gained nothing, and began afresh at 70 s."""
    found = measured(process("api", lambda t: 100 if t < 30 or t >= 70 else 150, starts=(70,)))
    assert figures(found) == (0, 0, 50, 100, 100)


@pytest.mark.parametrize(("ends", "low"), [(37, 30), (36, 0)])
def test_six_samples_of_a_stretch_in_the_recovery_show_a_gain(ends: int, low: int) -> None:
    """From 31 s on, 100 MB for three seconds and then 130, until another process comes."""
    found = measured(process("api", lambda t: 130 if 34 <= t < ends else 100, starts=(ends,)))
    assert figures(found)[1] == low


def test_a_restart_that_is_only_possible_leaves_open_what_would_be_without_it() -> None:
    """Without pids: 70 MB in two stretches, or the 40 that it has more now."""
    found = measured(process("api", restarted))
    assert not found.restarts, "a fall by a fifth is none"
    grown = measured(process("api", lambda t: 100 if t < 40 else 250 if t < 50 else 120))
    assert [each.is_certain for each in grown.restarts] == [False]
    assert figures(grown) == (150, 20, 150, 100, 120)


def test_one_certain_restart_does_not_make_another_certain() -> None:
    def memory(t: int) -> float:
        return 100 if t < 35 else 250 if t < 45 else 100 if t < 60 else 120

    samples = process("api", memory, starts=(70,))
    # Up to 50 s nothing told which process it was.
    mixed = [replace(s, values={"rss_bytes": s.values["rss_bytes"]}) if s.t < 50 else s for s in samples]
    found = measured(mixed)
    assert [each.is_certain for each in found.restarts] == [False, True]
    assert figures(found)[1:3] == (20, 170), "as if there had been none, and of three stretches"


@pytest.mark.parametrize(("last_s", "is_known"), [(35, False), (36, True)])
def test_the_recovery_has_to_be_sampled_for_as_long_as_is_compared(last_s: int, is_known: bool) -> None:
    """A tenth of it is six seconds: from 31 to 37 s."""
    found = measured(process("api", steady, range(last_s + 1)))
    assert (found.growth_bytes is not None) is is_known
    assert is_known or found.reason == "fewer than 5 s of the recovery were sampled"


def test_who_was_sampled_in_half_of_the_seconds_was_there() -> None:
    half = [t for t in range(91) if t % 2 == 0]
    fewer = [t for t in range(91) if t % 3 == 0]
    found = measured(process("api", steady), process("db", steady, half), process("cache", steady, fewer))
    assert (found.processes, found.came, found.went) == (("api", "db"), (), ())
    came = measured(process("api", steady), process("new", steady, range(50, 91)))
    assert (came.came, figures(came)[0]) == (("new",), 10)
    nobody = measured(process("new", steady, range(50, 91)))
    assert (nobody.growth_bytes, nobody.came) == (None, ("new",))
    assert nobody.reason == "no process was sampled both in the baseline and at the end"


def test_children_that_came_and_stay_may_have_been_forgotten_and_replicas_were_added() -> None:
    def judged(*added: list[ProbeSample]) -> tuple[Outcome, str]:
        probes = tuple(sample for one in (process("api", steady), *added) for sample in one)
        found = criteria.load(CriterionSpec("memory_growth")).judge(replace(RUN, probes=probes))
        return found.outcome, found.reason

    def own(uss_megabytes: float, each: list[ProbeSample]) -> list[ProbeSample]:
        """Told when it was first seen, and every ten seconds."""
        told = {int(each[0].t): {"uss_bytes": 0.0}, 80: {"uss_bytes": uss_megabytes * MB}}
        return [replace(sample, values={**sample.values, **told.get(int(sample.t), {})}) for sample in each]

    children = [process(f"api/{pid}", always(50), range(35, 91)) for pid in range(4)]
    assert figures(measured(process("api", steady), *children))[:3] == (10, 10, 210)
    outcome, reason = judged(*children)
    assert outcome is Outcome.INCONCLUSIVE
    assert reason.endswith(
        "as child processes that came later hold 200.0 MB: a longer recovery, in which they may end, would tell; where "
        "the service keeps so many by its own setting, a limit_bytes of 210 MB accepts them"
    )
    probes = tuple(sample for one in (process("api", steady), *children) for sample in one)
    accepting = criteria.load(CriterionSpec("memory_growth", {"limit_bytes": 210e6}))
    assert accepting.judge(replace(RUN, probes=probes)).outcome is Outcome.PASS, "it is what it says"
    assert judged(*children[:3])[0] is Outcome.PASS
    assert judged(*(process(f"api/{pid}", always(50), range(35, 80)) for pid in range(4)))[0] is Outcome.PASS
    assert judged(*(process(f"api{pid}", always(50), range(35, 91)) for pid in range(4)))[0] is Outcome.PASS
    assert judged(*(own(20, each) for each in children))[0] is Outcome.PASS, "the rest is their parent's as well"
    assert judged(*(own(60, each) for each in children))[0] is Outcome.INCONCLUSIVE


def test_a_child_that_took_the_place_of_another_is_none_more() -> None:
    """Workers that end after so many requests each: another comes for each of them."""
    before = [process(f"api/{pid}", always(50), range(40 + pid)) for pid in range(3)]
    after = [process(f"api/{pid}", always(50 + pid), range(41 + pid, 91)) for pid in (10, 11, 12)]
    assert measured(process("api", steady), *before, *after).children_bytes == 0
    more = process("api/14", always(30), range(50, 91))
    assert measured(process("api", steady), *before, *after, more).children_bytes == 62e6, "the largest may be it"
    other = process("db/7", always(40), range(40))
    assert measured(process("api", steady), *before, other, *after, more).children_bytes == 62e6


def test_a_process_that_ended_has_gained_what_it_had() -> None:
    went = measured(process("api", steady), process("old", lambda t: 100 if t < 40 else 130, range(60)))
    assert went.went == ("old",) and figures(went) == (40, 40, 40, 200, 210)


@pytest.mark.parametrize(("missing_s", "is_interrupted"), [(4, False), (5, True)])
def test_a_process_without_a_pid_that_was_away_may_have_been_another_one(missing_s: int, is_interrupted: bool) -> None:
    there = [t for t in range(91) if not 40 <= t < 40 + missing_s]
    assert bool(measured(process("api", steady, there)).interrupted) is is_interrupted
    assert not measured(process("api", steady, there, starts=(0,))).interrupted


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        ([10] * 15, 10.0),
        ([10] * 14, None),
        ([10] * 10 + [13] * 5, 11.0),
        ([10] * 10 + [14] * 5, None),
        ([0] * 15, 0.0),
        ([0] * 29 + [1], 1 / 30),  # one now and then is none
        ([0] * 14 + [1], None),
    ],
)
def test_load_is_steady_when_no_third_has_a_third_more_than_another(counts: list[int], rate: float | None) -> None:
    phase = Phase("recovery", 31, 31 + len(counts))
    slices = tuple(Slice(31 + k, "w", "GET /", "ok", n, 0, {5: n}) for k, n in enumerate(counts) if n)
    others = (Slice(30, "w", "GET /", "ok", 99, 0, {5: 99}), Slice(phase.end_s, "w", "GET /", "ok", 99, 0, {5: 99}))
    found = _leak_search._requests_per_s(replace(RUN, slices=(*slices, *others)), phase)
    assert found == (None if rate is None else pytest.approx(rate))


def test_the_interval_is_that_of_the_medians_of_blocks() -> None:
    """Memory that goes up and down by 10 MB from second to second: both medians may be either, or between."""
    swaying = measured(process("api", lambda t: 200 + 10 * (t % 2)))
    low, high = figures(swaying)[1:3]
    assert -10 <= low < 0 < high <= 10
    repeated = measured(process("api", lambda t: 200 + 10 * (t % 2)))
    assert figures(repeated) == figures(swaying)
    before, after = np.zeros(30), np.full(6, 3.0)
    assert _memory._interval(before, after) == (3, 3)


def test_the_leak_is_that_of_the_stretch_that_looks_most_like_one() -> None:
    rising = measured(process("api", always(200)), process("worker", lambda t: 100.0 + 2 * max(0, t - 31), starts=(0,)))
    assert rising.leak is not None and rising.leak.growth is Leak.RISING
    after = measured(
        process("api", always(200)),
        process("worker", lambda t: 100.0 + 2 * max(0, t - 36), starts=(36,)),
    )
    assert after.leak is not None and after.leak.growth is Leak.RISING
    assert after.leak.reason.startswith("worker: steady growth")
    still = measured(process("api", always(200)), process("worker", always(100), starts=(36,)))
    assert still.leak is not None and still.leak.growth is Leak.NONE
    # The others are steady; of one that began so late nobody knows, and that is no PASS.
    late = measured(process("api", always(200)), process("worker", always(100), starts=(45, 55, 65, 75, 85)))
    assert late.leak is not None and late.leak.growth is Leak.UNKNOWN
    short = measured(process("worker", always(100), starts=(60,)))
    assert short.leak is not None and short.leak.growth is Leak.UNKNOWN
    assert math.isfinite(short.leak.duration_s)


def test_a_process_is_cut_by_its_own_restarts_alone() -> None:
    """One rises from 31 s on, and another is restarted again and again meanwhile."""
    rising = process("worker", lambda t: 100.0 + 2 * max(0, t - 36), starts=(36,))
    other = process("api", always(100), starts=(41, 51, 61, 71, 81))
    found = measured(process("db", always(200)), rising, other)
    assert found.leak is not None and found.leak.growth is Leak.RISING
    assert found.leak.reason.startswith("worker: steady growth")
