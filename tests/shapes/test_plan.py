"""`springback plan`: the same options as a run, all faults at once, and no load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import service
from tests.run import runs

SCENARIO = str(runs.SCENARIOS / "crowd_http.py")


def plan(
    directory: Path, *arguments: str, variables: Mapping[str, str] | None = None, file: str = SCENARIO
) -> runs.Finished:
    return runs.plan(directory, file, *arguments, variables=variables)


def test_a_plan_needs_no_host_and_makes_no_load(tmp_path: Path) -> None:
    """Phases, peak, total, duration, pool and the parameters; not one request, and no directory of a run. The other
    tests name no host.
    """
    with service.running() as site:
        done = plan(tmp_path, "--peak", "12", "--host", site.url)
        assert site.requests == 0
    done.ended_well(0)
    for told in ("crowd-http: Crowd (flash_crowd), 5 s", "--peak 12", "4–12", "36 starts in all", "24 users parked"):
        assert told in done.out
    assert "█" in done.out and not done.directories


def test_a_plan_reads_flags_environment_and_config_file(tmp_path: Path) -> None:
    """Flag before environment before file, as in a run."""
    (tmp_path / "my.conf").write_text("peak = 30\nbase = 3\nbaseline-s = 7\n")
    variables = {"SPRINGBACK_PEAK": "40", "SPRINGBACK_BASE": "2"}
    done = plan(tmp_path, "--config", "my.conf", "--peak", "50", variables=variables)
    done.ended_well(0)
    assert "--peak 50" in done.out and "--base 2" in done.out and "--baseline-s 7" in done.out


def test_a_plan_tells_all_faults_at_once(tmp_path: Path) -> None:
    """One line each on standard error, nothing on standard output, exit code 2."""
    wrong = ("--peak", "3", "--pacing", "fast", "--nonsense", "1", "--host", "http://192.0.2.1", "--without", "luck")
    done = runs.springback(tmp_path, "plan", SCENARIO, *wrong).wait(30)
    done.ended_well(2)
    assert done.out == ""
    for told in ("--nonsense: no such option", "--peak 3 is below --base 4", "--pacing fast", "--allow-host", "luck"):
        assert told in done.err
    assert len(done.err.splitlines()) == 5


def test_a_plan_is_readable_in_ascii_and_in_a_narrow_terminal(tmp_path: Path) -> None:
    """No character is replaced by a question mark."""
    done = plan(tmp_path, variables={"PYTHONIOENCODING": "ascii", "COLUMNS": "45"})
    done.ended_well(0)
    assert done.out.isascii() and "####" in done.out and "?" not in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 45


def test_pacing_by_users_is_planned_as_users(tmp_path: Path) -> None:
    """As many parked as are active at the peak; no number of starts, which nobody can know."""
    done = plan(tmp_path, "--pacing", "users")
    done.ended_well(0)
    assert "20 users parked" in done.out and "starts" not in done.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\nimport no_such_module\n", "No module named 'no_such_module' (line 2)"),
        ("from locust import User, task\nclass A(User):\n    @task\n    def t(self): pass\n", "no shape of Springback"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_in_words(tmp_path: Path, text: str, told: str) -> None:
    """Exit code 2, no traceback."""
    (tmp_path / "mine.py").write_text(text)
    done = plan(tmp_path, file="mine.py")
    done.ended_well(2)
    assert told in done.err


def test_a_new_shape_is_one_file(tmp_path: Path) -> None:
    """Copied from step.py and changed, it is planned with an option of its own, and nothing else is edited."""
    step = (Path(__file__).parents[2] / "shapes" / "step.py").read_text()
    mine = step.replace("class Step", "class Stairs").replace("hold_s", "stay_s").replace("time at", "sojourn at")
    (tmp_path / "stairs.py").write_text(mine)
    (tmp_path / "mine.py").write_text(
        "import harness\nimport stairs\nfrom locust import HttpUser\nfrom harness.load.users.paced import Paced\n"
        "class Mine(stairs.Stairs):\n    peak = 20\n"
        "class Visitor(Paced, HttpUser):\n    host = 'http://127.0.0.1:1'\n"
        "harness.attach('mine')\n"
    )
    done = plan(tmp_path, "--stay-s", "9", file="mine.py")
    done.ended_well(0)
    assert "--stay-s 9" in done.out and "starts/s" in done.out
    refused = plan(tmp_path, "--stay-s", "0", file="mine.py")
    refused.ended_well(2)
    listed = plan(tmp_path, "-h", file="mine.py")
    listed.ended_well(0)
    assert "--stay-s" in listed.out and "sojourn at the peak" in " ".join(listed.out.split())


def test_a_slip_in_an_option_or_a_variable_is_told_with_what_was_meant(tmp_path: Path) -> None:
    done = plan(tmp_path, "--recovry-s", "3")
    done.ended_well(2)
    assert "--recovry-s: no such option; did you mean --recovery-s?" in done.err
    done = plan(tmp_path, variables={"SPRINGBACK_RECOVERYS": "9", "SPRINGBACK_ELSEWHERE": "1"})
    done.ended_well(0)
    assert "SPRINGBACK_RECOVERYS is read by no option; did you mean SPRINGBACK_RECOVERY_S?" in done.err
    assert "ELSEWHERE" not in done.err
