"""Connections that are held open, as the clients' side counts them: two instants of each, opened and ended.

Names are those of :class:`harness.load.websocket.WebSocketUser`: ``connection NAME opened`` and ``connection NAME
ended``, the latter with the outcome ``ok`` when the client wanted it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from harness.analysis import phases
from harness.criteria._injections import injections
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import OK

COMING_S = 2
"""So long a handshake may take that was begun before a phase."""
MARKED_EARLY_S = 1.0
"""A fault that comes with a phase may be marked so long before it."""
AGAIN = "dropped again"
"""Cause of what is counted by :func:`dropped_again`."""


def opened(recording: Recording, name: str = "*", before_s: float = math.inf) -> int:
    """Connections that were opened before that second. ``name`` may have ``*`` for anything."""
    return sum(
        piece.count
        for piece in phases.only(recording, f"connection {name} opened").slices
        if piece.t < before_s and piece.outcome == OK
    )


def ended(recording: Recording, name: str = "*", before_s: float = math.inf) -> int:
    """Connections that ended before that second, whoever ended them."""
    found = phases.only(recording, f"connection {name} ended").slices
    return sum(piece.count for piece in found if piece.t < before_s)


def open_at(recording: Recording, t: int, name: str = "*") -> int:
    """Connections that are open when second ``t`` begins."""
    return opened(recording, name, t) - ended(recording, name, t)


def is_kick(outcome: str) -> bool:
    """Whether a connection that had been opened in the place of a lost one was ended before anybody was back."""
    return outcome.startswith("kicked")


def kicks_by_second(recording: Recording, name: str = "*") -> Mapping[int, int]:
    """Second → connections that were ended before anybody was back."""
    found: Counter[int] = Counter()
    for piece in phases.only(recording, f"connection {name} ended").slices:
        if is_kick(piece.outcome):
            found[piece.t] += piece.count
    return found


def ended_in(recording: Recording, phase: Phase, name: str = "*") -> Mapping[str, int]:
    """Connections that ended in the phase, by outcome, most frequent first; kicks apart, see :func:`is_kick`."""
    return _by_outcome(phases.only(recording, f"connection {name} ended"), phase.start_s, phase.end_s)


def lost(recording: Recording, planned: Phase | None, name: str = "*") -> Mapping[str, int]:
    """Connections that ended without the client's wish, by outcome; in the phase of a planned drop only kicks."""
    found: Counter[str] = Counter()
    for piece in phases.only(recording, f"connection {name} ended").slices:
        as_planned = planned is not None and planned.start_s <= piece.t < planned.end_s and not is_kick(piece.outcome)
        if piece.outcome != OK and not as_planned:
            found[piece.outcome] += piece.count
    return dict(found.most_common())


def dropped_again(recording: Recording, planned: Phase, name: str = "*") -> int:
    """How many more connections ended without the client's wish in the phase of a planned drop than it can have ended
    once: those that were open when it began, and those of users who came, or came back, in it. A fault that comes in it
    may end each of them again and again, so what ends while it is there is left aside; one that was there before
    excuses nothing here, as it does not in the phase before. Kicks are counted by themselves.
    """
    faults = [each for each in injections(recording) if each.at_s >= planned.start_s - MARKED_EARLY_S]
    ends = phases.only(recording, f"connection {name} ended").slices
    dropped = sum(
        piece.count
        for piece in ends
        if planned.start_s <= piece.t < planned.end_s
        and piece.outcome != OK
        and not is_kick(piece.outcome)
        and not any(each.at_s < piece.t + 1 and piece.t < each.undone_s for each in faults)
    )
    came = phases.only(recording, "WS * connect").slices  # a moment before, too: they connect in the phase
    new = sum(p.count for p in came if planned.start_s - COMING_S <= p.t < planned.end_s and p.outcome == OK)
    lost = phases.only(recording, f"WS {name} reconnect").slices  # a moment before, and back in the phase
    new += sum(p.count for p in lost if planned.start_s - COMING_S <= p.t < planned.start_s and p.outcome == OK)
    return max(0, dropped - open_at(recording, planned.start_s, name) - new)


def _by_outcome(recording: Recording, start_s: int, end_s: int) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for piece in recording.slices:
        if start_s <= piece.t < end_s and not is_kick(piece.outcome):
            found[piece.outcome] += piece.count
    return dict(found.most_common())
