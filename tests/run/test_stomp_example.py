"""The example for STOMP, against a broker that takes and makes frames with the same library."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run import runs
from tests.run.services import served

EXAMPLE = Path(__file__).parents[2] / "examples" / "stomp_feed.py"
QUICK = {"baseline": 2, "spike": 2, "steady": 3, "drop": 3, "recovery": 3}
SMALL = ("--herd-users", "10", "--canary-per-s", "2", "--canary-users", "3")


@pytest.mark.parametrize(("loses_each", "delivered"), [(0, "PASS"), (7, "FAIL")])
def test_it_is_judged_by_what_comes_back(tmp_path: Path, loses_each: int, delivered: str) -> None:
    """A broker that says that it has received what nobody gets has lost it."""
    lengths = [word for name, s in QUICK.items() for word in (f"--{name}-s", str(s))]
    with served("stomp_broker", loses_each) as url:
        done = runs.locust(tmp_path, str(EXAMPLE), *lengths, *SMALL, host=url).wait()
    done.ended_well(code=0 if delivered == "PASS" else 3)
    outcomes = {finding["criterion"]: finding["outcome"] for finding in done.verdict["findings"]}
    delivery, evidence = done.finding("message_delivery"), done.finding("message_delivery")["evidence"]
    assert outcomes["message_delivery"] == delivered, delivery
    assert outcomes["reconnect_time"] == outcomes["connections_kept"] == "PASS"
    assert done.finding("reconnect_time")["evidence"]["dropped"] == 10, "who leaves in the drop was not dropped"
    assert evidence["message SEND, due"] > 20
    lost = evidence.get("message MESSAGE, lost", 0)
    assert lost == evidence["lost"], "all was received"
    assert (0.05 < lost / evidence["message MESSAGE, due"] < 0.2) if loses_each else not lost
