"""The example for STOMP, against a broker that takes and makes frames with the same library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.run import runs
from tests.run.runs import Finished
from tests.run.services import served
from tests.run.together import together

EXAMPLE = Path(__file__).parents[2] / "examples" / "stomp_feed.py"
QUICK = {"baseline": 2, "spike": 2, "steady": 3, "drop": 3, "recovery": 3}
SMALL = ("--herd-users", "10", "--canary-per-s", "2", "--canary-users", "3")


@dataclass
class Outcome:
    done: Finished
    loses_each: int


def run(directory: Path, loses_each: int) -> Outcome:
    lengths = [word for name, s in QUICK.items() for word in (f"--{name}-s", str(s))]
    with served("stomp_broker", loses_each) as url:
        return Outcome(runs.locust(directory, str(EXAMPLE), *lengths, *SMALL, host=url).wait(), loses_each)


@together(run, takes_s=20, loses_each=[0, 7])
def test_it_is_judged_by_what_comes_back(outcome: Outcome) -> None:
    """A broker that says that it has received what nobody gets has lost it."""
    done, delivered = outcome.done, "FAIL" if outcome.loses_each else "PASS"
    done.ended_well(code=0 if delivered == "PASS" else 3)
    outcomes = {finding["criterion"]: finding["outcome"] for finding in done.verdict["findings"]}
    delivery, evidence = done.finding("message_delivery"), done.finding("message_delivery")["evidence"]
    assert outcomes["message_delivery"] == delivered, delivery
    assert outcomes["reconnect_time"] == outcomes["connections_kept"] == "PASS"
    assert done.finding("reconnect_time")["evidence"]["dropped"] == 10, "who leaves in the drop was not dropped"
    assert evidence["message SEND, due"] > 20
    lost = evidence.get("message MESSAGE, lost", 0)
    assert lost == evidence["lost"], "all was received"
    assert (0.05 < lost / evidence["message MESSAGE, due"] < 0.2) if outcome.loses_each else not lost
