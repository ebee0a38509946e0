"""Criteria: each file in one of the rooms here is one, a frozen dataclass whose fields are its parameters.

The file's name is the public name, in whichever room it lies; ``requests/error_ratio.py`` is the one to copy. Files
that begin with an underscore hold a room's own analysis. A criterion is a pure function of a recording: it reads no
clock and no environment. What lies in ``guards/`` is a guard, and guards every run without being asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import MISSING
from typing import Any

from harness.criteria._criterion import Criterion, Guard
from harness.criteria._filters import unmatched as unmatched
from harness.errors import ConfigurationError
from harness.findings import BASELINE, CLIENTS, Finding
from harness.plugins import Folder
from harness.recording import Recording
from harness.recording.header import CriterionSpec

_FOLDER = Folder(__name__, "criterion", "judge")
available = _FOLDER.available
parameters = _FOLDER.parameters
summary = _FOLDER.summary
held = _FOLDER.held


def name_of(spec: CriterionSpec) -> str:
    """The name of the finding that this criterion makes."""
    return str(spec.parameters.get("name") or spec.criterion)


def title_of(criterion: str) -> str:
    """What its findings are called in reports, where they say nothing of the run; empty where it is not known."""
    return str(_of_class(criterion, "title", ""))


def guard_specs() -> tuple[CriterionSpec, ...]:
    """Every guard, as it is by default."""
    return tuple(CriterionSpec(name) for name, module in _FOLDER.modules().items() if _lies_with_guards(module))


def with_defaults(specs: Iterable[CriterionSpec]) -> tuple[CriterionSpec, ...]:
    """The same, with the value of every parameter that they leave at its default."""
    return tuple(
        CriterionSpec(
            spec.criterion,
            {each.name: each.default for each in parameters(spec.criterion) if each.default is not MISSING}
            | dict(spec.parameters),
        )
        for spec in specs
    )


def is_guard(criterion: str) -> bool:
    """Whether its file lies in the folder of the guards."""
    return _lies_with_guards(_FOLDER.modules().get(criterion, ""))


def _lies_with_guards(module: str) -> bool:
    return module.startswith(f"{__name__}.guards.")


def evidence_of(criterion: str) -> str:
    """From what its figure is measured: ``clients``, ``target`` or ``run``. Where that is not declared, or the
    criterion is not known, it counts as measured by the clients, so that a guard of these voids it.
    """
    return str(_of_class(criterion, "evidence", CLIENTS))


def follows(criterion: str) -> tuple[str, ...]:
    """The criteria whose FAIL leaves it without a PASS; none where it is not known."""
    return tuple(_of_class(criterion, "follows", ()))


def rests_on(criterion: str) -> tuple[str, ...]:
    """All that a guard can take away from under it: its evidence, and the baseline, where it has a parameter of that
    name because it compares with it.
    """
    try:
        compares = any(each.name == BASELINE for each in parameters(criterion))
    except ConfigurationError:
        compares = True
    return (evidence_of(criterion), BASELINE) if compares else (evidence_of(criterion),)


def guarded_by(criterion: str) -> tuple[str, ...]:
    """The evidence that a guard protects; nothing where it is none."""
    return tuple(_of_class(criterion, "guarded", ()))


def is_about_generator(criterion: str) -> bool:
    """Whether it is a guard that objects to what made the load, and not to the target."""
    return bool(_of_class(criterion, "of_generator", False))


def is_about_target(finding: Finding) -> bool:
    """Whether it is a guard's, and objects to what the target has done."""
    about: Callable[[Finding], bool] | None = _of_class(finding.kind, "is_about_target", None)
    return about is not None and about(finding)


def _of_class(criterion: str, attribute: str, otherwise: Any) -> Any:
    """What the class of a criterion declares; ``otherwise`` where it is not known, or does not."""
    try:
        return getattr(_FOLDER.class_of(criterion), attribute, otherwise)
    except ConfigurationError:
        return otherwise


def without_objection(spec: CriterionSpec, recording: Recording) -> Recording | None:
    """See :meth:`harness.criteria._criterion.Guard.without_objection`; None of anything but a guard."""
    guard = load(spec)
    return guard.without_objection(recording) if isinstance(guard, Guard) else None


def load(spec: CriterionSpec) -> Criterion:
    """The criterion with its parameters. Raises ConfigurationError with all that is wrong about it."""
    criterion: Criterion = _FOLDER.load(spec.criterion, spec.parameters)
    return criterion


def load_all(specs: Iterable[CriterionSpec]) -> tuple[Criterion, ...]:
    """All criteria of a run. Raises one ConfigurationError with the problems of all of them."""
    specs = tuple(specs)
    loaded: list[Criterion] = []
    problems: list[str] = []
    for spec in specs:
        try:
            loaded.append(load(spec))
        except ConfigurationError as error:
            problems += error.messages
    for name, uses in Counter(name_of(spec) for spec in specs).items():
        if uses > 1:
            problems.append(f"{uses} criteria are called {name!r}; give all but one of them another name=")
    if problems:
        raise ConfigurationError(problems)
    return tuple(loaded)
