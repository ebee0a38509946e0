"""A plan in words and as a chart: what a run would do, said before it and by ``springback plan``."""

from __future__ import annotations

import textwrap

from harness.clients.address import strip_url
from harness.plugins import flag
from harness.run.level_chart import BLOCKS, chart, marks_for
from shapes._phased import PhasedShape
from shapes._profile import USERS, Phase, Polyline, Profile


def summary(name: str, shape: PhasedShape) -> list[str]:
    """The plan in two lines, to be said before a run."""
    profile = shape.profile()
    phases = ", ".join(f"{phase.name} {phase.end_s - phase.start_s} s" for phase in profile.phases)
    if len(profile.phases) > 5:
        phases = f"{len(profile.phases)} phases"
    beside = " beside the herd" if shape.parked and profile.herds else ""
    level = f"at most {_number(profile.level(shape.parked).peak)} {profile.level_unit(shape.parked)}{beside}"
    amounts = [level, *_amounts(profile, shape.parked)]
    return [f"{name}: {_kind_of(shape)}, {profile.duration_s:,} s: {phases}", ", ".join(amounts)]


def lines(name: str, shape: PhasedShape, width: int, encoding: str) -> list[str]:
    profile, parked = shape.profile(), shape.parked
    level, unit = profile.level(parked), profile.level_unit(parked)
    marks = marks_for(encoding)
    parameters = [f"{flag(option)} {_told(getattr(shape, option))}" for option in shape.options_of(parked)]
    # A flag stays with its value where a line has room for both.
    parameters = [text.replace(" ", _TOGETHER) if len(text) < width - 2 else text for text in parameters]
    lines = [
        *paragraph(f"{name}: {_kind_of(shape)}, {profile.duration_s:,} s", width),
        *paragraph("  ".join(parameters), width, "  "),
        "",
        unit,
        *chart(level, profile.phases, profile.herds if parked else (), width, marks),
        "",
    ]
    # Here, for a run that prints no plan would wait for it.
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("phase", no_wrap=True)
    for column in ("from", "to", "level", *(["starts"] if unit != "users" else [])):
        table.add_column(column, justify="right", overflow="fold")
    for phase in profile.phases:
        table.add_row(*_row(profile, phase, parked, "–" if marks is BLOCKS else "-"))
    console = Console(width=width, color_system=None, highlight=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(table)
    lines += [*captured.get().splitlines(), ""]
    for text in (*_amounts(profile, parked), *_of_classes(profile, parked), *shape.notes()):
        lines += paragraph(text, width)
    return lines


def _row(profile: Profile, phase: Phase, parked: bool, to: str) -> list[str]:
    level = profile.level(parked)
    row = [phase.name, f"{phase.start_s:,} s", f"{phase.end_s:,} s", _level_in(level, phase, to)]
    if profile.level_unit(parked) != "users":
        # Start number i is due where the area under the level reaches i + ½.
        first, last = (int(profile.starts.area_to(t) + 0.5) for t in (phase.start_s, phase.end_s))
        herds = sum(herd.users for herd in profile.herds if phase.start_s <= herd.t < phase.end_s)
        row.append(f"{last - first + herds:,}")
    return row


def _level_in(level: Polyline, phase: Phase, to: str) -> str:
    # Just before its end: a step there belongs to what follows.
    inside = [level.at(phase.start_s), level.at(phase.end_s - 1e-9)]
    inside += [height for t, height in level.points if phase.start_s < t < phase.end_s]
    low, high = _number(min(inside)), _number(max(inside))
    return low if low == high else f"{low}{to}{high}"


def _amounts(profile: Profile, parked: bool) -> list[str]:
    """What it comes to: starts or users, herds, pool."""
    if not parked:
        return [
            "Locust's own users, spawned once a second (closed model): the target's answers decide how many requests"
        ]
    pool = f"{profile.pool_users:,} users parked before the first phase"
    if profile.pacing == USERS:
        return ["closed model: the target's answers decide how many requests", pool]
    amounts = [f"{profile.total_starts:,} starts in all"]
    amounts += [f"{herd.name}: {herd.users:,} users at once at {herd.t:g} s" for herd in profile.herds]
    if profile.herds:
        pool += f", {profile.background_users:,} of them for the canary stream"
    return [*amounts, pool]


def _of_classes(profile: Profile, parked: bool) -> list[str]:
    """What each class of users does, where they have levels of their own."""
    told = []
    for each in profile.by_class:
        level = each.level(parked, profile.pacing)
        heights = {phase.name: _level_in(level, phase, " to ") for phase in profile.phases}
        same = len(set(heights.values())) == 1
        height = next(iter(heights.values())) if same else ", ".join(f"{name} {high}" for name, high in heights.items())
        herds = [herd.name for herd in profile.herds if parked and each.user_class in herd.classes]
        beside = f"; in the herd {' and '.join(herds)}" if herds else ""
        users = f"; {each.pool_users:,} users" if parked else ""
        told.append(f"{each.user_class}: {height} {profile.level_unit(parked)}{beside}{users}")
    return told


def _kind_of(shape: PhasedShape) -> str:
    """Name of the shape, and of the one in shapes/ that it is made from."""
    made_from = next(cls.__module__ for cls in type(shape).__mro__ if cls.__module__.startswith("shapes."))
    return f"{type(shape).__name__} ({made_from.removeprefix('shapes.')})"


def _number(level: float) -> str:
    return f"{level:,.0f}" if level >= 1e4 else f"{level:,.4g}"


def _told(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    text = str(value)
    return (strip_url(text) if "://" in text else text) or "''"


_TOGETHER = "\N{NO-BREAK SPACE}"


def paragraph(text: str, width: int, indent: str = "") -> list[str]:
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(_TOGETHER, " ") for line in lines]
