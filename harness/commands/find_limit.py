"""``springback find-limit``: runs at one level after another, until it is known up to which one a criterion holds."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.commands.adjustable import Judged
from harness.commands.limit_plan import LimitPlan, Wanted, made
from harness.commands.runs_apart import AROUND_S, Signals, make_directory, minutes, run_apart
from harness.commands.scenario_check import Scenario, checked
from harness.findings import BASELINE
from harness.limit.normal import RECOVERY, Normal
from harness.limit.result import Limit
from harness.limit.search import End, Tried
from harness.limit.step import Step
from harness.recording import Recording
from harness.recording.file import RecordingError, read
from harness.safe_text import one_line, say
from reports import github, limit_page
from reports.limit_page import Found
from reports.suite_part import Part

FIRST_PAUSE_S = 5.0
"""Without load, before it is looked whether the service is back; each further pause is twice as long."""
TICK_S = 0.2
STOPPED = "the search was stopped; one that is left to its end would narrow it"


def find_limit(locustfile: Path, arguments: Sequence[str], runs_dir: Path, wanted: Wanted) -> int:
    """Searches, and returns the exit code of the verdict over all criteria: 0 where each limit was found.

    Raises ConfigurationError when a step would be refused: then nothing is run.
    """
    (scenario,) = checked([locustfile], arguments)
    plan = made(wanted, scenario.adjustable, arguments)
    for level in (plan.bounds.highest, plan.bounds.start):
        (scenario,) = checked([locustfile], [*arguments, *plan.arguments(level)])
    if plan.pool is not None and (lacking := plan.pool.lacking(plan.bounds.highest)):
        say(lacking)
    directory = make_directory(runs_dir, "limit")
    search = _Search(plan, scenario, list(arguments), directory, Signals())
    search.go()
    verdict = search.found.verdict
    with github.quoted(sys.stdout):
        print(limit_page.text(search.found))
    print("\n".join(f"  {path}" for path in search.write()))
    github.show(github.of_verdict(scenario.name, verdict), lambda: limit_page.as_markdown(search.found), sys.stdout)
    return verdict.exit_code


@dataclass
class _Search:
    """``scenario`` is as it is in a step, and takes as long."""

    plan: LimitPlan
    scenario: Scenario
    arguments: list[str]
    directory: Path
    signals: Signals
    steps: list[Step] = field(default_factory=list)
    looks: list[Step] = field(default_factory=list)
    """Runs without a spike, between steps."""
    limits: list[Limit] = field(default_factory=list)
    broken_off: str = ""
    """Why no further step is made, and what to do about it."""
    normal: Normal | None = None

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()

    @property
    def found(self) -> Found:
        plan = self.plan
        step_s = self.scenario.duration_s
        return Found(
            self.scenario.name, self.directory.name, plan.option.flag, plan.unit, step_s,
            self.steps, self.looks, self.limits, time.monotonic() - self._began_s,
        )  # fmt: skip

    def go(self) -> None:
        """All criteria, one after another; what was tried for one is known for the others."""
        for judged in self.plan.judged:
            ended = self._search(judged)
            self.limits = [*self.limits[: self._place(judged)], self._limit(judged, ended)]
            self.write()

    def write(self) -> tuple[Path, ...]:
        return limit_page.write(self.found, self.directory)

    def _search(self, judged: Judged) -> End | None:
        while not self.broken_off:
            following = self._limit(judged, None).next_level()
            if isinstance(following, End):
                return following
            if self._is_over() or not self._is_back():
                break
            self._step(following)
            self.limits = [*self.limits[: self._place(judged)], self._limit(judged, None)]
            self.write()  # it survives whatever happens to the rest
            if self.signals.stopped:
                self.broken_off = STOPPED
        return None

    def _place(self, judged: Judged) -> int:
        return list(self.plan.judged).index(judged)

    def _limit(self, judged: Judged, ended: End | None) -> Limit:
        searched = self.plan.searched(judged, self.scenario.adjustable.plateau_s)
        tried = Tried([step.about(judged.name) for step in self.steps])
        return Limit(searched, tried, self.plan.bounds, ended, self.broken_off)

    def _is_over(self) -> bool:
        most = self.plan.wanted
        spent_s = time.monotonic() - self._began_s
        if len(self.steps) >= most.most_steps:
            self.broken_off = f"all {most.most_steps} steps are made; more would narrow it (--max-steps)"
        elif spent_s + self.scenario.duration_s + AROUND_S > most.most_s:
            self.broken_off = f"a further step would take longer than {minutes(most.most_s)} in all (--max-duration)"
        return bool(self.broken_off)

    def _step(self, level: float) -> None:
        number, words = len(self.steps) + 1, self.plan.level_in_words(level)
        left = self.plan.wanted.most_steps - number
        most_s = (left + 1) * (self.scenario.duration_s + AROUND_S)
        say(f"step {number}: {self.plan.option.flag} {words}, {left} more at most, {minutes(most_s)}")
        step = self._run(level, f"step-{number}", self.plan.arguments(level))
        self.steps.append(step)
        for judged in self.plan.judged:
            said = step.about(judged.name)
            say(f"step {number}: {words}: {judged.name}: {said.says.value}: {one_line(said.reason)}")
        if not any(each.was_run for each in self.steps):  # nor will the next be: nothing has changed the service
            self.broken_off = "the first step could not be run"

    def _run(self, level: float, label: str, arguments: Sequence[str]) -> Step:
        part = run_apart(self.scenario, [*self.arguments, *arguments], self.directory, self.signals, label)
        return _step_of(part, level)

    def _is_back(self) -> bool:
        """Whether the service is as it was before the first spike; waits for that, and resets it where a command does
        so. Where it never was well there is nothing to come back to: the guards of each run say so.
        """
        if not self.steps:
            return True
        last = self._recording(self.steps[-1])
        self.normal = self.normal or next((found for step in self.steps if (found := self._normal(step))), None)
        if self.normal is None or (last is not None and self._was_well(last, RECOVERY)):
            return True
        reset = self.plan.wanted.reset
        if reset and not self._reset():
            return False
        wait_s, pause_s = self.plan.wanted.cool_down_s, 0.0 if reset else FIRST_PAUSE_S
        while (wait_s > 0 or not pause_s) and not self.signals.stopped:
            pause_s = min(pause_s, wait_s)
            if pause_s:
                say(f"the service is not yet as it was before the first step: {minutes(pause_s)} without load")
            self._pause(pause_s)
            wait_s -= pause_s
            pause_s = max(FIRST_PAUSE_S, 2 * pause_s)
            if not self.signals.stopped and self._looks_well():
                return True
        remedy = "wait for longer with --cool-down" if reset else "or give the command that does so with --reset"
        self.broken_off = STOPPED if self.signals.stopped else (
            f"after {self.plan.level_in_words(self.steps[-1].level)} the service did not come back within "
            f"{minutes(self.plan.wanted.cool_down_s)} without load: restart it and begin anew, {remedy}"
        )  # fmt: skip
        return False

    def _looks_well(self) -> bool:
        label = f"cool-down-{len(self.looks) + 1}"
        look = self._run(self.plan.bounds.lowest, label, self.plan.cool_down_arguments())
        recording = self._recording(look)
        is_well = recording is not None and self._was_well(recording, BASELINE)
        say(f"{look.label}: the service is {'as' if is_well else 'not yet as'} it was before the first step")
        self.looks.append(replace(look, reason=f"{'as' if is_well else 'not yet as'} it was before the first step"))
        return is_well

    def _normal(self, step: Step) -> Normal | None:
        recording = self._recording(step)
        return None if recording is None else Normal.of(recording)

    def _was_well(self, recording: Recording, name: str) -> bool:
        phase = recording.phase(name)
        return phase is not None and self.normal is not None and self.normal.is_there(recording, phase)

    def _recording(self, step: Step) -> Recording | None:
        try:
            return read(self.directory / step.run) if step.run else None
        except (RecordingError, OSError):
            return None

    def _pause(self, pause_s: float) -> None:
        until_s = time.monotonic() + pause_s
        while time.monotonic() < until_s and not self.signals.stopped:
            time.sleep(TICK_S)

    def _reset(self) -> bool:
        """Runs the user's command. What it prints is theirs to see; what it says may be secret."""
        most_s = max(self.plan.wanted.cool_down_s, FIRST_PAUSE_S)
        say("the service is not as it was before the first step: it is reset")
        try:
            command = shlex.split(self.plan.wanted.reset)
            code = subprocess.run(command, stdout=sys.stderr, timeout=most_s, check=False).returncode
        except subprocess.TimeoutExpired:
            self.broken_off = f"--reset was not done within {minutes(most_s)}; give a quicker command, or --cool-down"
        except OSError as error:
            self.broken_off = f"--reset cannot be run ({error.strerror}); correct the command"
        else:
            if code:
                self.broken_off = f"--reset ended with {code}; correct the command"
        return not self.broken_off


def _step_of(part: Part, level: float) -> Step:
    return Step(
        level, part.scenario, part.findings, part.run, part.reason, part.lasted_s, part.stopped_early, part.was_run
    )  # fmt: skip
