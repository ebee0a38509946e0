"""What is written from real traffic runs as it is: the requests arrive, as large a spike as was learned is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.commands.import_traffic import import_har, import_log
from harness.commands.learn import learn_from
from shapes._series import Wanted
from tests import service
from tests.learn import traffic_log
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

SHORT = ("--baseline-s", "2", "--recovery-s", "2", "--ramp-up-s", "1", "--plateau-s", "2", "--ramp-down-s", "1")


def learned_run(directory: Path) -> tuple[Finished, dict[str, int], float]:
    """The run, what arrived, and M of the spike that was learned."""
    name = traffic_log.write(directory / "shop.log", days=4, crowds=1, per_minute=15)
    learn_from([name], directory / "out", None, None, Wanted(), force=False)
    largest_m = json.loads((directory / "out" / "learned.json").read_text())["spikes"]["largest_m"]
    file = directory / "mix.py"
    import_log([name], None, file, force=False)
    spike = ("--spike", "largest", "--learned", str(directory / "out" / "learned.json"), "--base", "5")
    with service.running() as target:
        done = runs.locust(directory, str(file), *SHORT, *spike, "--health-path", "/healthz", host=target.url).wait()
        return done, target.counts(), largest_m


@together(learned_run)
def test_a_mix_that_was_written_runs_as_it_is(outcome: tuple[Finished, dict[str, int], float]) -> None:
    """By their kinds in the recording, by their paths at the service, and with the peak that follows from --spike."""
    done, counts, largest_m = outcome
    done.ended_well(code=4)  # the baseline is too short to judge anything by it
    names = {piece.name for piece in done.recording.slices}
    assert names == {"GET /", "GET /items/{id}", "GET /search"}
    assert done.count("ok") == done.count() > 50
    assert any(path.startswith("GET /items/") for path in counts) and not any("reset" in path for path in counts)
    parameters = done.recording.header.parameters
    assert parameters["peak"] == pytest.approx(5 * largest_m, rel=0.001)
    assert max(level for _, level in done.recording.header.level) == parameters["peak"]


def test_every_scenario_that_is_written_can_be_planned(tmp_path: Path) -> None:
    name = traffic_log.write(tmp_path / "shop.log", days=4, crowds=1, per_minute=15)
    learn_from([name], tmp_path / "out", None, None, Wanted(), force=False)
    har = {"log": {"entries": [{"request": {"method": "GET", "url": "https://shop.example/items/7"}}]}}
    (tmp_path / "shop.har").write_text(json.dumps(har))
    import_har(str(tmp_path / "shop.har"), "", tmp_path / "visit.py", force=False)
    told = {}
    for file in ("out/learned_spike.py", "out/learned_replay.py", "visit.py"):
        done = runs.plan(tmp_path, file)
        done.ended_well(0)
        told[file] = "".join(done.out.split())  # a long path may be broken anywhere
    assert "shop-spike" in told["out/learned_spike.py"] and "starts/s" in told["out/learned_spike.py"]
    assert "replay.csv:read" in told["out/learned_replay.py"] and "trace" in told["out/learned_replay.py"]
    assert "shop-visit:Load(flash_crowd)" in told["visit.py"]
