"""Each curve against its closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.optimize import brentq
from scipy.special import erfinv

from shapes import diurnal, stress_peak
from tests.shapes import every


def test_a_flash_crowd_is_m_times_the_base() -> None:
    """Bodik et al.: factor 1 → M over [t0, t1], M on [t1, t2], M → 1 over [t2, t3]."""
    shape = every.shape("flash_crowd", baseline_s=30, ramp_up_s=10, plateau_s=20, ramp_down_s=40, base=8.0, peak=40.0)
    shape.parked = True
    m = {t: shape.level(t) / 8 for t in (0, 29.9, 30, 35, 40, 59, 60, 80, 100, 159)}
    expected = {0: 1, 29.9: 1, 30: 1, 35: 3, 40: 5, 59: 5, 60: 5, 80: 3, 100: 1, 159: 1}
    assert m == pytest.approx(expected)
    assert shape.profile().starts.total == pytest.approx(8 * 160 + 32 * (10 / 2 + 20 + 40 / 2))


@pytest.mark.parametrize("n", [10, 1_000, 100_000])
def test_a_stress_peak_starts_users_when_the_formula_says(n: int) -> None:
    """Start i of N comes at D·(h_i + t0)/(2·t0), h_i = erfinv(2x_i − 1), x_i = i/(N + 2), t0 = |h_1|."""
    duration_s = 60

    def h(i: int) -> float:
        return float(erfinv(2 * i / (n + 2) - 1))

    t0 = abs(h(1))
    height = (n + 2) * 2 * t0 * math.sqrt(2) / (duration_s * math.sqrt(2 * math.pi))
    shape: Any = every.shape("stress_peak", baseline_s=0, recovery_s=0, spike_s=duration_s, base=0.0, peak=height)
    assert shape.hill_starts == pytest.approx(n, rel=1e-6)
    starts = shape.profile().starts
    assert starts.total == pytest.approx(n, rel=4e-5)
    assert starts.peak == pytest.approx(height, rel=1e-9)
    for i in range(1, n + 1, max(1, n // 500)):
        due_s = duration_s * (h(i) + t0) / (2 * t0)
        # The first start comes at 0, where no area is yet.
        area = min(i - 1, starts.total)
        drawn_s = brentq(lambda t, area=area: starts.area_to(t) - area, 0, duration_s)
        assert drawn_s == pytest.approx(due_s, abs=0.03)


def test_a_stress_peak_keeps_its_stated_error() -> None:
    """(2·z0/SEGMENTS)²/8 of the height, against the normal distribution's own curve."""
    shape: Any = every.shape("stress_peak", baseline_s=0, recovery_s=0, base=0.0, peak=100.0)
    z0 = stress_peak._half_width(shape.hill_starts)
    bound = 100 * (2 * z0 / stress_peak.SEGMENTS) ** 2 / 8
    worst = max(
        abs(shape.level(t) - 100 * math.exp(-((z0 * (2 * t / 60 - 1)) ** 2) / 2))
        for t in (k / 100 for k in range(6000))
    )
    assert 0 < worst <= bound < 0.1


def test_a_diurnal_level_is_a_sine_within_its_stated_error_and_has_its_mean() -> None:
    """λ0·(1 + A sin(2πt/P + φ)), off by at most λ0·A·π²/(2·SEGMENTS²); the bursts come on top."""
    values = {"baseline_s": 0, "recovery_s": 0, "mean": 50.0, "amplitude_ratio": 0.6, "period_s": 100, "days": 3}
    shape = every.shape("diurnal", **values, start_ratio=0.1, bursts=0)
    bound = 50 * 0.6 * math.pi**2 / (2 * diurnal.SEGMENTS**2)
    times = [k / 20 for k in range(6000)]
    exact = [50 * (1 + 0.6 * math.sin(2 * math.pi * (t / 100 + 0.1))) for t in times]
    worst = max(abs(shape.level(t) - level) for t, level in zip(times, exact, strict=True))
    assert 0 < worst <= bound
    assert shape.profile().starts.total == pytest.approx(50 * 300)
    bursting = every.shape("diurnal", **values, start_ratio=0.1, bursts=3, burst_s=4, burst=70.0)
    assert bursting.profile().starts.total == pytest.approx(50 * 300 + 3 * 4 * 70, rel=1e-5)
    assert bursting.level(50) - shape.level(50) == pytest.approx(70, abs=bound)
    assert bursting.level(47.9) - shape.level(47.9) == pytest.approx(0, abs=bound)


