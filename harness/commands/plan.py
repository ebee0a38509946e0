"""``springback plan``: what a run would do, without any load and without a target."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from harness.entry_points import read_once

# Locust first: it patches the process, and whatever is imported before it would keep what is not patched.
with read_once():
    import locust.main  # noqa: F401

from harness import criteria as criteria_folder
from harness.commands import adjustable
from harness.commands.loaded_scenario import load
from harness.config.scenario import attached_scenario
from harness.errors import ConfigurationError, UnavailableError
from harness.recording.header import STARTS_PER_S, CriterionSpec
from harness.run import plan_text
from shapes._phased import PhasedShape

NARROWEST, WIDEST = 40, 120


def plan(locustfile: str, arguments: Sequence[str], repeat: int = 1, stream: TextIO | None = None) -> None:
    """Prints the plan of a run of ``locustfile`` with ``arguments``, which are those of ``springback run``, and how
    long ``repeat`` of them take.

    Raises ConfigurationError with everything for which a run would be refused; only the host may be missing.
    """
    loaded = load(locustfile, list(arguments))
    name, shape = loaded.name, loaded.shape
    stream = stream or sys.stdout
    encoding = stream.encoding or "ascii"
    width = min(max(NARROWEST, shutil.get_terminal_size().columns), WIDEST)
    planned_faults = [line for text in loaded.planned_faults for line in plan_text.paragraph(text, width)]
    again = [] if repeat == 1 else plan_text.paragraph(_of_all(repeat, shape.profile().duration_s), width)
    wanted = [line for text in _baselines_wanted(shape, loaded.criteria) for line in plan_text.paragraph(text, width)]
    for line in (*plan_text.lines(name, shape, width, encoding), *planned_faults, *wanted, *again):
        stream.write(line.rstrip().encode(encoding, "replace").decode(encoding) + "\n")


def _baselines_wanted(shape: PhasedShape, criteria: Iterable[CriterionSpec]) -> Iterator[str]:
    """What the plan lacks of a baseline for a criterion to judge by, once each: nobody has to make a run to be told."""
    profile, told = shape.profile(), set()
    for spec in criteria:
        wanted = criteria_folder.load(spec).baseline_wanted
        phase = next((each for each in profile.phases if wanted is not None and each.name == wanted.phase), None)
        if phase is None or wanted is None:
            continue
        length_s, wanted_s = phase.end_s - phase.start_s, wanted.windows * wanted.window_s
        text = f"{phase.name}: {length_s} s are too few to judge {wanted.to_judge} by, {wanted_s} are needed"
        if length_s >= wanted_s:
            starts = profile.starts.area_to(phase.end_s) - profile.starts.area_to(phase.start_s)
            if (
                profile.level_unit(shape.parked) != STARTS_PER_S
                or starts * wanted.window_s >= wanted.requests * length_s
            ):
                continue
            text = (
                f"{phase.name}: {starts / length_s:.2g} starts/s are too few to judge {wanted.to_judge} by, unless "
                f"each makes several requests: {wanted.requests} requests are needed every {wanted.window_s} s"
            )
        if text not in told:
            told.add(text)
            yield text


def _of_all(repeat: int, duration_s: int) -> str:
    from harness.commands.runs_apart import AROUND_S, minutes  # with the reports: only where several are asked for

    whole_s = repeat * (duration_s + AROUND_S)
    return (
        f"{repeat} runs one after another: about {minutes(whole_s)}, {AROUND_S} s around the phases of each among them"
    )


def target_of(locustfile: str, arguments: Sequence[str]) -> dict[str, Any]:
    """``host``: what a run would load, from wherever it is named; empty where nobody names one. ``reference``: how the
    reference target has to be started in its place. ``scenario`` and ``duration_s``: its name and how long its phases
    take. ``suite``: its group. ``adjustable``: what a search may change about it. Raises as :func:`plan`, and where no
    scenario is attached.
    """
    loaded = load(locustfile, list(arguments), to_be_judged=True)
    scenario = attached_scenario()
    return {
        "scenario": loaded.name,
        "suite": scenario.suite if scenario is not None else "",
        "duration_s": loaded.shape.profile().duration_s,
        "host": loaded.host,
        "adjustable": asdict(adjustable.of(loaded.shape, loaded.criteria)),
        "reference": dict(scenario.reference) if scenario is not None else {},
    }


def known_of_refused(error: ConfigurationError) -> dict[str, Any]:
    """Of a file that :func:`target_of` has refused: ``scenario`` and ``suite``, null where it did not come to attach
    one, and whether it was refused only because something that it needs is ``unavailable``.
    """
    scenario = attached_scenario()
    return {
        "scenario": scenario.name if scenario is not None else None,
        "suite": scenario.suite if scenario is not None else None,
        "unavailable": isinstance(error, UnavailableError),
    }
