"""``springback learn``: what real traffic looked like, as a page, as data, and as two scenarios: one replays its
largest spike, the other generalises it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.commands.import_traffic import mix_of, next_steps, rounded, run_command, told, write
from harness.errors import ConfigurationError
from harness.learn import scenario_text
from harness.learn.fitting import HILL, STEP, Fit
from harness.learn.learned import Learned, Source, learn
from harness.learn.learned_file import as_json
from harness.learn.level import DAY_S, LEVEL
from harness.learn.paths import Kind
from harness.learn.scenario_text import ShapeText, slug
from harness.learn.source import read_source
from harness.learn.spikes import Spike
from harness.regular_file import is_folder, is_there
from reports import learn_page
from reports.learn_page import duration
from shapes._points import Wanted
from shapes._source import is_url, shown

JSON, PAGE, REPLAY, SPIKE_FILE, REPLAY_FILE = (
    "learned.json",
    "learned.html",
    "replay.csv",
    "learned_spike.py",
    "learned_replay.py",
)
FILES = (SPIKE_FILE, REPLAY_FILE, REPLAY, JSON, PAGE)
LONGEST_PART_S = 120
"""Of the generalised spike: a run of a day proves no more."""
LONGEST_REPLAY_S = 600
MOST_ROWS = 5_000
HIGHEST_PER_S, SCALED_PER_S = 100_000, 1_000
AROUND_S = 60
NO_SPIKE = ("No spike was found: the highest level is the peak.",)
RECOVERY_S = 60
NAMED_HORIZONS = (7, 30)
ANY = "a series does not say which requests there were: put yours into REQUESTS"


def learn_from(
    names: Sequence[str], output: Path | None, window_s: int | None, offset_s: int | None, wanted: Wanted, force: bool
) -> list[str]:
    """Writes everything into a directory of its own, and returns what to tell. Raises ConfigurationError."""
    first = shown(names[0])
    stem = slug(Path(first.rstrip("/").rpartition("/")[2] if is_url(first) else Path(first).stem).stem)
    directory = output or Path(f"learned-{stem}")
    there = [directory / file for file in FILES if is_there(directory / file)]
    if there and not force:
        raise ConfigurationError(f"{there[0]} is there already: name another directory with --output, or give --force")
    if is_there(directory) and not is_folder(directory):
        raise ConfigurationError(f"{directory} is no directory: name another with --output")
    source = read_source(names, window_s, offset_s, wanted)
    learned = learn(source)
    kinds, notes = _kinds(source)
    title = f"Learned from {', '.join(Path(shown(name)).name for name in names)}"
    texts = {
        REPLAY: _replay_rows(learned),
        SPIKE_FILE: scenario_text.mix(
            f"{title}: its largest spike, generalised.",
            f"{stem}-spike",
            kinds,
            _generalised(learned),
            notes,
            run_command(directory / SPIKE_FILE),
        ),
        REPLAY_FILE: scenario_text.mix(
            f"{title}: its largest spike, replayed.",
            f"{stem}-replay",
            kinds,
            _replayed(learned),
            notes,
            run_command(directory / REPLAY_FILE),
        ),
        JSON: as_json(learned),
        PAGE: learn_page.page(learned, ", ".join(Path(shown(name)).name for name in names), FILES[:-1]),
    }
    for file, text in texts.items():
        write(directory / file, text)
    wrote = [f"wrote {directory / file}" for file in FILES]
    spike = directory / SPIKE_FILE
    return [*told(notes), *summary(learned), *wrote, *next_steps(spike, run_command(spike))]


def summary(learned: Learned) -> list[str]:
    observed, ahead = learned.observed, learned.ahead
    lines = [
        f"{duration(observed.known_days * DAY_S)} known, in windows of {duration(observed.window_s)}, usual level "
        f"{learned.middle:.3g}{'' if observed.unit == LEVEL else f' {observed.unit}'}"
    ]
    if np.isfinite(learned.pattern.hours).any():
        busiest, quietest = int(np.nanargmax(learned.pattern.hours)), int(np.nanargmin(learned.pattern.hours))
        lines[0] += (
            f"; busiest at {busiest}:00 UTC ({learned.pattern.hours[busiest]:.3g}), quietest at {quietest}:00 "
            f"({learned.pattern.hours[quietest]:.3g})"
        )
    lines.append(_of_spikes(learned))
    expected = learned.expected
    if expected.inconclusive:
        lines.append(f"how big a spike to expect: INCONCLUSIVE, {expected.inconclusive}")
    lines += [
        f"largest spike of the next {horizon.days} days: {horizon.low_m:.3g} to {horizon.high_m:.3g} times the usual "
        "level (90 % predictive interval)"
        for days in NAMED_HORIZONS
        if (horizon := expected.within(days))
    ]
    if ahead is not None:
        before = "the same day of the week before" if ahead.lag_days == 7 else "the day before"
        lines.append(
            f"forecast of the next day: the level of {before}; on {ahead.tested_days} days such a forecast was off by "
            f"{ahead.error_ratio:.1%} of the mean level"
        )
    else:
        lines.append("forecast of the next day: none, as three whole days are needed to test it")
    return lines


def _of_spikes(learned: Learned) -> str:
    found = learned.found
    if not learned.fits:
        if np.any((learned.usual == 0) & (learned.observed.values > 0)):
            return (
                "whether there was a spike is not known: the usual level is 0, as most windows are empty; the highest "
                f"is {np.nanmax(learned.observed.values):.3g}. A longer log, or a larger --window-s, may tell"
            )
        return f"no spike: nothing was {found.threshold:.3g} times the usual level or more"
    spike, fit = learned.fits[0]
    return (
        f"{len(found.spikes)} spike{'s' if len(found.spikes) > 1 else ''} of {found.threshold:.3g} times the usual "
        f"level and more; the largest {spike.m:.3g} times, {learned.utc(spike.start_s):%Y-%m-%d %H:%M} UTC, "
        f"{duration(spike.time_to_peak_s)} to its peak, {duration(spike.duration_s)} long, a {fit.family} "
        f"({max(0.0, fit.explained_ratio):.0%} explained)"
    )


def _kinds(source: Source) -> tuple[list[Kind], list[str]]:
    if source.traffic is None:
        return [Kind("GET", "/", False, 1, Counter({"/": 1}))], [*source.notes, ANY]
    kinds, notes = mix_of(source.traffic)
    return kinds, [*notes, *source.notes[len(source.traffic.notes) :]]


def _largest(learned: Learned) -> tuple[Spike, Fit] | None:
    """That has its beginning and its end in the data, if there is one."""
    return next((pair for pair in learned.fits if pair[0].is_whole), learned.fits[0] if learned.fits else None)


def _generalised(learned: Learned) -> ShapeText:
    beside = (("learned", JSON),)
    frame = (("baseline_s", 30), ("recovery_s", RECOVERY_S))
    pair = _largest(learned)
    if pair is None:
        scale = _scale(learned)
        base = rounded(learned.middle * scale) or 1.0
        top = rounded(max(float(np.nanmax(learned.observed.values)) * scale, 1.5 * base))
        values = (*frame, ("ramp_up_s", 5), ("plateau_s", 20), ("ramp_down_s", 5), ("base", base), ("peak", top))
        return ShapeText("flash_crowd", "FlashCrowd", values, (*NO_SPIKE, *_of_scale(scale)), beside)
    spike, fit = pair
    scale = _scale(learned)
    base = max(rounded(spike.usual * scale), 0.001)
    levels = (("base", base), ("peak", rounded(max(spike.peak * scale, base))))
    comments = [
        f"As on {learned.utc(spike.start_s):%Y-%m-%d %H:%M} UTC: {spike.m:.3g} times the usual level, a {fit.family}, "
        f"{max(0.0, fit.explained_ratio):.0%} explained."
    ]
    comments += _of_scale(scale)
    parts = {"ramp_up_s": fit.ramp_up_s, "plateau_s": fit.plateau_s, "ramp_down_s": fit.ramp_down_s}
    if fit.family == HILL:
        module, parent, parts = "stress_peak", "StressPeak", {"spike_s": fit.duration_s}
    elif fit.family == STEP:
        module, parent, parts = "step", "Step", {"hold_s": fit.plateau_s + (fit.ramp_up_s + fit.ramp_down_s) / 2}
    else:
        module, parent = "flash_crowd", "FlashCrowd"
    if long := [name for name, seconds in parts.items() if seconds > LONGEST_PART_S]:
        was = ", ".join(f"{name} {duration(parts[name])}" for name in long)
        comments.append(f"Shortened to {LONGEST_PART_S} s each; as it was seen: {was}.")
    times = [(name, min(LONGEST_PART_S, max(1, round(seconds)))) for name, seconds in parts.items()]
    return ShapeText(module, parent, (*frame, *times, *levels), tuple(comments), beside)


def _replayed(learned: Learned) -> ShapeText:
    low, high = _replay_span(learned)
    length_s = (high - low) * learned.observed.window_s
    speed = max(1.0, math.ceil(length_s / LONGEST_REPLAY_S))
    comments = [f"{duration(length_s)} as they were seen."]
    if speed > 1:
        comments.append(f"{speed:g} times as fast, and so much steeper: --trace-speed 1 replays it as it was.")
    scale = _scale(learned)
    comments += _of_scale(scale)
    values: tuple[tuple[str, object], ...] = (("baseline_s", 30), ("recovery_s", RECOVERY_S), ("trace_speed", speed))
    values += (("trace_scale", scale),) if scale != 1 else ()
    return ShapeText("trace", "Trace", values, tuple(comments), (("trace_file", REPLAY),))


def _scale(learned: Learned) -> float:
    """What the levels are taken times, so that a load can be made of them: a series may be one of bytes."""
    highest = float(np.nanmax(learned.observed.values))
    return 1.0 if highest <= HIGHEST_PER_S else float(10.0 ** -math.ceil(math.log10(highest / SCALED_PER_S)))


def _of_scale(scale: float) -> list[str]:
    return [] if scale == 1 else [f"The levels are {scale:g} times those of the series, which nobody can make."]


def _replay_span(learned: Learned) -> tuple[int, int]:
    """The first window and the one after the last of what is replayed."""
    step, count = learned.observed.window_s, len(learned.observed.values)
    pair = _largest(learned)
    if pair is None:
        peak = int(np.nanargmax(learned.observed.values))
        return max(0, peak - 30), min(count, peak + 31)
    margin = max(2, math.ceil(AROUND_S / step))
    first, last = round(pair[0].start_s / step), round(pair[0].end_s / step)
    return max(0, first - margin), min(count, last + margin)


def _replay_rows(learned: Learned) -> str:
    low, high = _replay_span(learned)
    step = learned.observed.window_s
    width = max(1, -(-(high - low) // MOST_ROWS))
    rows = ["time,level"]
    for place in range(low, high, width):
        values = learned.observed.values[place : min(place + width, high)]
        if np.isfinite(values).any():
            rows.append(f"{(place - low + width / 2) * step:g},{float(np.nanmean(values)):.6g}")
    return "\n".join(rows) + "\n"
