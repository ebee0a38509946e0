"""Users of two classes in real runs: each phase has both by their weights, whoever parked first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.recording.marks import ARRIVALS, gate_stream
from tests import service
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together


def mixed(directory: Path, way: str) -> tuple[str, Finished]:
    shape, *rest = way.split(", ")
    arguments = runs.processes(2) if "forked" in rest else ()
    variables = {"SHAPE": shape, **({"FIXED": "16"} if "fixed" in rest else {})}
    with service.running() as target:
        return shape, runs.locust(directory, "mixed.py", *arguments, host=target.url, variables=variables).wait()


@together(mixed, way=["herd", "herd, forked", "arrivals", "arrivals, forked", "arrivals, fixed"])
def test_each_class_has_its_share_of_the_starts_in_every_phase(outcome: tuple[str, Finished]) -> None:
    _, done = outcome
    done.ended_well(code=0)
    for phase in done.recording.header.phases:
        starts: Counter[str] = Counter()
        for mark in done.recording.starts:
            if phase.start_s <= mark.t < phase.end_s:
                starts.update(mark.starts)
        assert abs(starts["Reporter"] / starts.total() - 0.25) <= 1.5 / starts.total() ** 0.5 / 4 + 0.03, (
            phase,
            starts,
        )
    finding = done.finding("user_mix")
    assert finding["outcome"] == "PASS"
    assert "Browser 7" in finding["reason"] and "Reporter 2" in finding["reason"]


def levels(directory: Path) -> Finished:
    return mixed(directory, "levels, forked")[1]


@together(levels)
def test_each_class_follows_a_level_of_its_own_over_two_load_processes(outcome: Finished) -> None:
    """To the start, in every phase, in the herd and beside it; and its requests are counted as its own."""
    outcome.ended_well(code=0)
    recording = outcome.recording
    planned = {
        ("Browser", ARRIVALS): (24, 64, 24),
        ("Reporter", ARRIVALS): (12, 20, 12),
        ("Reporter", gate_stream("spike")): (0, 11, 0),
    }
    for (kind, stream), starts in planned.items():
        found = tuple(
            sum(
                mark.starts.get(kind, 0)
                for mark in recording.starts
                if mark.stream == stream and phase.start_s <= mark.t < phase.end_s
            )
            for phase in recording.header.phases
        )
        assert found == starts, (kind, stream)
    assert {mark.node for mark in recording.gates} == {"worker-1", "worker-2"}
    by_class = Counter[str]()
    for piece in recording.slices:
        by_class[piece.user_class] += piece.count
    assert by_class == {"Browser": 112, "Reporter": 55}
    assert outcome.finding("spike_delivered")["outcome"] == "PASS"


def closed(directory: Path) -> Finished:
    return mixed(directory, "users")[1]


@together(closed)
def test_in_the_closed_model_as_many_of_each_class_are_active(outcome: Finished) -> None:
    """The slow ones begin fewer iterations, in every phase alike."""
    outcome.ended_well(code=0)
    assert outcome.finding("user_mix")["outcome"] == "PASS"
    by_class = Counter[str]()
    for mark in outcome.recording.starts:
        by_class.update(mark.starts)
    assert by_class["Browser"] > 5 * by_class["Reporter"] > 0
