"""PhasedShape: a Locust shape that is a profile of named phases.

Alone in a locustfile, with stock users, ``tick()`` follows the profile's users over time the ordinary Locust way.
Attached to the harness with users that can be parked, it asks for the whole pool at once and stays constant, and
pacers make the load from the profile (spawn early, release on time).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, replace
from typing import Any, ClassVar

from locust import LoadTestShape

from harness.errors import nearest
from harness.plugins import Parameter, declared_in
from shapes import _classes
from shapes._dispatcher import dispatcher
from shapes._profile import Profile

LONGEST_S = 7 * 24 * 3600
MOST = 1_000_000
"""Largest level, number of users, or whatever else is counted."""
MOST_PHASES = 200
MOST_POINTS = 20_000
"""Points of a level: the plan travels to every node in one message."""

Conflict = tuple[Iterable[str], bool, str]
"""Options that are involved, whether they cannot go together, and why in words."""


class PhasedShape(LoadTestShape):
    """Base class of every shape. A concrete one declares parameters and gives ``build()``, perhaps ``conflicts()``.

    ``hold_s: int = parameter(60, "time at the peak", lowest=1)`` makes an option of the attribute ``hold_s``: a
    command-line flag, an environment variable, a line of the config file and a field of the web form. A plain
    ``hold_s = 30`` in a subclass is another default. Without a ``highest`` it is MOST, or LONGEST_S for seconds.
    """

    abstract = True

    parameters: ClassVar[dict[str, Parameter]] = {}
    """By name, those of the parents first; collected from the declarations."""
    undeclared: ClassVar[tuple[str, ...]] = ()
    """Parameters of a parent that are no options of this shape."""

    of_pacers: ClassVar[tuple[str, ...]] = ()
    """Parameters that only parked users heed, beside those of the parents."""

    clock: Callable[[], float | None] | None = None
    """Set by the harness: seconds after the first phase began, None as long as it has not begun."""
    parked: bool = False
    """Set by the harness: users are parked and paced, so spawn the whole pool and keep it."""
    user_classes: tuple[str, ...] | None = None
    """Set by the harness: the names of the run's classes of users."""
    ended: bool = False
    """Set by the harness: every node has delivered its last report."""

    _built: tuple[tuple[Any, ...], Profile] | None = None

    def __init_subclass__(cls) -> None:
        """Collects what is declared, and leaves the default in its place. ``peak = 100`` in a scenario stays the float
        that the shape declared, so ``--peak 2.5`` is understood.
        """
        super().__init_subclass__()
        inherited = {name: each for name, each in cls.parameters.items() if name not in cls.undeclared}
        cls.parameters = {**inherited, **{each.name: _bounded(each) for each in declared_in(cls)}}
        for name, each in cls.parameters.items():
            if name in vars(cls):
                value = vars(cls)[name]
                setattr(cls, name, each.usable(each.default if isinstance(value, Field) else value))

    @property
    def size_option(self) -> str:
        """The parameter that says how large the spike is; empty where none does."""
        return ""

    def build(self) -> Profile:
        """The profile of the present option values, which have no ``problems()``."""
        raise NotImplementedError

    @property
    def planned_users(self) -> int:
        """How many users the run has, most of all at one time."""
        profile = self.profile()
        return profile.pool_users if self.parked else math.ceil(profile.level(False).peak)

    def class_levels(self) -> Mapping[Any, _classes.Part]:
        """Each class of users, or its name → its share of the shape's own load (``0.2``; all of them add up to 1), a
        level of its own (:class:`shapes.timeline.Level`), or another shape. Nothing: all share the load by their
        weights.
        """
        return {}

    def _parts(self) -> dict[str, _classes.Part]:
        return {getattr(each, "__name__", each): part for each, part in self.class_levels().items()}

    def profile(self) -> Profile:
        """As ``build()``, with the levels of the classes, and built once as long as no option changes."""
        values = tuple(getattr(self, name) for name in self.parameters)
        if self._built is None or self._built[0] != values:
            built, parts = self.build(), self._parts()
            self._built = values, _classes.by_class(built, parts) if parts else built
        return self._built[1]

    def level(self, t: float) -> float:
        """Level ``t`` seconds after the first phase began: starts/s for parked users in the open model, else users.

        A herd is an instant and has no level; it is in ``profile().herds``.
        """
        return self.profile().level(self.parked).at(t)

    def conflicts(self) -> Iterator[Conflict]:
        """Values that are fine alone and impossible together. Those of options that are wrong by themselves are not
        reported, but they are computed: divide by nothing that may be 0.
        """
        yield from ()

    def notes(self) -> list[str]:
        """What whoever reads the plan or the report should know of it, a line each."""
        return []

    def problems(self) -> list[str]:
        """Everything that makes the present option values impossible, in words; empty when they are fine."""
        self._built = None
        unread = list(self._unread())
        wrong: dict[str, str] = {}
        for name, each in self.parameters.items():
            value = getattr(self, name)
            if problem := each.problem(value):
                wrong[name] = f"{each.flag} {each.shown(value)}: {problem}"
        if not all(each.fits(getattr(self, name)) for name, each in self.parameters.items()):
            return [*unread, *wrong.values()]  # conflicts compare numbers
        found = [
            *unread,
            *wrong.values(),
            *(why for names, impossible, why in self.conflicts() if impossible and not wrong.keys() & set(names)),
        ]
        return found or self._class_problems() or self._too_large()

    def _class_problems(self) -> list[str]:
        """What is wrong with the levels of classes."""
        try:
            parts = self._parts()
            return list(_classes.problems(self.build(), parts, self.user_classes)) if parts else []
        except Exception as error:  # in the scenario's own code
            return [f"{type(self).__name__}.class_levels(): {type(error).__name__}: {error}"]

    def _unread(self) -> Iterator[str]:
        """Attributes of a concrete shape that nothing reads: a slip in the name of an option would go unnoticed."""
        for cls in type(self).__mro__:
            if not issubclass(cls, PhasedShape) or cls.abstract:
                continue
            hints = [name for name in vars(cls).get("__annotations__", ()) if name not in vars(cls)]
            yield from (
                f"{cls.__name__}.{name}: it has a type and no value; write {name} = …"
                for name in hints
                if name in cls.parameters
            )
            for name in [name for name in (*vars(cls), *hints) if name not in cls.parameters]:
                withdrawn = any(name in getattr(parent, "parameters", ()) for parent in cls.__mro__[1:])
                own = name.startswith("_") or name.isupper() or hasattr(vars(cls).get(name), "__get__")
                if withdrawn or (not own and not hasattr(super(cls, cls), name)):
                    meant = nearest(name, cls.parameters)
                    remedy = f"did you mean {meant}?" if meant else f"it has {', '.join(cls.parameters)}."
                    yield f"{cls.__name__}.{name}: the shape has no such option; {remedy} (Your own begin with _.)"

    def options_of(self, parked: bool) -> tuple[str, ...]:
        """The names of the parameters that such users heed."""
        ignored = {name for cls in type(self).__mro__ for name in vars(cls).get("of_pacers", ())}
        return tuple(name for name in self.parameters if parked or name not in ignored)

    def reset_time(self) -> None:
        """Locust calls this at the start of each run; the one instance serves all runs of a session."""
        self.start_time = time.perf_counter()
        self.ended = False
        if self.runner is not None:
            environment = self.runner.environment
            environment.dispatcher_class = dispatcher(environment.dispatcher_class, by_class=bool(self._parts()))
            if self.user_classes is None:  # without the harness nobody has looked
                self.user_classes = tuple(each.__name__ for each in environment.user_classes)
                if problems := self._class_problems():
                    raise ValueError("; ".join(problems))

    def tick(self) -> Any:
        """Users and spawn rate now, None at the end (Locust calls this about once a second). With levels of classes the
        users of each, too, for :class:`shapes._dispatcher.ClassDispatcher`.
        """
        profile = self.profile()
        if self.ended:
            return None
        if self.parked:
            counts = tuple((each.user_class, each.pool_users) for each in profile.by_class)
            return (profile.pool_users, profile.pool_users, *([counts] if counts else []))
        t = time.perf_counter() - self.start_time if self.clock is None else self.clock()
        if t is None:
            t = 0.0
        if t >= profile.duration_s:
            return None
        rate = max(1.0, profile.users.peak)
        if profile.by_class:
            counts = tuple((each.user_class, round(each.users.at(t))) for each in profile.by_class)
            return sum(users for _, users in counts), rate, counts
        # The rate is the peak, so that a step is asked for in one go; Locust spawns on a grid of one second anyway.
        return round(profile.users.at(t)), rate

    def _too_large(self) -> list[str]:
        """What only shows when the profile is drawn."""
        profile = self.profile()
        points = max(len(profile.users.points), len(profile.starts.points))
        peak = max(profile.users.peak, profile.starts.peak)
        sizes = (
            (profile.duration_s > LONGEST_S, f"{profile.duration_s:,} s in all: at most {LONGEST_S:,} s are possible"),
            (peak > MOST, f"a peak of {peak:,.0f}: at most {MOST:,} are possible"),
            (len(profile.phases) > MOST_PHASES, f"{len(profile.phases)} phases: at most {MOST_PHASES} are possible"),
            (points > MOST_POINTS, f"a level of {points:,} points: at most {MOST_POINTS:,} are possible"),
            (profile.pool_users > MOST, f"a pool of {profile.pool_users:,} users: at most {MOST:,} are possible"),
            (peak == 0 and not profile.herds, "the level is 0 all the time: nothing would be started"),
        )
        return [why for impossible, why in sizes if impossible]


def _bounded(declared: Parameter) -> Parameter:
    """With a highest value, where it has none of its own."""
    if not math.isinf(declared.highest):
        return declared
    is_time = declared.name.endswith("_s") and not declared.name.endswith("_per_s")
    return replace(declared, highest=LONGEST_S if is_time else MOST)
