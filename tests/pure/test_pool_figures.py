"""A connection pool at the bounds of what is counted and said of it, worked out by hand."""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.pool import _levels as levels
from harness.criteria.pool._levels import Instant
from harness.criteria.pool._relapses import relapse
from harness.findings import Finding, Outcome
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import Scalar
from tests.recordings import healthy

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
PHASES = Phase("baseline", 0, 10), Phase("spike", 10, 20), Phase("recovery", 20, 40), Phase("idle", 40, 50)


def pool(in_use: dict[int, float], *, size: float = 10.0, waiting: dict[int, float] | None = None) -> Recording:
    """One process, sampled each second; nothing is in use where nothing is said."""
    probes = tuple(
        ProbeSample(
            t + 0.5,
            levels.PROBE,
            "api",
            {"in_use": in_use.get(t, 0.0), "size": size, "waiting": (waiting or {}).get(t, 0.0)},
        )
        for t in range(50)
    )
    whole = healthy()
    return dataclasses.replace(whole, header=dataclasses.replace(whole.header, phases=PHASES), probes=probes, slices=())


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


@pytest.mark.parametrize(
    ("before", "after", "outcome", "reason"),
    [
        (2.0, 3.5, PASS, "35 % of the pool in use after, 20 % before, limit 15 % more"),
        (2.0, 4.0, FAIL, "40 % of the pool in use after, 20 % before, limit 15 % more"),
        (8.5, 8.5, PASS, "85 % of the pool in use after, 85 % before, limit 15 % more"),
        (
            *(8.6, 8.6, INCONCLUSIVE),
            "86 % of the pool in use after, 86 % before, limit 15 % more: so full a pool has no room for more, and "
            "shows nothing; a lower baseline, or a larger pool, would",
        ),
    ],
)
def test_a_pool_that_is_as_before_needs_room_to_be_otherwise(
    before: float, after: float, outcome: Outcome, reason: str
) -> None:
    use = {t: before if t < 10 else after for t in range(40)}
    found = judged("pool_stable", pool(use))
    assert (found.outcome, found.reason) == (outcome, reason)
    assert found.figure == pytest.approx((after - before) / 10)
    assert dict(found.evidence) == {"samples before": 10, "samples after": 10, "waiting at the end, mean": 0}


@pytest.mark.parametrize(
    ("seconds", "outcome", "mean", "rest"),
    [
        (1, INCONCLUSIVE, 0.2, "1 of the last 10 samples: a longer recovery would tell whether the queue goes away"),
        (5, INCONCLUSIVE, 1.0, "5 of the last 10 samples: a longer recovery would tell whether the queue goes away"),
        (6, FAIL, 1.2, "6 of the last 10 samples"),
    ],
)
def test_a_queue_at_the_end_is_told(seconds: int, outcome: Outcome, mean: float, rest: str) -> None:
    found = judged("pool_stable", pool({}, waiting=dict.fromkeys(range(30, 30 + seconds), 2.0)))
    assert found.outcome is outcome
    assert found.evidence["waiting at the end, mean"] == pytest.approx(mean)
    assert found.reason.endswith(f"; somebody waited for a connection in {rest}")


def instants(text: str) -> list[Instant]:
    """A second apart: ``.`` nothing in use, ``x`` half of it, ``w`` somebody waits."""
    uses = {".": (0.0, 0.0), "x": (5.0, 0.0), "w": (0.0, 1.0)}
    return [Instant(float(t), uses[sign][0], 10.0, uses[sign][1]) for t, sign in enumerate(text)]


