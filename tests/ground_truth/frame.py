"""Ground truth: a fault of known size is put into the reference target, and a real run has to find that and no more.

A scenario's module here has the name of its file in ``locustfiles/`` and keeps what is its own: ``CASES``, ``SHORT``
(those of ``make test``), and how a run compares with the fault's own account. What is judged of every run:

- each criterion of ``expected`` has its outcome; those that ``follow`` may have any; all others, guards included, have
  to pass (a case may let its other criteria be INCONCLUSIVE, but no guard);
- the case's check finds no difference between the figures and what the target says of itself.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from harness.commands.reference_target import options_for, reference_target
from harness.findings import Finding, Outcome, Verdict
from harness.recording import Recording
from harness.recording.file import read
from harness.verdict import judge
from target.faults import folder
from target.faults.folder import summed
from target.loopback_http import ask
from target.stack import state as states
from tests.run.runs import start

ROOT = Path(__file__).parent.parent.parent
BESIDE_EACH_OTHER = ("--machine-pressure-limit", "1", "--machine-pressure-throttled-limit", "1")
"""Cases that mostly wait go side by side, and each is somebody else to the others."""
LIMIT_S = 170.0
"""A run that takes longer has gone astray."""
PASS, INCONCLUSIVE, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL


@dataclass(frozen=True)
class Compared:
    """What a check found: differences in words, and where there is one, the figure that was to be found."""

    differences: Sequence[str] = ()
    figure: float | None = None
    truth: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Case:
    """A fault with its parameters, and what a run of the scenario has to say about it."""

    name: str
    scenario: str
    """Name of the file in ``locustfiles/``."""
    fault: str = "noop"
    parameters: Mapping[str, float] = field(default_factory=dict)
    expected: Mapping[str, Outcome] = field(default_factory=dict)
    follow: frozenset[str] = frozenset()
    """Criteria that the fault, or a busy machine, moves as well: told, and not judged."""
    rest: Outcome = PASS
    """The worst that all other criteria may be; guards always have to pass."""
    check: Callable[[Run], Compared] = lambda _: Compared()
    begins: str = ""
    """The fault is put when this phase has begun; empty: before the load."""
    options: tuple[str, ...] = ()
    """``{state}`` stands for the target's state file."""
    reference: Mapping[str, str] = field(default_factory=dict)
    """Settings of the target beyond those that the scenario wants."""
    meanwhile: Callable[[Mapping[str, Any], Event], Any] | None = None
    """Called with the target while the run goes, in a thread; has to return soon after the event, the run's end."""
    ask: Callable[[Mapping[str, Any]], Any] | None = None
    """Called with the target when the run is over: what it says of itself besides the fault's account."""

    def allows(self, finding: Finding) -> bool:
        name, worst = finding.criterion, PASS if finding.is_guard else self.rest
        if name in self.expected:
            return finding.outcome is self.expected[name]
        return name in self.follow or finding.outcome.rank <= worst.rank


@dataclass(frozen=True)
class Run:
    """What a run found, and what the target says of itself."""

    case: Case
    recording: Recording
    verdict: Verdict
    account: Mapping[str, float]
    """The fault's own, over all processes."""
    records: Sequence[Mapping[str, Any]]
    """Single events that the fault caused, where it keeps them."""
    seen: Any
    """What ``meanwhile`` returned."""
    answer: Any
    """What ``ask`` returned."""

    def finding(self, criterion: str) -> Finding:
        return next(finding for finding in self.verdict.findings if finding.criterion == criterion)


