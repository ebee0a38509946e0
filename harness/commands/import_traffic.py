"""``springback import har | log``: a scenario from what was seen of real traffic."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from harness.clients.address import is_loopback
from harness.errors import ConfigurationError
from harness.learn import scenario_text
from harness.learn.har import read_har
from harness.learn.log_file import read_logs
from harness.learn.paths import Kind, sendable
from harness.learn.scenario_text import ShapeText, slug
from harness.learn.traffic import Traffic
from harness.regular_file import is_file, is_there
from harness.safe_text import one_line
from reports import _whole_file

MOST_KINDS = 60
LEAST_PEAK_FACTOR = 4.0
"""A scenario is for a spike, also where the log has none: so many times the usual level at least."""
BASE_PER_S, PEAK_PER_S = 1, 10
"""Visits of a HAR file, which says nothing of how many there are."""
RATE_WINDOW_S = 60


def import_har(name: str, host: str, output: Path | None, force: bool) -> list[str]:
    """Writes the scenario, and returns what to tell. Raises ConfigurationError."""
    found = read_har(name, host)
    file = _free(output or Path(f"{slug(Path(name).stem, '_')}_visit.py"), force)
    removed = [f"{what} ({count:,})" for what, count in found.removed.items() if count]
    left_out = [f"left out {count:,}: {reason}" for reason, count in found.left_out.items()]
    notes = [
        f"{len(found.steps)} requests to {found.host}, one after another, without pauses",
        f"removed, for the secrets in them: {', '.join(removed) or 'nothing'}",
        *left_out,
    ]
    values = (("baseline_s", 30), ("ramp_up_s", 5), ("plateau_s", 20), ("ramp_down_s", 5), ("recovery_s", 60))
    comment = "A HAR file is one visit, and does not say how many there are a second: set what you expect."
    shape = ShapeText("flash_crowd", "FlashCrowd", (*values, ("base", BASE_PER_S), ("peak", PEAK_PER_S)), (comment,))
    title = f"A visit as it was recorded in {Path(name).name}."
    command = run_command(file, found.host)
    write(file, scenario_text.visit(title, f"{slug(Path(name).stem)}-visit", found, shape, notes, command))
    return [*told(notes, file), *next_steps(file, command)]


def import_log(names: Sequence[str], offset_s: int | None, output: Path | None, force: bool) -> list[str]:
    """Writes the scenario, and returns what to tell. Raises ConfigurationError."""
    stem = Path(Path(names[0]).stem).stem
    file = output or Path(f"{slug(stem, '_')}_mix.py")
    _free(file, force)
    traffic = read_logs(names, offset_s)
    kinds, notes = mix_of(traffic)
    first, end = traffic.span
    window_s = RATE_WINDOW_S if end - first >= 10 * RATE_WINDOW_S else 1
    rates = traffic.counts(window_s)[1] / window_s
    base = rounded(max(float(np.median(rates)), 0.1))
    seen = float(rates.max())
    values = (("baseline_s", 30), ("ramp_up_s", 5), ("plateau_s", 20), ("ramp_down_s", 5), ("recovery_s", 60))
    peak = rounded(max(seen, LEAST_PEAK_FACTOR * base))
    comment = (
        f"In the log, in windows of {window_s} s: median {rounded(float(np.median(rates))):g} requests/s, "
        f"highest {rounded(seen):g}."
    )
    shape = ShapeText("flash_crowd", "FlashCrowd", (*values, ("base", base), ("peak", peak)), (comment,))
    title = f"Requests as they were seen in {', '.join(Path(name).name for name in names)}."
    command = run_command(file)
    write(file, scenario_text.mix(title, f"{slug(stem)}-mix", kinds, shape, notes, command))
    return [*told(notes, file), *next_steps(file, command)]


def mix_of(traffic: Traffic) -> tuple[list[Kind], list[str]]:
    """The kinds of requests that can be sent again, and what was read, removed and left out. Raises ConfigurationError
    where none can.
    """
    kinds, left_out = sendable(traffic.mix.kinds(), MOST_KINDS)
    total = max(1, traffic.total)
    reasons = {
        "answered with a status of 400 or more": traffic.refused,
        "no path": traffic.mix.without_path,
        "of too many different kinds": traffic.mix.of_others,
        **left_out,
    }
    notes = list(traffic.notes)
    kept = sum(kind.count for kind in kinds)
    of_kinds = "1 kind" if len(kinds) == 1 else f"{len(kinds)} kinds"
    notes.append(f"{kept:,} of {traffic.total:,} requests are of {of_kinds} that can be sent again")
    if traffic.with_query:
        notes.append(f"removed, for the secrets in them: the query strings of {traffic.with_query:,} requests")
    notes += [f"left out {100 * count / total:.3g} %: {reason}" for reason, count in reasons.items() if count]
    if not kinds:
        raise ConfigurationError([*notes, "no request that can be sent again: give a log with GET requests"])
    return kinds, notes


def write(path: Path, text: str) -> None:
    """Whole or not at all. Raises ConfigurationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _whole_file.write(path, text)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error.strerror}); name another with --output") from None


def told(notes: Iterable[str], *files: Path) -> list[str]:
    return [*(one_line(note) for note in notes), *(f"wrote {file}" for file in files)]


def run_command(file: Path, host: str = "") -> str:
    """Of a scenario. A log does not say which host it is of, and no command names that of others as if it might be
    loaded.
    """
    name = urlsplit(host).hostname or ""
    if name != "localhost" and not is_loopback(name):
        host = "http://127.0.0.1:8000"
    return f"springback run {shlex.quote(str(file))} --host {host}"


def next_steps(file: Path, command: str) -> list[str]:
    """As ``springback new`` ends."""
    return [
        "",
        f"See what it would do:  springback plan {one_line(shlex.quote(str(file)))}",
        f"Run it:                {one_line(command)}",
    ]


def _free(path: Path, force: bool) -> Path:
    """Raises ConfigurationError where something is there already, or where it is no name of a scenario."""
    if path.suffix != ".py":
        raise ConfigurationError(f"--output {path}: give a file of Python, whose name ends with .py")
    if is_there(path) and (not force or not is_file(path)):
        raise ConfigurationError(f"{path} is there already: name another with --output, or give --force")
    return path


def rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")
