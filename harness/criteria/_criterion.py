"""What every criterion has: its name, from what it is measured, and how it makes its finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.criteria._seen import Seen
from harness.findings import ALL, CLIENTS, RUN, Basis, Finding, Outcome
from harness.plugins import name_of, parameter, parameters_of
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class BaselineWanted:
    """What a criterion needs of the phase with which it compares, to say anything."""

    phase: str
    windows: int
    window_s: int
    requests: int
    """In each window, in the mean."""
    to_judge: str
    """What it could not be judged without: ``the recovery``."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A concrete one is a frozen dataclass in a file of its own: its fields are its parameters, ``judge`` is a pure
    function. Decide on an interval, not on a point, and say with INCONCLUSIVE what would settle it.
    """

    title: ClassVar[str] = ""
    """One line for people; where it depends on parameters, give it to :meth:`finding`."""
    unit: ClassVar[str] = ""
    guarded: ClassVar[tuple[str, ...]] = ()
    """Of a guard: the kinds of evidence that nobody can rely upon unless it passes."""
    follows: ClassVar[tuple[str, ...]] = ()
    """Criteria whose FAIL takes away what this one judges: then it has no PASS."""
    may_be_absent: ClassVar[tuple[str, ...]] = ()
    """Parameters that pick by name what may be missing, and is then found to be; others that pick nothing prove nothing
    at all."""
    compared_with: ClassVar[tuple[str, ...]] = ("baseline",)
    """Parameters that name a phase with which others are compared: what is judged came later."""
    evidence: ClassVar[str] = CLIENTS
    """From what the figure is measured: CLIENTS (a late load generator would make it good or bad by itself), TARGET (a
    probe of the target), RUN (the run itself). A guard voids what is measured from the evidence that it protects.
    """

    basis: ClassVar[Basis] = Basis.MEASURED
    """What the interval of a finding leaves open."""

    name: str = parameter("", "name of this finding, needed when the criterion is used twice")
    part: str = parameter("", "part of the run that it is about: reports judge each part by itself as well")

    def judge(self, recording: Recording) -> Finding:
        raise NotImplementedError

    def applies(self, recording: Recording) -> bool:  # noqa: ARG002
        """Whether there is anything to be judged by it. One that was asked for always applies, and is INCONCLUSIVE
        without evidence; one that is judged by default may be left out.
        """
        return True

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:  # noqa: ARG002
        """The requests whose failures would show in the finding, or are part of what it allows: none here."""
        yield from ()

    def slowness_seen(self, recording: Recording) -> Iterator[Seen]:  # noqa: ARG002
        """The same of requests that are answered well, and late."""
        yield from ()

    @property
    def sure(self) -> float | None:
        """How sure an interval is that is an estimate; None where nobody says."""
        return None

    @property
    def baseline_wanted(self) -> BaselineWanted | None:
        """None where any will do, or none is compared with."""
        return None

    @property
    def limit_value(self) -> float | None:
        """The limit that is shown: the first parameter that has the word in its name."""
        found = next((each.name for each in parameters_of(type(self)) if "limit" in each.name), None)
        value: Any = None if found is None else getattr(self, found)
        return None if value is None else float(value)

    def finding(
        self,
        outcome: Outcome,
        reason: str,
        figure: float | None = None,
        interval: tuple[float, float] | None = None,
        evidence: Mapping[str, Scalar] | None = None,
        *,
        title: str = "",
        limit: float | None = None,
        censored: bool = False,
        basis: Basis | None = None,
    ) -> Finding:
        """A finding of this criterion. ``title``, ``limit`` and ``basis`` only where they are not those of the class.

        ``censored``: what was waited for had not come when the watching ended, so the interval is open upwards.
        """
        basis = basis or self.basis
        return Finding(
            criterion=self.name or name_of(self),
            part=self.part,
            title=title or self.title,
            outcome=outcome,
            reason=reason,
            figure=figure,
            unit=self.unit,
            limit=self.limit_value if limit is None else limit,
            interval=interval,
            basis=basis,
            confidence=self.sure if basis is Basis.ESTIMATE else None,
            evidence=evidence or {},
            kind=name_of(self),
            censored=censored,
            voids=() if outcome is Outcome.PASS else self.guarded,
        )

    def inconclusive(self, reason: str, evidence: Mapping[str, Scalar] | None = None, *, title: str = "") -> Finding:
        """There is nothing to judge; ``reason`` says what would change that."""
        return self.finding(Outcome.INCONCLUSIVE, reason, evidence=evidence, title=title)


@dataclass(frozen=True, kw_only=True)
class Estimate(Criterion):
    """A criterion whose figure would have been another one with other requests of the same kind. A verdict asks it for
    its interval at a higher confidence, too, where several of them could fail by chance.
    """

    basis: ClassVar[Basis] = Basis.ESTIMATE

    confidence: float = parameter(0.95, "confidence of the interval, by itself", lowest=0.5, highest=0.999999)

    @property
    def sure(self) -> float | None:
        return self.confidence


@dataclass(frozen=True)
class Guard(Criterion):
    """A criterion about the evidence. One that does not pass, or that crashes, voids what it guards."""

    evidence: ClassVar[str] = RUN
    guarded: ClassVar[tuple[str, ...]] = ALL
    of_generator: ClassVar[bool] = False
    """Whether it objects to what made the load, or to its machine: with another one more could be said."""
    of_target: ClassVar[bool] = False
    """Whether what it objects to is the target's doing: of several runs it is no accident that one may leave out."""

    may_guard_nothing: ClassVar[bool] = False
    """Whether a run may have nothing of what it guards, as no fault or no gate was planned: it passes then."""

    @classmethod
    def is_about_target(cls, finding: Finding) -> bool:  # noqa: ARG003
        """The same of one finding, where it depends on that."""
        return cls.of_target

    def without_objection(self, recording: Recording) -> Recording | None:  # noqa: ARG002
        """Where it objects: the recording without what it objects to. What is a FAIL there as well has been proven, and
        is not voided by this guard. None where nothing can be proven.
        """
        return None
