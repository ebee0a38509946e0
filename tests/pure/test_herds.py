"""When the requests of a phase are a herd: half of them, and half of those that a gate released, in its second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis import herd
from harness.analysis.tallies import Tally
from harness.recording import Slice
from harness.recording.header import Phase
from harness.recording.marks import GateMark
from tests.recordings import healthy

RUN = healthy()
SPIKE = Phase("spike", 30, 60)


def is_herd(together: int, others: int, released: int = 10, at_s: float = 30.4) -> bool:
    """``together`` requests in the second of the gate, ``others`` in another one of the phase."""
    slices = [
        Slice(30, "w", "GET /", "ok", together, 0, {5: together}),
        Slice(40, "w", "x", "ok", others, 0, {5: others}),
    ]
    beyond = Slice(60, "w", "GET /", "ok", 500, 0, {5: 500})
    gates = (GateMark(at_s, "herd", "w", released, tuple(range(released)), 0),)
    return herd.is_herd(replace(RUN, slices=(*slices, beyond), marks=gates), SPIKE)


@pytest.mark.parametrize(
    ("together", "others", "found"),
    [(10, 10, True), (9, 9, True), (9, 10, False), (5, 0, True), (4, 0, False), (0, 0, False), (30, 31, False)],
)
def test_half_of_the_requests_and_half_of_the_released(together: int, others: int, found: bool) -> None:
    """Of ten that a gate released."""
    assert is_herd(together, others) is found


def test_a_gate_of_another_phase_makes_no_herd_of_this_one() -> None:
    assert is_herd(10, 0, at_s=30.0) and not is_herd(10, 0, at_s=29.9) and not is_herd(10, 0, released=0)


def test_a_census_has_no_interval_but_for_what_had_no_answer() -> None:
    whole, cut = Tally(20, 18, {"x": 2}, 0, {1000: 18}), Tally(20, 15, {"x": 2}, 0, {1000: 15}, {5: 3})
    assert herd.error_ratio([whole]) == (0.1, 0.1) and herd.error_ratio([cut]) == (0.1, 0.25)
    assert herd.latency_quantile_us(whole, 0.5) == (1000, 1000)
    low, high = herd.latency_quantile_us(cut, 0.9)
    assert (low, high) == (1000, float("inf")), "answered at that instant, or never"
    assert herd.latency_quantile_us(Tally(0, 0, {}, 0, {}), 0.5) == (0, float("inf"))
