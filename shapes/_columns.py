"""Which columns of a CSV file are the time and the level, and whether its rows are those of one series."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.safe_text import one_line
from shapes._points import LONGEST_TITLE, MOST_SHOWN, Wanted
from shapes._times import iso, number

_TIMES = ("t", "t_s", "time", "time_s", "seconds", "timestamp", "date", "datetime", "@timestamp", "epoch", "ts")
_LEVELS = ("level", "users", "rate", "starts", "starts/s", "value", "requests/s", "rps", "req/s", "count", "requests")
_HISTORY = ("timestamp", "user count", "name", "requests/s")
"""Columns by which Locust's history is known. It has a row for each request name, and one for all."""
ALL_NAMES = "aggregated"


@dataclass(frozen=True)
class Columns:
    """Which of them are read, by the first row."""

    titles: tuple[str, ...]
    has_heading: bool
    time: int
    level: int
    """Below 0: none can be read."""
    problem: str
    name: int = -1
    """Of Locust's history, the column of the request names; else below 0."""

    @property
    def width(self) -> int:
        return max(2, len(self.titles))

    @property
    def described(self) -> str:
        of_locust = " of Locust's history" if self.name >= 0 else ""
        return f"{self.title(self.time)} as the time, {self.title(self.level)} as the level{of_locust}"

    def left_out(self, rows: int) -> Iterator[str]:
        unread = [self.title(place) for place in range(len(self.titles)) if place not in (self.time, self.level)]
        if unread:
            more = f" and {len(unread) - MOST_SHOWN} more" if len(unread) > MOST_SHOWN else ""
            yield f"left out the column{'s' if len(unread) > 1 else ''} {', '.join(unread[:MOST_SHOWN])}{more}"
        if rows:
            yield f"left out {rows:,} rows of single request names"

    def title(self, place: int) -> str:
        return one_line(self.titles[place])[:LONGEST_TITLE] if self.has_heading else f"number {place + 1}"


def columns_of(row: list[str], wanted: Wanted) -> Columns:
    titles = tuple(cell.strip() for cell in row)
    names = [title.lower() for title in titles]
    chosen = bool(wanted.time_column or wanted.level_column)
    has_heading = len(row) > 1 and all(number(cell) is None and iso(cell) is None for cell in row)
    is_history = has_heading and all(name in names for name in _HISTORY)
    problem = ""

    def asked(what: str, column: str, otherwise: int) -> int:
        nonlocal problem
        if not column:
            return otherwise
        if has_heading and column.strip().lower() in names:
            return names.index(column.strip().lower())
        if column.isdecimal() and 1 <= int(column) <= len(row):
            return int(column) - 1
        problem = f"there is no column {column} for {wanted.option}-{what}-column; it has {len(row)} columns"
        return -1

    named = [place for place, name in enumerate(names) if has_heading and name in _TIMES]
    time = asked("time", wanted.time_column, named[0] if named else 0)
    others = [place for place in range(len(row)) if place != time]
    fitting = [place for place in others if has_heading and names[place] in _LEVELS]
    alone = next((found[0] for found in (others, fitting) if len(found) == 1), -1)
    if is_history:
        alone = names.index("user count" if wanted.users else "requests/s")
    level = asked("level", wanted.level_column, 1 if len(row) == 1 else alone)
    if has_heading and len(row) == 2 and not named and not chosen:
        problem = "neither two numbers nor the heading time,level"
    elif level < 0 and not problem:
        there = f" ({', '.join(one_line(titles[place]) for place in others[:MOST_SHOWN])})" if named else ""
        problem = (
            f"{len(row)} columns, and none of them alone is the level: choose one by its name or number with "
            f"{wanted.option}-level-column{there}"
        )
    name = names.index("name") if is_history else -1
    return Columns(titles, has_heading, time, -1 if time < 0 else level, problem, name)


def told_apart(rows: Sequence[list[str]], columns: Columns) -> str:
    """Why these rows are no series: a column of words has several at one time, and has them again and again, as where
    each series has rows of its own. Empty where they are one; where the level changes at once, so may the word.
    """
    for place in range(columns.width if columns.name < 0 else 0):
        labels = Counter(row[place].strip() for row in rows)
        is_label = place not in (columns.time, columns.level) and len(labels) > 1 and min(labels.values()) > 1
        if not is_label or any(number(label) is not None for label in labels):
            continue
        at: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            at[row[columns.time]].add(row[place].strip())
        changes = _changes([(row[columns.time], row[place].strip()) for row in rows])
        if any(len(together) > 1 for t, together in at.items() if t not in changes):
            return (
                f"rows of {len(labels)} series, which {columns.title(place)} tells apart: keep those of one, or export "
                "a column for each"
            )
    return ""


def _changes(rows: Sequence[tuple[str, str]]) -> set[str]:
    """Times at which one word ends and another begins: of two rows one has the word before, and one that after."""
    before, after = ("", rows[0][1]), ("", rows[-1][1])
    padded = [before, *rows, after]
    return {
        t
        for (_, first), (t, one), (same, other), (_, last) in zip(
            padded, padded[1:], padded[2:], padded[3:], strict=False
        )
        if t == same and (first, last) == (one, other)
    }