def test_a_diurnal_level_is_continuous_with_its_baseline_and_recovery() -> None:
    """Beginning at the bottom, the baseline is the night."""
    shape = every.shape("diurnal", mean=50.0, amplitude_ratio=0.6, bursts=0)
    assert shape.level(0) == shape.level(29) == pytest.approx(20)
    assert shape.level(30 + 60) == pytest.approx(80)
    assert shape.level(30 + 240 + 5) == pytest.approx(20)


def test_a_staircase_goes_up_evenly_and_its_top_is_the_spike() -> None:
    """λ0 + kΔ, held H."""
    shape = every.shape("staircase", baseline_s=10, recovery_s=10, steps=3, hold_s=10, base=10.0, peak=40.0)
    assert [shape.level(t) for t in (5, 15, 25, 35, 45)] == pytest.approx([10, 20, 30, 40, 10])
    assert [phase.name for phase in shape.profile().phases] == ["baseline", "step-1", "step-2", "spike", "recovery"]


def test_a_sawtooth_and_a_pulse_train_have_their_mean() -> None:
    """(λ0 + λ1)/2, and λ0 + duty·(λ1 − λ0)."""
    frame = {"baseline_s": 0, "recovery_s": 0, "base": 10.0, "peak": 50.0}
    tooth = every.shape("sawtooth", **frame, teeth=4, period_s=10).profile()
    assert tooth.starts.total == pytest.approx(4 * 10 * 30)
    pulses = every.shape("pulse_train", **frame, pulses=3, period_s=10, duty_ratio=0.25)
    # The run ends with the last pulse, at 22.5 s, in the second in which that is.
    assert pulses.profile().duration_s == 23
    assert pulses.profile().starts.total == pytest.approx(23 * 10 + 3 * 2.5 * 40)
    assert [pulses.level(t) for t in (0, 2.4, 2.5, 9.9, 10, 22.4, 22.6)] == [50, 50, 10, 10, 50, 50, 10]


def test_a_ramp_and_a_soak_hold_what_is_left_of_their_phase() -> None:
    """Ramp first, then the peak, then back at once."""
    for name, whole in (("ramp", "spike_s"), ("soak", "soak_s")):
        shape = every.shape(name, baseline_s=10, recovery_s=5, base=10.0, peak=30.0, ramp_s=20, **{whole: 50})
        assert [shape.level(t) for t in (9, 20, 30, 59, 60)] == [10, 20, 30, 30, 10]


@pytest.mark.parametrize("kind", ["plateau", "herd"])
def test_both_spikes_of_a_double_spike_are_alike(kind: str) -> None:
    """The second comes gap_s after the end of the first, in phases that criteria can be pointed at."""
    shape = every.shape("double_spike", baseline_s=30, spike_s=5, gap_s=40, recovery_s=60, spike_kind=kind)
    profile = shape.profile()
    spans = [(phase.name, phase.start_s) for phase in profile.phases]
    assert spans == [("baseline", 0), ("spike", 30), ("recovery", 35), ("spike-2", 75), ("recovery-2", 80)]
    for t in range(5):
        assert shape.level(30 + t) == shape.level(75 + t) > shape.level(35)
    if kind == "herd":
        assert [(herd.t, herd.users) for herd in profile.herds] == [(30, 500), (75, 500)]
        assert profile.starts.peak == profile.starts.at(50) == 10
        assert (profile.pool_users, profile.background_users) == (520, 20)
