"""The example for Socket.IO, against a real server of python-socketio's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.run import runs
from tests.run.runs import Finished
from tests.run.services import served
from tests.run.together import together

EXAMPLE = Path(__file__).parents[2] / "examples" / "socketio_chat.py"
QUICK = {"baseline": 2, "spike": 2, "steady": 3, "drop": 3, "recovery": 3}
SMALL = ("--herd-users", "10", "--canary-per-s", "2", "--canary-users", "3")


@dataclass
class Outcome:
    done: Finished
    forgets_each: int


def run(directory: Path, forgets_each: int) -> Outcome:
    lengths = [word for name, s in QUICK.items() for word in (f"--{name}-s", str(s))]
    with served("socketio_server", forgets_each) as url:
        return Outcome(runs.locust(directory, str(EXAMPLE), *lengths, *SMALL, host=url).wait(), forgets_each)


@together(run, takes_s=20, forgets_each=[0, 7])
def test_it_is_judged_by_what_is_acknowledged(outcome: Outcome) -> None:
    """One that forgets to acknowledge each seventh has lost it."""
    done, delivered = outcome.done, "FAIL" if outcome.forgets_each else "PASS"
    done.ended_well(code=4 if delivered == "PASS" else 3)  # too short for the other figures
    outcomes = {finding["criterion"]: finding["outcome"] for finding in done.verdict["findings"]}
    assert outcomes["message_delivery"] == delivered, done.finding("message_delivery")
    assert outcomes["reconnect_time"] == outcomes["connections_kept"] == "PASS"
    assert done.finding("reconnect_time")["evidence"]["dropped"] == 10, "who leaves in the drop was not dropped"
    assert done.finding("message_delivery")["evidence"]["message say, due"] > 20
