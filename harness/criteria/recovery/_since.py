"""Why requests since a recovery do not show that the target is as good as before, in words."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._outcome import percent
from harness.criteria.recovery._attempts_failing import AttemptsFailing
from harness.criteria.recovery._left_behind import LeftBehind
from harness.criteria.recovery._recovery import Recovery, State

MOST_INSTANTS = 8
"""Named in a sentence."""


@dataclass(frozen=True)
class Named:
    """What the phases of a run are called."""

    baseline: str
    spike: str
    recovery: str


def doubt_since(measured: Recovery, phases: Named, *, passes: bool) -> str:
    """Empty where there is none. ``passes``: whether the interval is within the limit; otherwise only a name that is
    not back, attempts that fail, and what comes by turns, are told.
    """
    if measured.since is None or measured.band is None:
        return ""
    bad, intended = measured.since
    since = "the recovery" if measured.state is State.RECOVERED else f"the {phases.spike}"
    seen = f"{bad:,} of {intended:,} requests since {since} failed or were too slow"
    before = f"{percent(measured.band.bad.ratio)} in the {phases.baseline}"
    if measured.left_behind is not None:
        return _behind(measured.left_behind, since, phases)
    if measured.attempts_failing is not None:
        return _tried_again(measured.attempts_failing, since, phases)
    if measured.bursts_s is not None:
        at = ""
        if measured.bursts_s:
            at = f", most of them at {in_words(measured.bursts_s)} after the {phases.spike}"
        return (
            f"{seen}, against {before}, and they come by turns{at}: more requests/s would show in which seconds the "
            "target leaves the band again"
        )
    if not passes:
        return ""
    if measured.pace_ratio is not None:
        return (
            f"each of the planned users got {percent(measured.pace_ratio)} as many good answers as in the "
            f"{phases.baseline}, at the latency of those: others wait for one, or stay away after a failure, and ask "
            "nothing that would show it; arrivals (pacing = arrivals), which go on whoever waits, would"
        )
    if measured.band.is_worse(bad, intended):
        return (
            f"{seen}, against {before}: all together they are worse than before, though by no more than a window may "
            f"be; error_ratio or latency_quantile, with phase = {phases.recovery}, would judge it"
        )
    upper = measured.band.may_be_beyond(bad, intended)
    if upper is None:
        return ""
    return (
        f"{seen}, so up to {percent(upper)} may, and it is not shown that the target is as good as before: a longer "
        f"{phases.recovery} phase, or more requests in it, would settle it"
    )


def in_words(instants_s: tuple[float, ...]) -> str:
    """``13, 23, 33 s, 6 times``."""
    told = ", ".join(f"{at_s:g}" for at_s in instants_s[:MOST_INSTANTS])
    told += " …" if len(instants_s) > MOST_INSTANTS else ""
    return f"{told} s, {len(instants_s)} times" if len(instants_s) > 1 else f"{told} s"


def _behind(name: LeftBehind, since: str, phases: Named) -> str:
    before = (
        f"{name.bad_before:,} of {name.requests_before:,} in the {phases.baseline}: it is not back, though all "
        "together are"
    )
    if not name.requests_before:
        before = f"there were none of that name in the {phases.baseline}"
    return (
        f"{name.bad:,} of {name.requests:,} requests {name.name} since {since} {name.how}, and {before}; a criterion "
        f"of its own, with requests = {name.name}, would judge it"
    )


def _tried_again(name: AttemptsFailing, since: str, phases: Named) -> str:
    return (
        f"{name.failed:,} of {name.attempts:,} attempts of {name.name} since {since} failed, and "
        f"{name.failed_before:,} of {name.attempts_before:,} in the {phases.baseline}: the requests are good because "
        "users try again, and the target is not back; a run without retries would judge it"
    )
