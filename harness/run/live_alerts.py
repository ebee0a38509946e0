"""Alerts while a run goes: a mark in the recording and a line on the terminal for each that is raised or cleared."""

from __future__ import annotations

from collections.abc import Callable

from harness.analysis.alerts import in_words
from harness.live.state import LiveState
from harness.recording_marks import CLEARED, RAISED, AlertMark
from harness.safe_text import say


def raise_and_clear(live: LiveState, elapsed_s: float, mark: Callable[[AlertMark], None]) -> None:
    """What every second that is over by ``elapsed_s`` has changed."""
    for second in live.close_seconds(elapsed_s):
        for episode in second.raised:
            words = in_words(episode.worst)
            mark(AlertMark(0, episode.alert, RAISED, words))
            say(f"alert {episode.alert}: {words}")
        for episode in second.cleared:
            mark(AlertMark(0, episode.alert, CLEARED, f"after {episode.lasted_s:g} s"))
            if episode.worst.limit is not None:
                say(f"alert {episode.alert} is over after {episode.lasted_s:g} s")
