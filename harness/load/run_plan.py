"""The plan of a run as the master sends it, once, to every node; each node then acts on it by its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from shapes._profile import Herd, Phase, Polyline, Profile


@dataclass(frozen=True)
class Load:
    """The level of one class of users."""

    user_class: str
    """Empty: of all classes together, by their shares of the users."""
    level: Polyline
    background_users: int
    """Users of the whole cluster that serve the level; the others wait at the gate."""


@dataclass(frozen=True)
class Plan:
    run: str
    """Identifies the run, so that a late message of an earlier run is not taken for one of this run."""
    origin_s: float
    """Instant at which the first phase begins, on the master's monotonic clock."""
    duration_s: int
    pacing: str
    """``arrivals``: the level is in starts per second (open model); ``users``: in active users (closed model)."""
    level: Polyline
    """Of the whole cluster."""
    seed: int | None
    """Of random arrivals; None for even ones."""
    herds: tuple[Herd, ...]
    background_users: int
    """Users of the whole cluster that serve the level; the others wait at the gate."""
    paced: bool
    """False when the users are Locust's own and start whenever they like."""
    drain_s: float
    """How long to wait, after the last phase, for answers that are still out."""
    phases: tuple[Phase, ...] = ()
    by_class: tuple[Load, ...] = ()
    """Where classes have levels of their own, these, which are the level together."""
    share: int = 0
    shares: int = 1
    """This node is number ``share`` of ``shares``."""

    @staticmethod
    def of(profile: Profile, *, run: str, origin_s: float, paced: bool, seed: int | None, drain_s: float) -> Plan:
        """The plan of the whole cluster."""
        return Plan(
            run=run,
            origin_s=origin_s,
            duration_s=profile.duration_s,
            pacing=profile.pacing,
            level=profile.level(paced),
            seed=seed,
            herds=profile.herds,
            background_users=profile.background_users,
            paced=paced,
            drain_s=drain_s,
            phases=profile.phases,
            by_class=tuple(
                Load(each.user_class, each.level(paced, profile.pacing), each.background_users)
                for each in profile.by_class
            ),
        )

    def for_node(self, share: int, shares: int) -> Plan:
        return replace(self, share=share, shares=shares)

    def phase_start_s(self, name: str) -> int | None:
        """Seconds after the origin at which the phase begins; None when the run has no such phase."""
        return next((phase.start_s for phase in self.phases if phase.name == name), None)

    @property
    def loads(self) -> tuple[Load, ...]:
        """Each with users of its own; one of all classes where they share the level."""
        return self.by_class or (Load("", self.level, self.background_users),)

    def has_herd(self, load: Load) -> bool:
        """Whether users of it wait for a herd."""
        return any(not herd.classes or load.user_class in ("", *herd.classes) for herd in self.herds)

    def own_background_users(self, load: Load) -> int:
        """This node's part of its ``background_users``; the parts of all nodes add up exactly. They are dealt out from
        the same node on as the users of the class (:func:`shapes._dispatcher.placed`), so that what is left of a node's
        users is its part of the herd.
        """
        rank = sorted(each.user_class for each in self.loads).index(load.user_class)
        return split(load.background_users, (self.share - rank) % self.shares, self.shares)

    def to_message(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_message(body: Mapping[str, Any]) -> Plan:
        return Plan(
            **{
                **body,
                "level": _line(body["level"]),
                "by_class": tuple(Load(**{**each, "level": _line(each["level"])}) for each in body["by_class"]),
                "herds": tuple(Herd(**{**herd, "classes": tuple(herd["classes"])}) for herd in body["herds"]),
                "phases": tuple(Phase(**phase) for phase in body["phases"]),
            }
        )


def _line(body: Mapping[str, Any]) -> Polyline:
    return Polyline(tuple((t, level) for t, level in body["points"]))


def split(total: int, share: int, shares: int) -> int:
    """Part number ``share`` of ``total`` things dealt out one by one to ``shares``."""
    return total // shares + (1 if share < total % shares else 0)
