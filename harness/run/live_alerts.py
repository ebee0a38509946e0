"""Alerts while a run goes: what the nodes and the probes report is looked at once a second, on the master."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from harness.analysis.alerts import Book, Limits, Seen, in_words
from harness.recording import CLEARED, RAISED, AlertMark, Mark, Phase, ProbeSample
from harness.recording_file import decode
from harness.run.progress import say

SETTLES_S = 1.0
"""A second is looked at when it has been over for this long: reports come about once a second."""


class LiveAlerts:
    """Raises and clears alerts: a mark in the recording and a line on the terminal for each."""

    def __init__(self, limits: Limits, baseline: Phase | None, mark: Callable[[Mark], None]) -> None:
        self._seen = Seen(baseline, limits)
        self._book = Book()
        self._mark = mark
        self._next_t = 0

    @property
    def raised(self) -> tuple[str, ...]:
        """The alerts that hold just now, in words."""
        return tuple(f"{episode.alert}: {in_words(episode.worst)}" for episode in self._book.open.values())

    def take_lines(self, text: str) -> None:
        """Lines of a node's report. Only slices matter here; what cannot be read is the judging's to tell."""
        for line in text.splitlines():
            if line.startswith('{"kind":"slice"'):
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._seen.add(decode(line))

    def take(self, sample: ProbeSample) -> None:
        self._seen.add(sample)

    def look(self, elapsed_s: float) -> None:
        """Looks at every second that is over by now and was not looked at yet."""
        while self._next_t + 1 + SETTLES_S <= elapsed_s:
            begun, ended = self._book.note(self._next_t, self._seen.look(self._next_t))
            self._next_t += 1
            for episode in begun:
                told = in_words(episode.worst)
                self._mark(AlertMark(0, episode.alert, RAISED, told))
                say(f"alert {episode.alert}: {told}")
            for episode in ended:
                self._mark(AlertMark(0, episode.alert, CLEARED, f"after {episode.lasted_s:g} s"))
                if episode.worst.limit is not None:
                    say(f"alert {episode.alert} is over after {episode.lasted_s:g} s")
