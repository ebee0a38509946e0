"""So many good and quick answers in a row after the spike, whatever their order inside of a second."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import criteria
from harness.analysis import phases
from harness.analysis.histogram import bucket_index
from harness.criteria.recovery.answers_in_a_row import Second, first_row
from harness.findings import Finding, Outcome
from harness.recording import End, Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import OK, UNFINISHED, Scalar
from tests import recordings

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
QUICK_US, SLOW_US = 20_000, 1_200_000


def run(after: Sequence[str], end: End | None = None) -> Recording:
    """A spike until 20 s, and each second after it: ``g`` a good answer, ``s`` a slow one, ``f`` one that failed, ``u``
    one that is still out. Of each kind, in whatever order.
    """
    kinds = {"g": (OK, QUICK_US), "s": (OK, SLOW_US), "f": ("http 503", None), "u": (UNFINISHED, None)}
    pieces = [Slice(t, "local", "GET /", OK, 10, 0, {bucket_index(QUICK_US): 10}) for t in range(20)]
    for t, answers in enumerate(after, start=20):
        for kind, (outcome, took_us) in kinds.items():
            if count := answers.count(kind):
                latency = {} if took_us is None else {bucket_index(took_us): count}
                pieces.append(Slice(t, "local", "GET /", outcome, count, 0, latency))
    whole = recordings.healthy()
    phases = Phase("baseline", 0, 10), Phase("spike", 10, 20), Phase("recovery", 20, 20 + len(after))
    planned = dataclasses.replace(whole.header, phases=phases, gates=(), level=())
    ended = end or End(20 + len(after), "completed", True, 0, 0)
    return dataclasses.replace(whole, header=planned, slices=tuple(pieces), end=ended)


def judged(recording: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec("answers_in_a_row", parameters)).judge(recording)


@pytest.mark.parametrize(
    ("after", "interval"),
    [
        (["ggggg"] * 3, (0, 1)),
        (["gg", "gg", "gg"], (2, 3)),
        (["fffff", "sssss", "ggggg"], (2, 3)),
        (["gggg", "fgggg", "f"], (1, math.inf)),  # the failed one came first, or last, or in between
        (["ggggf", "ggggg"], (1, 2)),
        (["gggggf", "ggg"], (0, math.inf)),  # the failed one before the last of them: four in a row, twice
        (["gggggf", "gggg"], (0, 2)),
        (["ggggggggggf", "f"], (0, 1)),  # one cannot part ten so that no five are together
        (["ggggggggf", "f", "f"], (0, math.inf)),  # four and four
        (["gfgfgfgf"] * 3, (1, math.inf)),
    ],
)
def test_the_interval_has_every_order_of_the_requests_of_a_second(
    after: Sequence[str], interval: tuple[float, float]
) -> None:
    found = judged(run(after), limit_s=10)
    assert found.interval == interval, found.reason
    assert found.censored == math.isinf(interval[1])


@given(st.lists(st.text("gf", min_size=1, max_size=5), min_size=1, max_size=4), st.integers(1, 5))
def test_it_holds_what_all_orders_give(after: list[str], answers: int) -> None:
    """Against every order of every second: the earliest second of any, and the latest."""
    found = []
    for order in itertools.product(*({"".join(p) for p in itertools.permutations(second)} for second in after)):
        row, at = 0, math.inf
        for t, answer in ((t, answer) for t, second in enumerate(order) for answer in second):
            row = row + 1 if answer == "g" else 0
            if row == answers:
                at = float(t)
                break
        found.append(at)
    seconds = [Second(t, each.count("g"), each.count("f")) for t, each in enumerate(after)]
    earliest, surely = first_row(seconds, answers)
    assert earliest == min(found)
    assert surely == max(found) + 1


def test_of_each_second_it_is_told_how_many_were_good_were_not_and_are_not_known() -> None:
    """A slow one is no good one; a second without requests tells nothing. Where the run was stopped, nobody knows of
    those that were still out.
    """
    criterion: Any = criteria.load(CriterionSpec("answers_in_a_row"))
    stopped = phases.judged(run(["gggsfuu", "", "g", "u"], End(24, "stopped", False, 0, 0)), "")
    found = list(criterion._seconds(stopped, Phase("recovery", 20, 24)))
    assert found == [Second(20, 3, 2, 2), Second(22, 1, 0, 0), Second(23, 0, 0, 1)]


def test_the_limit_and_what_settles_it() -> None:
    late = ["fffff"] * 8 + ["ggggg"] * 4
    assert judged(run(late), limit_s=9).outcome is PASS
    assert judged(run(late), limit_s=8.5).outcome is INCONCLUSIVE
    found = judged(run(late), limit_s=7.9)
    assert (found.outcome, found.figure) == (FAIL, 9)
    assert "5 answers in a row within 1 s came 8 s to 9 s after the spike, limit 7.9 s" in found.reason


@pytest.mark.parametrize(
    ("after", "limit_s", "outcome", "told"),
    [
        (["fffff"] * 8 + ["ggggg"], 8.5, INCONCLUSIVE, "; too close to tell with whole seconds"),
        (["gggggf", "gggg"], 1.0, INCONCLUSIVE, "; more requests a second would settle it"),
        (["gggggf", "ggg"], 1.0, INCONCLUSIVE, ", among others: limit 1 s; more requests a second would settle it"),
        (["f"] * 3, 3.0, INCONCLUSIVE, "in the 3 s after the spike, limit 3 s; a longer recovery would settle it"),
        (["fffff"] * 8 + ["ggggg"], 9.0, PASS, "came 8 s to 9 s after the spike, limit 9 s"),
        (["gggggf", "gggg"], 2.0, PASS, "came 0 ms to 2 s after the spike, limit 2 s"),
        (["gggg", "fgggg", "f"], 0.9, FAIL, "may have come from 1 s after the spike on, among others: limit 900 ms"),
        (["f"] * 3, 2.9, FAIL, "no 5 answers in a row within 1 s in the 3 s after the spike, limit 2.9 s"),
    ],
)
def test_what_settles_it_is_told_of_what_is_not_known_and_of_nothing_else(
    after: list[str], limit_s: float, outcome: Outcome, told: str
) -> None:
    found = judged(run(after), limit_s=limit_s)
    assert found.outcome is outcome and found.reason.endswith(told), found.reason


def test_it_says_what_it_was_found_in() -> None:
    found = judged(run(["gsf", "gg"]), answers=3, requests="GET /")
    assert found.title == "spike over to 3 answers in a row within 1 s, GET /"
    assert found.evidence == {"requests after the spike": 5, "good and quick": 3, "watched (s)": 2.0}
    assert judged(run(["gsf", "gg"])).title == "spike over to 5 answers in a row within 1 s"


def test_never_is_longer_than_it_was_watched_and_no_pass() -> None:
    never = judged(run(["ssss"] * 12), limit_s=10)
    assert (never.outcome, never.figure, never.censored) == (FAIL, None, True)
    assert never.reason == "no 5 answers in a row within 1 s in the 12 s after the spike, limit 10 s"
    short = judged(run(["ssss"] * 12))
    assert short.outcome is INCONCLUSIVE and short.reason.endswith("a longer recovery would settle it")


def test_slow_answers_are_quick_where_more_time_is_given_and_fewer_make_a_row() -> None:
    assert judged(run(["ssss", "ssss"]), within_s=1.5, answers=4).outcome is PASS
    assert judged(run(["ggg", "f"]), answers=3).interval == (0, 1)


def test_what_is_still_out_is_neither_good_nor_bad_for_certain() -> None:
    cut = run(["ggggu", "u"], End(22, "stopped", False, 0, 2))
    found = judged(cut, limit_s=1)
    assert found.interval is not None and found.interval[0] == 0 and math.isinf(found.interval[1])
    assert found.outcome is INCONCLUSIVE


def test_without_requests_or_without_a_spike_there_is_nothing_to_judge() -> None:
    nothing = judged(run(["", ""]), remedy="send some")
    assert nothing.outcome is INCONCLUSIVE
    assert nothing.reason == "no requests after the spike, so there is nothing to judge: send some"
    for missing, told in (("rush", "the run has no phase 'rush'"), ("recovery", "no requests after the recovery")):
        found = judged(run(["ggggg"]), spike=missing)
        assert found.outcome is INCONCLUSIVE and found.reason.startswith(told)
