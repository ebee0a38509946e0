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


def test_a_plan_says_how_long_all_runs_take(tmp_path: Path) -> None:
    """17 s each: 5 s of its phases, and what is around them."""
    once, again = plan(tmp_path), plan(tmp_path, "--repeat", "20")
    assert once.out and again.out.startswith(once.out)
    assert again.out.removeprefix(once.out).startswith("20 runs one after another: about 6 min, 12 s around the phases")


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


UNATTACHED = """
from harness.load.http import HerdHttpUser
from shapes import herd

class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")

class Crowd(herd.Herd):
    pass
"""


def test_users_of_ours_without_a_scenario_are_refused(tmp_path: Path) -> None:
    """Before anything is started, and by Locust alone at the first of them, not with a traceback for each."""
    file = tmp_path / "shape_alone.py"
    file.write_text(UNATTACHED)
    done = plan(tmp_path, file=str(file))
    done.ended_well(2)
    assert 'does not call harness.attach("NAME")' in done.err
    done = runs.locust(tmp_path, str(file), host="http://127.0.0.1:1").wait(30)
    done.ended_well(2)
    assert "paced users need harness.attach(...)" in done.err


def test_a_run_that_would_not_be_judged_is_refused(tmp_path: Path) -> None:
    """Locust alone runs stock users with a shape of ours; its exit code 0 would look like a PASS."""
    stock = UNATTACHED.replace("harness.load.http import HerdHttpUser", "locust import HttpUser")
    (tmp_path / "mine.py").write_text(stock.replace("HerdHttpUser", "HttpUser"))
    plan(tmp_path, file="mine.py").ended_well(0)
    done = runs.springback(tmp_path, "run", str(tmp_path / "mine.py"), "--host", "http://127.0.0.1:1").wait(30)
    done.ended_well(2)
    assert 'does not call harness.attach("NAME")' in done.err


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
    done.ended_well(2)
    assert "SPRINGBACK_RECOVERYS is read by no option; did you mean SPRINGBACK_RECOVERY_S?" in done.err
    assert "ELSEWHERE" not in done.err


REFUSED = """
import harness
from harness.load.http import HerdHttpUser
from shapes import herd

class One(HerdHttpUser):
    host = "http://192.0.2.1"

class Crowd(herd.Herd):
    herd_users = 0

def checks(options):
    yield "the moon is in the wrong place: wait for another"

harness.attach("refused", checks=checks, criteria=["error_rato", "luck"])
"""


def test_whatever_a_run_refuses_is_refused_in_one_round(tmp_path: Path) -> None:
    """The host of a class, the shape, the criteria, the scenario's own checks, the directory of the runs: by both, in
    the same words (a run alone needs a port to listen on).
    """
    (tmp_path / "mine.py").write_text(REFUSED)
    (tmp_path / "taken").write_text("")
    arguments = ("mine.py", "--runs-dir", "taken/here", "--seed", "x")
    both = [runs.springback(tmp_path, name, *arguments, cwd=tmp_path) for name in ("plan", "run")]
    planned, run = (each.wait(30) for each in both)
    for done in (planned, run):
        done.ended_well(2)
        assert len(done.err.splitlines()) == 8, done.err
        for words in (
            "One has no prepare()",
            "--allow-host 192.0.2.1",
            "--herd-users 0",
            "no criterion 'error_rato'. Did you mean error_ratio?",
            "no criterion 'luck'. Choose one of: ",
            "the moon",
            "taken is no directory",
            "--seed x",
        ):
            assert words in done.err
    assert sorted(planned.err.splitlines()) == sorted(run.err.splitlines())


SLIPS = """
import harness
from locust import between
from harness.load.http import HerdHttpUser
from shapes import herd

class Visitor(HerdHttpUser):
    connect_erly = False
    wait_time = between(1, 2)
    _mine = names = 1

    def prepare(self):
        return self.client.prepare("GET", "/")

    def chek(self, response):
        return "wrong"

class Crowd(herd.Herd):
    baseline = 30
    herd_user = 200
    canary_users: 7
    MINE = 1

harness.attach("slips")
"""


def test_what_nobody_would_read_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    """Attributes and hooks of users, attributes of a shape, lines of a config file, variables of ours and of Locust."""
    (tmp_path / "mine.py").write_text(SLIPS)
    (tmp_path / "my.conf").write_text("herd_user = 5\n")
    variables = {"SPRINGBACK_CANARY_USER": "9", "LOCUST_HOTS": "http://127.0.0.1:1"}
    done = plan(tmp_path, "--config", "my.conf", file="mine.py", variables=variables)
    done.ended_well(2)
    for words in (
        "Visitor.connect_erly: nothing reads it; did you mean connect_early?",
        "Visitor.chek: nothing reads it; did you mean check?",
        "Visitor.wait_time: the shape decides",
        "Crowd.baseline: the shape has no such option; did you mean baseline_s?",
        "Crowd.herd_user: the shape has no such option; did you mean herd_users?",
        "Crowd.canary_users: it has a type and no value",
        "--herd_user: no such option; did you mean --herd-users? (It stands in line 1 of my.conf.)",
        "SPRINGBACK_CANARY_USER is read by no option; did you mean SPRINGBACK_CANARY_USERS?",
        "LOCUST_HOTS: Locust has no such variable; did you mean LOCUST_HOST?",
    ):
        assert words in done.err, done.err
    assert len(done.err.splitlines()) == 9, done.err


def test_a_value_that_is_refused_is_said_to_stand_in_the_config_file_or_in_a_variable(tmp_path: Path) -> None:
    """Whoever refuses it: Locust's parser, the check of a value, of the shape, of a criterion, of the machine or of the
    host. What stands on the command line is seen there.
    """
    (tmp_path / "my.conf").write_text("base = many\nmaster-port = 0\nfault = nothing\n\npeak = 0.5\nhost = ftp://x\n")
    variables = {"SPRINGBACK_STOP_WHEN": "sometimes"}
    done = plan(tmp_path, "--config", "my.conf", "--runs-dir", "my.conf", variables=variables)
    done.ended_well(2)
    lines = {line.split()[1].rstrip(":"): line.partition("stand")[2] for line in done.err.splitlines()}
    assert lines == {
        "--base": "s in line 1 of my.conf.)",
        "--master-port": "s in line 2 of my.conf.)",
        "--fault": "s in line 3 of my.conf.)",
        "--peak": "s in line 5 of my.conf, --base stands in line 1 of my.conf.)",
        "ftp://x": "s in line 6 of my.conf.)",
        "--stop-when": "s in the variable SPRINGBACK_STOP_WHEN.)",
        "--runs-dir": "",
    }, done.err


def test_a_plan_shows_the_options_that_its_users_heed(tmp_path: Path) -> None:
    """Locust's own users are not parked: a pool and a pacing would change nothing."""
    (tmp_path / "mine.py").write_text(STOCK)
    for file, shown in ((SCENARIO, True), ("mine.py", False)):
        planned, listed = plan(tmp_path, file=file), plan(tmp_path, "-h", file=file)
        for done, words in ((planned, ("--pool-users", "--pacing")), (listed, ("--pool-users", "--seed"))):
            done.ended_well(0)
            assert [word in done.out for word in words] == [shown, shown]


STOCK = """
import harness
from locust import HttpUser, task
from shapes import flash_crowd

class Visitor(HttpUser):
    @task
    def visit(self):
        self.client.get("/")

class Crowd(flash_crowd.FlashCrowd):
    peak = 20

harness.attach("stock")
"""
