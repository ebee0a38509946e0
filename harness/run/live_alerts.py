"""Alerts while a run goes: a mark in the recording, and a line for whoever watches, for each that is raised or
cleared.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.analysis.alert_episodes import in_words
from harness.live.state import LiveState
from harness.recording.marks import CLEARED, RAISED, AlertMark
from harness.run.console import Display


def raise_and_clear(live: LiveState, elapsed_s: float, mark: Callable[[AlertMark], None], display: Display) -> None:
    """What every second that is over by ``elapsed_s`` has changed."""
    for second in live.close_seconds(elapsed_s):
        for episode in second.raised:
            words = in_words(episode.worst)
            mark(AlertMark(0, episode.alert, RAISED, words))
            event = {"event": "alert", "alert": episode.alert, "state": RAISED, "t": episode.start_s}
            display.tell(f"alert {episode.alert}: {words}", event)
        for episode in second.cleared:
            mark(AlertMark(0, episode.alert, CLEARED, f"after {episode.lasted_s:g} s"))
            if episode.worst.limit is not None:
                event = {"event": "alert", "alert": episode.alert, "state": CLEARED, "t": episode.end_s}
                display.tell(f"alert {episode.alert} has ended after {episode.lasted_s:g} s", event)
