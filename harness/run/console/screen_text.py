"""The screen's lines: where the run is, and each figure with its course over the last seconds."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from rich.text import Text

from harness.analysis.alert_episodes import in_words
from harness.analysis.target_memory import memory_key
from harness.live.recovery_clock import RecoveryState
from harness.live.state import SETTLES_S, LiveState
from harness.run.console.plan import ShownPlan, note
from harness.run.level_chart import Marks
from harness.safe_text import one_line

LABEL, FIGURE = 9, 26
"""Columns of a figure's name, and of the figure itself."""
MOST_ROWS = 3
"""Of alerts, and of faults."""
MEGABYTE = 1e6


def lines(plan: ShownPlan, live: LiveState, t: float | None, width: int, marks: Marks) -> list[Text]:
    """At ``t`` seconds after the origin, as wide as ``width`` columns at the most."""
    if t is None or t < 0:
        return [_headline(plan, t), Text(note(plan, live.nodes) or "the first phase is about to begin", "dim")]
    newest_s = int(min(t, plan.profile.duration_s) - SETTLES_S) - 1
    """The last second that is over, and has been for as long as reports take."""
    course = range(max(0, newest_s - max(0, width - LABEL - FIGURE) + 1), newest_s + 1)
    points = [live.series.point(second) for second in course]
    now = points[-1] if points else None
    failed = [point.failed / point.requests if point.requests else 0.0 for point in points]
    rows = [
        _row("level", f"{plan.level.at(t):,.4g} {plan.level_unit}", [plan.level.at(s + 0.5) for s in course], marks),
        _row("rate", f"{now.requests:,} /s" if now else "", [float(point.requests) for point in points], marks),
        _row("p95", _seconds(now.p95_s if now else None), [point.p95_s or 0.0 for point in points], marks),
        _row("errors", f"{failed[-1]:.1%}" if failed else "", failed, marks, "red" if failed and failed[-1] else ""),
        _memory(live, course, marks),
    ]
    if live.recovery is not None:
        rows.append(_row("recovery", _recovery(live.recovery), (), marks))
    rows += [_row("load", text, (), marks)] if (text := note(plan, live.nodes)) else []
    alerts = [f"{each.alert}: {in_words(each.worst)}" for each in live.episodes if each.end_s is None]
    rows += [_row("alert", alert, (), marks, "yellow") for alert in alerts[:MOST_ROWS]]
    rows += [_row("fault", fault, (), marks, "yellow") for fault in live.faults[:MOST_ROWS]]
    return [_headline(plan, t), _bar(plan, t, width, marks), *rows]


def _headline(plan: ShownPlan, t: float | None) -> Text:
    where = Text(plan.stretch(t), "bold reverse")
    phase = None if t is None else plan.profile.phase_at(t)
    if phase is not None and t is not None:
        where.append(f" {t - phase.start_s:.0f} of {phase.end_s - phase.start_s} s", "not bold not reverse")
    return Text.assemble(where, "  ", (one_line(plan.scenario), "bold"), f" against {one_line(plan.target)}")


def _bar(plan: ShownPlan, t: float, width: int, marks: Marks) -> Text:
    """How much of the run is over."""
    total_s = plan.profile.duration_s
    words = f" {min(t, total_s):.0f} of {total_s} s"
    columns = max(0, min(width, 80) - len(words))
    done = int(columns * min(1.0, t / total_s)) if total_s else columns
    return Text.assemble((marks.bars[-1] * done, "green"), (marks.floor * (columns - done), "dim"), words)


def _row(label: str, figure: str, course: Sequence[float], marks: Marks, style: str = "") -> Text:
    text = Text.assemble((f"{label:<{LABEL}}", "dim"), (one_line(figure), style or "bold"))
    if course:
        text.pad_right(max(0, LABEL + FIGURE - text.cell_len))
        text.append(spark(course, marks), "cyan")
    return text


def spark(course: Sequence[float], marks: Marks) -> str:
    """One character for each value, as high as it is of the highest; whatever is above 0 shows at least a trace."""
    top = max((value for value in course if isfinite(value)), default=0.0)
    steps = len(marks.bars) - 1
    heights = (0 if value <= 0 or top <= 0 else max(1, round(min(value, top) / top * steps)) for value in course)
    return "".join(marks.bars[height] for height in heights)


def _recovery(state: RecoveryState) -> str:
    since = f"{state.since_spike_s:.0f} s since the spike"
    if state.normal_after_s is None:
        return f"{since}, not back"
    back = f"{since}, normal again after {state.normal_after_s:.0f} s"
    return back if state.has_recovered else f"{back}, if it stays so for {state.hold_s:g} s"


def _memory(live: LiveState, course: range, marks: Marks) -> Text:
    """All processes of the target that are sampled, together."""
    figures = [each for (probe, _, key), each in live.series.figures.items() if key == memory_key(probe)]
    by_second = [dict(zip(each.seconds, each.values, strict=True)) for each in figures]
    totals = [sum(of_one.get(second, 0.0) for of_one in by_second) for second in course]
    told = [total for total in totals if total]
    if not told:
        return _row("memory", "not sampled", (), marks, "dim")
    growth = (told[-1] - told[0]) / MEGABYTE
    return _row("memory", f"{told[-1] / MEGABYTE:,.0f} MB ({growth:+,.0f})", totals, marks)


def _seconds(value_s: float | None) -> str:
    if value_s is None:
        return "no answers"
    return f"{value_s * 1000:,.0f} ms" if value_s < 1 else f"{value_s:,.2f} s"