@dataclass(frozen=True)
class Result:
    """A run beside the truth."""

    case: str
    differences: tuple[str, ...]
    """Empty when all is right."""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Criterion → ``PASS``, ``FAIL`` or ``INCONCLUSIVE``."""
    figure: float | None = None
    truth: float | None = None
    unit: str = ""

    @property
    def right(self) -> bool:
        return not self.differences

    @property
    def undecided(self) -> bool:
        """All that is wrong is that criteria say less than they should: the machine may have disturbed the run."""
        names = [difference.partition(f" {INCONCLUSIVE.value}: ")[0] for difference in self.differences]
        return bool(names) and all(name in self.outcomes for name in names)

    def __str__(self) -> str:
        beside = "" if self.figure is None else f" (found {self.figure:.5g}, true {self.truth:.5g} {self.unit})"
        return f"{'right' if self.right else 'WRONG'} {self.case}{beside}{': ' * (not self.right)}" + "; ".join(
            self.differences
        )


def run(case: Case) -> Result:
    """Starts a fresh stack as the scenario wants it, runs the scenario with the fault on, and compares.

    Raises RuntimeError when there is no run to judge.
    """
    with stack_for(case) as stack:
        found = load(case, stack)
    return compare(found)


def compare(found: Run) -> Result:
    """Outcomes against those expected, figures against the account."""
    case, findings = found.case, found.verdict.findings
    outcomes = {finding.criterion: finding.outcome.value for finding in findings}
    wrong = [f"{name} was not judged" for name in sorted({*case.expected, *case.follow} - outcomes.keys())]
    wrong += [
        f"{finding.criterion} {finding.outcome.value}: {finding.reason}"
        for finding in findings
        if not case.allows(finding)
    ]
    compared = case.check(found)
    return Result(
        *(case.name, (*wrong, *compared.differences), outcomes),
        *(compared.figure, compared.truth, compared.unit),
    )


def shortened(case: Case, **options: float) -> Case:
    """The case with shape options such as ``baseline_s=5``, which win over its own."""
    return dataclasses.replace(case, options=(*case.options, *flags(**options)))


def flags(**options: float) -> tuple[str, ...]:
    """``baseline_s=5`` → ``--baseline-s 5``."""
    return tuple(word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", f"{value:g}"))


@dataclass(frozen=True)
class Stack:
    """A fresh one, ready, on which nothing has been done yet."""

    target: dict[str, Any]
    """What it says of itself."""
    state: Path
    place: Path
    """A directory that goes with it."""


@contextmanager
def stack_for(case: Case) -> Iterator[Stack]:
    """As the case's scenario wants it."""
    with (
        tempfile.TemporaryDirectory(prefix="springback-truth-") as place,
        reference_target({**_reference(_file(case), Path(place)), **case.reference}) as (target, state, _),
    ):
        yield Stack(target, state, Path(place))


def _file(case: Case) -> str:
    return str(ROOT / "locustfiles" / f"{case.scenario}.py")


def load(case: Case, stack: Stack) -> Run:
    """Runs the scenario on the stack, with the fault on.

    Raises RuntimeError when there is no run to judge, and AssertionError when one does not come as far as the fault.
    """
    target, state, file = stack.target, stack.state, _file(case)
    over = Event()
    with ThreadPoolExecutor(1) as beside:
        if not case.begins:
            _put(case, state)
        meanwhile = beside.submit(case.meanwhile, target, over) if case.meanwhile else None
        runs = stack.place / "runs"
        locust = start(
            stack.place,
            [
                *("locust", "-f", file, "--headless", "--loglevel", "ERROR", "--only-summary"),
                *("--host", target["url"], "--target-state", str(state), "--health-path", "/readyz"),
                *("--runs-dir", str(runs), "--report-formats", "verdict_json"),
                *BESIDE_EACH_OTHER,
                *(word.replace("{state}", str(state)) for word in case.options),
            ],
            options_for(target),
            forked=True,
            cwd=ROOT,
        )
        try:
            if case.begins:
                locust.until_phase(case.begins, LIMIT_S)
                _put(case, state)
            code = locust.process.wait(LIMIT_S)
        finally:
            locust.kill_all()
            over.set()
        if code not in {outcome.exit_code for outcome in Outcome}:
            raise RuntimeError(f"the run ended with {code}: {locust.err[-500:]}")
        answer = case.ask(target) if case.ask else None
        accounts = [ask("GET", url, token).document["active"] for url, token in _switches(case, state)]
        seen = meanwhile.result() if meanwhile else None
        (directory,) = (path for path in runs.iterdir() if path.is_dir())
        recording = read(directory)
    # A fault that the scenario itself has put in its place and taken away again has no account.
    accounts = [one for one in accounts if one and one["fault"] == case.fault]
    account = summed(case.fault, [one["status"] for one in accounts])
    records = [record for one in accounts for record in one.get("records", ())]
    numbers = {name: float(value or 0) for name, value in account.items()}
    return Run(case, recording, judge(recording), numbers, records, seen, answer)


def _reference(file: str, place: Path) -> Mapping[str, str]:
    """How the scenario wants the target."""
    asked = start(place, ["springback", "host", file], forked=True).wait()
    asked.ended_well(0)
    told: dict[str, str] = json.loads(asked.out)["reference"]
    return told


def _put(case: Case, state: Path) -> None:
    body = {"fault": case.fault, "parameters": case.parameters}
    for url, token in _switches(case, state):
        reply = ask("PUT", url, token, body)
        if reply.status != 200:
            raise RuntimeError(f"{url} answered {reply.status}: {reply.document}")


def _switches(case: Case, state: Path) -> list[tuple[str, str]]:
    """Address and token of each process that takes the fault, as many as there are now."""
    running = states.read(state)
    takers: Sequence[states.Api | states.Autoscaler | None] = running.apis
    if folder.belongs_to_autoscaler(case.fault):
        takers = (running.autoscaler,)
    return [(one.url + running.faults.path, running.faults.token) for one in takers if one is not None]