@pytest.mark.parametrize(
    ("recovery", "told"),
    [
        ("xxx....xxxxxxxxx....", (17, 9, (7, 15))),  # given back after three, in four on end
        ("....xxxxxwwww...xxxx", (20, 13, (4, 12))),
        ("....xxx....xxxxx....", (20, 8, (11, 15))),  # the longer of two
        ("xxx...xxxxxxxxx...xx", None),  # three are too few to have been given back
        ("xxxxxxxxxxxxxxxx....", None),
        ("....................", None),
        ("....x...............", None),  # one of twenty, and none of twenty before, is chance
    ],
)
def test_a_pool_is_taken_again_after_it_had_been_given_back(
    recovery: str, told: tuple[int, int, tuple[int, int]] | None
) -> None:
    found = relapse(instants("." * 20), instants(recovery), 0.0, 0.4)
    if told is None:
        assert found is None
        return
    assert found is not None
    assert (found.samples, found.taken, found.worst_s) == told
    assert (found.taken_before, found.samples_before) == (0, 20)
    assert relapse(instants("x" * 20), instants(recovery), 0.0, 0.4) is None, "no more often than before"
    assert relapse(instants("." * 20), instants(recovery), 0.1, 0.4) is None or "w" in recovery, "half is not more"


@pytest.mark.parametrize(
    ("before", "recovery", "told"),
    [
        ("." * 30, "xx" + "." * 20 + "xxx" + "." * 40, (20, 40, False)),
        ("." * 30, "xx" + "." * 20 + "xxx" + "." * 41, (20, 41, True)),
        ("." * 30, "xx" + "." * 20 + "xx" + "." * 40, None),  # two of 62 are chance
        ("x" + "." * 29, "xx" + "." * 20 + "xxx" + "." * 20, (20, 20, False)),
        ("xx" + "." * 28, "xx" + "." * 20 + "xxxx" + "." * 20, None),  # no more than twice as long as before
        ("xx" + "." * 28, "xx" + "." * 20 + "xxxxx" + "." * 20, (20, 20, False)),
        ("." * 30, "xx" + "." * 20 + "xxx", (20, 0, False)),
        ("." * 30, "." * 8 + "xxx" + "." * 4 + "xxx" + "." * 20, (8, 20, True)),
        ("." * 30, "xx" + "." * 8 + "xxx" + "." * 10 + "x" + "." * 10, (8, 21, True)),  # one sample is chance
        ("." * 30, "xx" + "." * 8 + "xxx" + "." * 10 + "x.x" + "." * 10, (10, 10, False)),
        ("." * 30, "xx" + "." * 20 + "xxx" + "." * 10 + "x" + "." * 50 + "x", (50, 0, False)),  # nor at the end
        ("." * 30, "." * 4 + "x" * 44 + "." * 10, (4, 10, False)),  # it was taken for longer than it stays given back
        ("." * 30, "." * 4 + "x" * 44 + "." * 88, (4, 88, False)),
        ("." * 30, "." * 4 + "x" * 44 + "." * 89, (4, 89, True)),
        ("." * 30, "." * 4 + "xxx..." * 8 + "xxx" + "." * 102, (4, 102, False)),  # three samples are no return
        ("." * 30, "." * 4 + "xxx..." * 8 + "xxx" + "." * 103, (4, 103, True)),
        ("." * 30, "." * 4 + "xx...." * 8 + "xx" + "." * 9, (4, 9, True)),
    ],
)
def test_a_pool_that_is_taken_for_some_samples_on_end_is_taken_again(
    before: str, recovery: str, told: tuple[int, int, bool] | None
) -> None:
    """However few they are of a long recovery. It is over when it stays given back for more than twice as long as it
    was, or as it was taken.
    """
    found = relapse(instants(before), instants(recovery), 0.0, 0.4)
    assert (found and (found.longest_return, found.last_return, found.is_over)) == told
    assert found is None or found.taken == recovery.lstrip("x").count("x")


@pytest.mark.parametrize(
    ("out", "outcome", "figure"), [({}, PASS, 0), (dict.fromkeys(range(41, 50), 3.0), FAIL, 3), ({43: 3.0}, PASS, 0)]
)
def test_what_is_out_after_the_load_is_told(out: dict[int, float], outcome: Outcome, figure: float) -> None:
    found = judged("leaked_connections", pool(out))
    assert (found.outcome, found.figure, found.interval) == (outcome, figure, (figure, figure))
    assert found.reason == f"{figure:g} connections are still out 2 s after the load, limit 0"
    assert dict(found.evidence) == {"out at api": figure}
    missing = judged("leaked_connections", pool(out), phase="night")
    assert missing.reason.endswith(": a phase of 6 s without load at the end would show it")


