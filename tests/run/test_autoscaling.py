"""The scenario ``autoscaling`` where nothing scales, or nobody says so: never a PASS, and the remedy is an option."""

from __future__ import annotations

from pathlib import Path

from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

SCENARIO = str(Path(__file__).parents[2] / "locustfiles" / "autoscaling.py")
QUICK = ("--baseline-s", "3", "--steps", "1", "--hold-s", "2", "--recovery-s", "2", "--pool-users", "20")
REPLICAS = "scaling_lag", "under_provisioning", "over_provisioning", "scaling_stability", "scale_in"


def run(directory: Path, *arguments: str) -> Finished:
    with service.running() as target:
        options = ("--health-path", "/healthz", "--work-path", "/work", *QUICK, *arguments)
        return runs.locust(directory, SCENARIO, *options, host=target.url).wait()


def assert_inconclusive(done: Finished, *words: str) -> None:
    """The criteria that need replicas say what is missing; the requests themselves are judged all the same."""
    done.ended_well(code=4)
    for name in REPLICAS:
        finding = done.finding(name)
        assert finding["outcome"] == "INCONCLUSIVE"
        for word in words:
            assert word in finding["reason"]
    assert done.finding("scaling_errors")["outcome"] in ("PASS", "INCONCLUSIVE")
    assert done.finding("spike_delivered")["outcome"] == "PASS"


def plain(directory: Path) -> Finished:
    return run(directory, *runs.processes(2))


@together(plain)
def test_a_service_without_autoscaling(outcome: Finished) -> None:
    assert_inconclusive(outcome, "no ready replicas were sampled", "--haproxy-socket", "--autoscaler", "--kubernetes")
    assert len(outcome.recording.header.phases) == 3


def away(directory: Path) -> Finished:
    (directory / "no.sock").write_text("")
    return run(
        directory,
        *("--autoscaler", f"http://127.0.0.1:{free_port()}", "--haproxy-socket", str(directory / "no.sock")),
        *("--kubernetes", f"http://127.0.0.1:{free_port()}", "--kubernetes-deployment", "web"),
    )


@together(away)
def test_an_autoscaler_a_socket_and_an_api_server_that_are_none(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert not outcome.directories
    for words in ("is no socket", "--autoscaler http://127.0.0.1:", "--kubernetes http://127.0.0.1:"):
        assert words in outcome.err
    assert outcome.err.count("nothing listens there; start it, or correct the address") == 2


def wrong(directory: Path) -> Finished:
    options = ("--autoscaler", "127.0.0.1:1", "--kubernetes", "http://127.0.0.1:1", "--haproxy-metrics", "nonsense")
    return run(directory, *options, "--capacity-per-replica", "many")


@together(wrong)
def test_wrong_options_are_named_at_once(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    for words in ("no scheme", "deployment is empty", "nonsense", "--capacity-per-replica many: give a number"):
        assert words in outcome.err
