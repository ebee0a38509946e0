"""Stampede: how many readers load an item from the origin when it has left the cache."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds
from harness.criteria.cache._stampede import cache_use_of
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class Stampede(Criterion):
    """Loads from the origin at one expiry ÷ 1, the largest of all expiries, stay within a limit.

    Needs answers that say what the cache did (``X-Cache``) and, to tell a reader who waited for another's load from
    one who loaded, where they came from (``X-Read-From``): loads of readers who do not know are no reason to FAIL. See
    :mod:`harness.criteria.cache._stampede`. There is no PASS unless some expiry had more readers waiting than the
    limit: with fewer, nobody can tell.
    """

    title = "loads from the origin at one expiry"
    unit = "loads"
    evidence = CLIENTS

    limit: float = parameter(2.0, "most loads at one expiry", lowest=1)
    via: str = parameter("*", "the way of the reads that are judged, * for anything")

    def judge(self, recording: Recording) -> Finding:
        use = cache_use_of(recording, self.via)
        if isinstance(use, str):
            return self.inconclusive(use)
        if not use.expiries:
            return self.inconclusive(
                "no item expired while it was read; a longer run, or a shorter time to live, would show one"
            )
        worst = max(use.expiries, key=lambda expiry: expiry.loads)
        waiting = max(expiry.waiting for expiry in use.expiries)
        figure = float(worst.loads)
        interval = float(max(expiry.certain_loads for expiry in use.expiries)), figure
        outcome = against(self.limit, interval)
        reason = f"most loads at one of {len(use.expiries):,} expiries: {worst.loads:,}"
        reason += f", where up to {waiting:,} readers missed together; limit {self.limit:g}"
        if outcome is not Outcome.PASS and interval[0] < figure:
            reason += f"; {interval[0]:g} at one are certain, the others may only have waited for another's load: "
            reason += "let the service send X-Read-From: cache, or where it loaded from"
        if outcome is Outcome.PASS and waiting <= self.limit:
            outcome = Outcome.INCONCLUSIVE
            reason += "; only more readers of one item at the same time could show a stampede"
        return self.finding(
            outcome,
            reason,
            figure,
            interval,
            {
                "worst expiry": f"{worst.key} at {seconds(worst.at_s)}",
                "expiries": len(use.expiries),
                "loads there that said where they came from": worst.certain_loads,
                "most readers missing together": waiting,
                "mean loads at an expiry": round(sum(e.loads for e in use.expiries) / len(use.expiries), 3),
                "loads in the whole run": use.loads,
            },
        )
