"""The simulated services do what the theory of queues says, and tell the truth about themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.recording.values import OK, UNFINISHED
from tests.calibration.simulation import Disturbance, Load, Service, every, simulate

LONG = Load(canary_per_s=40, recovery_s=2969)


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_a_queue_of_one_server_with_exponential_service_times_is_as_long_as_known(utilisation: float) -> None:
    """M/M/1: mean latency = service time ÷ (1 − utilisation)."""
    service = Service(mean_s=utilisation / 40, distribution="exponential", servers=1)
    mean_s = np.mean([simulate(seed, service, LONG).latency_s.mean() for seed in range(5)])
    assert mean_s == pytest.approx(service.mean_s / (1 - utilisation), rel=0.07)


def test_several_servers_share_a_queue() -> None:
    """M/M/2 at utilisation ρ: mean latency = service time ÷ (1 − ρ²)."""
    service = Service(mean_s=2 * 0.7 / 40, distribution="exponential", servers=2)
    mean_s = np.mean([simulate(seed, service, LONG).latency_s.mean() for seed in range(5)])
    assert mean_s == pytest.approx(service.mean_s / (1 - 0.7**2), rel=0.07)


@pytest.mark.parametrize("distribution", ["lognormal", "exponential", "bimodal"])
def test_service_times_have_the_mean_that_was_asked_for(distribution: str) -> None:
    run = simulate(1, Service(0.02, distribution), LONG)
    assert run.latency_s.mean() == pytest.approx(0.02, rel=0.02)


def test_correlated_service_is_as_correlated_as_asked_for() -> None:
    run = simulate(1, Service(shape=0, correlation=0.8, deviation=0.3), LONG)
    seconds = np.floor(run.intended_s).astype(int)
    logs = np.log(np.bincount(seconds, run.latency_s) / np.bincount(seconds))
    assert np.std(logs) == pytest.approx(0.3, rel=0.15)
    assert np.corrcoef(logs[:-1], logs[1:])[0, 1] == pytest.approx(0.8, abs=0.06)


def test_a_service_that_nothing_happens_to_is_the_same_with_and_without() -> None:
    run = simulate(1, Service(servers=1))
    assert np.array_equal(run.latency_s, run.undisturbed_s)
    assert run.recovered_s() == 0.0


def test_a_freeze_holds_everybody_up_until_its_backlog_is_served() -> None:
    """40 requests/s at 80/s: what a freeze of 5 s piled up is gone after 5 s more."""
    run = simulate(1, Service(mean_s=1 / 80, servers=1, shape=0.1), LONG, Disturbance(frozen=((35.0, 40.0),)))
    first = int(np.searchsorted(run.intended_s, 35.0))
    assert run.intended_s[first] + run.latency_s[first] == pytest.approx(40.0, abs=0.1)
    assert run.recovered_s(harmless_s=0.01) == pytest.approx(45 - 31, abs=1.5)


def test_a_share_fails_and_the_truth_is_the_end_of_the_stretch() -> None:
    run = simulate(1, load=LONG, disturbance=Disturbance(failing=((31.0, 1031.0, 0.3),)))
    failed = sum(piece.count for piece in run.recording.slices if piece.outcome != OK)
    assert failed / (1000 * 40) == pytest.approx(0.3, rel=0.03)
    assert run.recovered_s() == pytest.approx(1000, abs=0.2)
    assert simulate(1, load=LONG, disturbance=Disturbance(failing=((31, math.inf, 0.3),))).recovered_s() == math.inf


def test_a_plateau_multiplies_the_latency_and_a_return_takes_it_back() -> None:
    run = simulate(1, load=LONG, disturbance=Disturbance(slower=((31, 3), (531, 3), (1031, 1))))
    ratio = run.latency_s / run.undisturbed_s
    assert ratio[run.intended_s < 30] == pytest.approx(1.0)
    assert ratio[(run.intended_s > 31) & (run.intended_s < 531)] == pytest.approx(3.0)
    assert ratio[run.intended_s > 1031] == pytest.approx(1.0)


def test_a_herd_holds_the_canaries_up_and_is_recorded_beside_them() -> None:
    run = simulate(1, Service(mean_s=0.004, servers=1), Load(herd_users=1000))
    spike = [piece for piece in run.recording.slices if piece.t == 30]
    assert {piece.name for piece in spike} == {"GET /auth/me", "POST /auth/login"}
    assert 2 < run.recovered_s() < 5, "1,000 × 4 ms after the first instant of a spike of one second"


def test_clients_give_up_and_what_never_ends_is_unfinished() -> None:
    frozen = Disturbance(frozen=((31.0, math.inf),))
    patient = simulate(1, disturbance=frozen).recording
    hasty = simulate(1, load=Load(timeout_s=2), disturbance=frozen).recording
    assert {piece.outcome for piece in patient.slices if piece.t > 32} == {UNFINISHED}
    assert {piece.outcome for piece in hasty.slices if 32 < piece.t < 89} == {"timeout"}


def test_what_comes_again_is_within_its_bounds() -> None:
    assert every(10, 1, 33, 60) == ((33.0, 34.0), (43.0, 44.0), (53.0, 54.0))
