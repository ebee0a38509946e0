"""What keeps a run from doing harm: the rules by which it is stopped early, and what a plan may have at most."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.live.stop_rules import BYTES, FLAG, MEMORY, RATE, StopRule, parse
from harness.plugins import flag
from harness.probes import Probe
from shapes._phased import PhasedShape
from shapes._profile import Phase


@dataclass(frozen=True)
class Rules:
    in_force: tuple[StopRule, ...]
    """Those of ``--stop-when``, then those of the limits, which hold without being asked."""
    idle: tuple[str, ...]
    """Standing rules that this run is too short for, each in words."""


def rules(
    options: Any,
    probes: Iterable[Probe],
    phases: Sequence[Phase],
    problems: list[str],
    standing: Collection[StopRule] = (),
) -> Rules:
    """``probes``: what is sampled. ``phases``: those of the run; empty where nobody knows. ``standing``: rules that
    were not given for this run alone. What is wrong is added to ``problems``.
    """
    found, wrong = parse(options.stop_when)
    idle: dict[StopRule, str] = {}
    problems += wrong
    for rule in found if phases else ():
        looked_at = [phase for phase in phases if rule.phase in ("", phase.name)]
        longest_s = sum(phase.end_s - phase.start_s for phase in looked_at)
        if not looked_at:
            names = ", ".join(phase.name for phase in phases)
            problems.append(f"{FLAG} {rule.words}: there is no such phase; choose one of {names}")
        elif rule.for_s > longest_s:  # who relies on a rule that can never hold is not protected
            what = f"the {rule.phase}" if rule.phase else "the run"
            why = f"{FLAG} {rule.words}: {what} takes {longest_s:g} s, so "
            if rule in standing:  # a scenario that is tried in short: it ends by itself before the rule is due
                idle[rule] = f"{why}the rule cannot hold, and this run goes without it"
            else:
                problems.append(f"{why}it could never hold; give fewer seconds")
    # Without a host nobody knows yet what will be sampled.
    sampled = not options.host or any(each.watches_processes for each in probes)
    if any(rule.metric == MEMORY for rule in found) and not sampled:
        problems.append(
            f"{FLAG} {MEMORY}: no process of the target is sampled; name it with --probe-ports, --probe-pids or --probe"
        )
    in_force = (
        *(rule for rule in found if rule not in idle),
        StopRule(RATE, options.max_requests_per_s, flag="--max-requests-per-s"),
        StopRule(BYTES, options.max_bytes, flag="--max-bytes"),
    )
    return Rules(in_force, tuple(idle.values()))


def beyond(options: Any, shape: PhasedShape) -> Iterable[str]:
    """What a plan has more of than a run may have: a slip of the finger must be no flood."""
    profile = shape.profile()
    planned = (
        ("users", shape.planned_users, "users", options.max_users),
        ("duration_s", profile.duration_s, "s", options.max_duration_s),
        ("requests_per_s", profile.starts.peak, "starts a second", options.max_requests_per_s),
    )
    for name, figure, what, limit in planned:
        if figure > limit:
            option = flag(f"max_{name}")
            yield f"{option} {limit:.10g}: the plan has {figure:,.10g} {what}; lower it, or give {option} {figure:.10g}"
