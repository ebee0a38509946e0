"""The alerts of a run as rows of text, looked up in its recording and not in what was known while it went."""

from __future__ import annotations

from harness.analysis.alert_episodes import in_words
from harness.analysis.alerts import episodes
from harness.recording import Recording
from harness.recording.marks import RAISED
from reports import _quantity

LATE_S = 15.0
"""While the run goes a request counts when it is answered, which may be that much later."""
HEADS = ("alert", "raised at", "lasted", "at its worst", "raised live at")
EXPLANATION = "Alerts inform, criteria judge. They look at the ten seconds before, by intended start."


def rows(recording: Recording) -> list[tuple[str, ...]]:
    """One row an alert; empty for a run without."""
    live: dict[str, list[float]] = {}
    for mark in recording.alerts:
        if mark.event == RAISED:
            live.setdefault(mark.alert, []).append(mark.t)
    return [
        (
            episode.alert,
            _quantity.instant(episode.start_s),
            "to the end" if episode.end_s is None else _quantity.quantity(episode.lasted_s, "s"),
            in_words(episode.worst),
            _live(live.get(episode.alert, []), episode.start_s, episode.end_s),
        )
        for episode in episodes(recording)
    ]


def lines(recording: Recording) -> list[str]:
    """One line an alert, for the terminal."""
    return [
        f"Alert: {alert} from {start}, lasted {lasted}: {worst}" for alert, start, lasted, worst, _ in rows(recording)
    ]


def _live(raised: list[float], start_s: float, end_s: float | None) -> str:
    """The first live mark of that alert from its beginning on, a while after its end at the latest."""
    later = [t for t in raised if t >= start_s - 1 and (end_s is None or t <= end_s + LATE_S)]
    return _quantity.instant(later[0]) if later else _quantity.NOTHING
