"""``springback run --repeat N``: the same plan several times, each run judged for itself, and one verdict over all."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.commands.runs_apart import AROUND_S, Signals, make_directory, minutes, run_apart, say_verdict
from harness.commands.scenario_check import checked
from harness.findings import Outcome, Verdict
from harness.recording.file import read
from harness.repeats import pooled
from harness.safe_text import say
from harness.verdict import judge
from reports import github, repeat_page
from reports.suite_part import Part


def repeat(locustfile: Path, arguments: Sequence[str], runs_dir: Path, times: int) -> int:
    """Runs ``locustfile`` so many times with the same ``arguments``. Returns the exit code of the verdict over all.

    Raises ConfigurationError when it would be refused: then nothing is run.
    """
    (scenario,) = checked([locustfile], arguments)
    directory = make_directory(runs_dir, "repeat")
    signals = Signals()
    parts: list[Part] = []
    verdicts: list[Verdict] = []
    began_s = time.monotonic()
    for number in range(1, times + 1):
        label = f"{scenario.name}-{number}"
        if signals.stopped or (verdicts and verdicts[-1].stopped_early):
            parts.append(Part.not_run(label, "the runs were stopped before"))
            continue
        left_s = (scenario.duration_s + AROUND_S) * (times + 1 - number)
        say(f"{number} of {times}: {scenario.name}, about {minutes(left_s)} left in all")
        part = run_apart(scenario, arguments, directory, signals, label)
        say_verdict(part)
        parts.append(part)
        verdict = judge(read(directory / part.run)) if part.run else None
        if verdict is not None and (part.outcome is verdict.outcome or verdict.outcome is not Outcome.PASS):
            verdicts.append(verdict)
        repeat_page.write(pooled(verdicts, times), parts, directory)  # it survives whatever happens to the rest
    verdict = pooled(verdicts, times)
    paths = repeat_page.write(verdict, parts, directory)
    with github.quoted(sys.stdout):
        print(repeat_page.text(verdict, parts, time.monotonic() - began_s))
    print("\n".join(f"  {path}" for path in paths))
    github.show(github.of_verdict(scenario.name, verdict), lambda: repeat_page.as_markdown(verdict, parts), sys.stdout)
    return verdict.exit_code