@pytest.mark.parametrize(("seconds", "is_measured"), [(1, True), (0, False)])
def test_a_level_lasts_a_second_at_least(seconds: int, is_measured: bool) -> None:
    whole = healthy()
    found = levels._measure(whole, Phase("step", 5, 5 + seconds), "")
    assert (found is not None) is is_measured
    assert found is None or found.throughput_per_s == 10


@pytest.mark.parametrize(
    ("held", "size", "in_use", "contradicts"),
    [
        (4.0, 10.0, 1.2, True),
        (4.0, 10.0, 2.0, False),
        (20.0, 2.0, 1.0, False),
        (20.0, 10.0, 1.0, True),
        (0.8, 10.0, 0.0, False),
    ],
)
def test_a_metric_says_less_than_half_of_what_was_held(
    monkeypatch: pytest.MonkeyPatch, held: float, size: float, in_use: float, contradicts: bool
) -> None:
    """In the busiest phase, but never more than the pool has; ten samples, whose mean scatters by √(held ÷ 10)."""
    monkeypatch.setattr(levels, "_held", lambda *_: held)
    monkeypatch.setattr(levels, "instants", lambda *_: [Instant(float(t), in_use, size, None) for t in range(10)])
    told = levels.contradiction(healthy())
    assert bool(told) is contradicts
    assert not told or told.startswith(f"the metric says that {in_use:.1f} connections were in use in the baseline")


@pytest.mark.parametrize(("held", "contradicts"), [(1.0, True), (0.99, False)])
def test_of_a_phase_that_holds_less_than_one_samples_may_miss_all(
    monkeypatch: pytest.MonkeyPatch, held: float, contradicts: bool
) -> None:
    """The busiest phase is as it should be; in the spike nothing was seen in use."""
    busy = {"baseline": 5.0, "spike": held}
    monkeypatch.setattr(levels, "_held", lambda _, phase: busy.get(phase.name, 0.0))
    run = pool(dict.fromkeys(range(10), 5.0))
    told = levels.contradiction(run)
    assert told.startswith("the metric says that 0.0 connections were in use in the spike") is contradicts


NOT_KNOWN = (
    "; how many of them are out all the time is not known, as those of the baseline may be its load's: a look at the "
    "pool before any load, or answers that tell for how long one is held, would show it"
)


@pytest.mark.parametrize(
    ("is_loaded", "out", "outcome", "least", "rest"),
    [
        (False, 3.0, FAIL, 1, ", beyond the 2 that were out before it"),
        (False, 2.0, PASS, 0, ", beyond the 2 that were out before it"),
        (True, 3.0, FAIL, 1, ", or 1 beyond the 2 that were out before it"),
        (True, 2.0, INCONCLUSIVE, 0, f", or 0 beyond the 2 that were out before it{NOT_KNOWN}"),
    ],
)
def test_what_was_out_before_the_load_is_told_beside_what_is_out_after_it(
    is_loaded: bool, out: float, outcome: Outcome, least: float, rest: str
) -> None:
    """Two in the baseline: a listener's, or those of its load, of which nothing says for how long it holds one."""
    run = pool({**dict.fromkeys(range(40), 2.0), 20: 5.0, **dict.fromkeys(range(40, 50), out)})
    load = tuple(Slice(t, "w", "GET /", "ok", 1, 0, {bucket_index(500_000): 1}) for t in range(10))
    found = judged("leaked_connections", dataclasses.replace(run, slices=load if is_loaded else ()))
    most = out if is_loaded else out - 2
    assert (found.outcome, found.figure, found.interval) == (outcome, most, (least, most))
    assert found.reason == f"{most:g} connections are still out 2 s after the load, limit 0{rest}"
    assert dict(found.evidence) == {"out at api": out, "of these out all the time at api": 2}


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({"baseline", "spike"}, "30 requests/s of the 100 that the pool can serve"),
        ({"baseline"}, "30 requests/s"),  # of the level that served most nobody knows for how long it held one
    ],
)
def test_of_a_pool_that_is_never_saturated_it_is_told_how_full_it_was(held: set[str], reason: str) -> None:
    """Ten connections that are held for 100 ms each serve 100 a second; three of them are in use at 30 a second."""
    slices = []
    for phase, per_s in zip(PHASES, (10, 30), strict=False):
        for t in range(phase.start_s, phase.end_s):
            names = ["GET /", *([levels.HELD] if phase.name in held else [])]
            slices += [Slice(t, "w", name, "ok", per_s, 0, {bucket_index(100_000): per_s}) for name in names]
    run = pool({**dict.fromkeys(range(10), 1.0), **dict.fromkeys(range(10, 20), 3.0)})
    found = judged("pool_saturation", dataclasses.replace(run, slices=tuple(slices)), requests="GET *")
    assert found.outcome is PASS and found.figure == pytest.approx(10, rel=1e-3)
    assert found.reason == f"never saturated: at most 30 % in use, in spike; {reason}"
    # Of its first sample in each of the levels nobody knows how large it was.
    sizeless = [
        dataclasses.replace(sample, values={"in_use": sample.values["in_use"]}) if sample.t in (1.5, 11.5) else sample
        for sample in run.probes
    ]
    untold = judged(
        "pool_saturation", dataclasses.replace(run, slices=tuple(slices), probes=tuple(sizeless)), requests="GET *"
    )
    assert untold.outcome is PASS
    assert untold.reason == f"how much of it was in use is not known, as its size was not always told; {reason}"
    unread = dataclasses.replace(run, slices=tuple(slices), probes=run.probes[20:])
    found = judged("pool_saturation", unread, requests="GET *")
    assert found.reason == "api was never read from baseline to spike: what it holds is not known"
    # Read at both ends, to the second.
    for sample in (run.probes[0], run.probes[19]):
        part = dataclasses.replace(unread, probes=(sample, *unread.probes))
        assert "never read" not in judged("pool_saturation", part, requests="GET *").reason


def test_a_pool_that_was_taken_again_and_stays_given_back_since_is_as_before() -> None:
    """Given back for four samples, taken for three, and given back for thirteen, where nine are needed."""
    found = judged("pool_stable", pool(dict.fromkeys(range(24, 27), 5.0)))
    assert (found.outcome, found.reason) == (
        PASS,
        "0 % of the pool in use after, 0 % before, limit 15 % more; but it had been given back, and was taken again in "
        "3 of 20 samples, for longest from 24 to 26 s, against 0 of 10 before; since then it stays given back, for "
        "more than 2 times as long as it ever was so, or taken",
    )


@pytest.mark.parametrize("t", [0, 39, 49])
def test_a_transaction_is_looked_for_from_the_baseline_to_the_end(t: int) -> None:
    """Once a second; its age may have grown by the second that was not sampled."""

    def sampled(at: int) -> ProbeSample:
        age_s = 8.0 if at == t else 0.0
        values = {"idle_in_transaction": 1.0, "oldest_idle_in_transaction_s": age_s}
        return ProbeSample(float(at), "postgres", "a:5432/db", values)

    run, ages = pool({}), tuple(map(sampled, range(50)))
    found = judged("long_transactions", dataclasses.replace(run, probes=ages))
    assert (found.outcome, found.figure, found.interval) == (FAIL, 8, (8, 9))
    assert found.reason == "the oldest was idle in its transaction at an age of 8 s, limit 5 s"
    assert dict(found.evidence) == {
        "samples": 50,
        "longest without a sample (s)": 1,
        "idle in transaction throughout the idle": 1,
    }
