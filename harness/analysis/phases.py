"""What happened to the requests of one phase: slices merged, by intended start.

A request belongs to the phase in which it *should have begun*, whatever the time of its answer, and with it all others
of its iteration where a gate has released that. Everything that is not ``ok`` failed, also what was unfinished when the
run had come to its end and arrivals that found no free user. Where a run was cut off, nobody knows what would have
become of these: see :func:`settled`.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from harness.analysis import generator, histogram
from harness.analysis.once import once
from harness.analysis.tallies import Tally, tally
from harness.recording import Recording, Slice
from harness.recording.header import Header, Phase
from harness.recording.values import (
    ATTEMPT,
    BLOCKED,
    CENSORED,
    INTERRUPTED,
    ITERATION,
    OK,
    SHED,
    SHED_WITHOUT_DELAY,
    UNFINISHED,
    UNSENT,
    UNSERVED,
)

WARM_UP = "warm-up, in no phase"
"""Stretch of the requests with which users got ready, and of whatever else was sent before the first phase."""
WIND_DOWN = "wind-down, in no phase"
"""Stretch of the requests with which users came to their end, and of whatever else was sent after the last phase."""
SHED_RATIO = "shed_ratio"
"""The criterion that judges what was shed; without it, shedding is failing."""
ALL_SHED = frozenset({SHED, SHED_WITHOUT_DELAY})
"""The outcomes of what was shed."""
OF_CLASS = "@"
"""Before the class of users that a pattern of names means."""
OF_CONNECTIONS = "connection "
"""Names of the instants at which users of WebSockets had a connection, and had it no more, begin so …"""
INSTANTS = (" opened", " ended")
"""… and end so."""
RECONNECTIONS = "WS * reconnect"
"""Names of the requests with which users of WebSockets are back after a loss."""
FAILED_ATTEMPTS = f"{ATTEMPT} * reconnect"
"""Names of what they tried in vain for that, of which nothing else is kept: no share of anything."""


@once
def slices_of(recording: Recording, phase: Phase, name: str = "") -> tuple[Slice, ...]:
    """Slices whose intended start lies in the phase; of one name, or of all when it is empty."""
    return tuple(
        piece
        for piece in recording.slices
        if phase.start_s <= piece.t < phase.end_s and (not name or piece.name == name)
    )


def only(recording: Recording, pattern: str) -> Recording:
    """The recording with the slices alone whose name matches; ``*`` stands for anything. Empty: with all of them.
    ``@Buyer`` are those of a class of users, and ``@Buyer GET *`` of these the ones whose name matches.

    A connection that was there, or was ended as we wanted, is no answer to anybody, and has no latency: it is among
    them only where nothing but connections is asked for.
    """
    if not pattern:
        return _without_instants(recording)
    found = tuple(piece for piece in recording.slices if is_of(recording, piece, pattern))
    if not split_pattern(pattern)[1] or not all(is_of_connection(piece.name) for piece in found):
        found = tuple(piece for piece in found if not is_good_instant(piece))
    return replace(recording, slices=found)


@once
def _without_instants(recording: Recording) -> Recording:
    kept = tuple(piece for piece in recording.slices if not is_good_instant(piece))
    return recording if len(kept) == len(recording.slices) else replace(recording, slices=kept)


def is_good_instant(piece: Slice) -> bool:
    """Whether it is a connection that came about, or was ended as we wanted. One that was cut off is a failure."""
    return piece.outcome == OK and is_of_connection(piece.name)


def is_of_connection(name: str) -> bool:
    """Whether it is the name of an instant, which has no latency."""
    return name.startswith(OF_CONNECTIONS) and name.endswith(INSTANTS)


def is_of(recording: Recording, piece: Slice, pattern: str) -> bool:
    """Whether ``pattern`` means it."""
    user_class, name = split_pattern(pattern)
    return (not name or _matches(piece.name, name)) and (not user_class or class_of(recording, piece) == user_class)


def split_pattern(pattern: str) -> tuple[str, str]:
    """Class of users and name, each empty where the pattern has none."""
    if not pattern.startswith(OF_CLASS):
        return "", pattern
    user_class, _, name = pattern.removeprefix(OF_CLASS).partition(" ")
    return user_class, name.strip()


def class_of(recording: Recording, piece: Slice) -> str:
    """Where a run has one class of users, all are of it."""
    return only_class(recording.header) or piece.user_class


def only_class(header: Header) -> str:
    """The class of users of a run that has one; empty where it has several, or does not tell."""
    return header.classes[0].user_class if len(header.classes) == 1 else ""


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def judged(recording: Recording, pattern: str) -> Recording:
    """What is :func:`settled` of the requests whose name matches. What had no answer and no name yet may have been one
    of them, so nobody knows about it.
    """
    recording = settled(recording)
    user_class, name = split_pattern(pattern)
    if not user_class and (not name or _matches(ITERATION, name)):
        return only(recording, pattern)
    waiting = (UNFINISHED, UNSERVED)
    ended_s = generator.last_trace_s(recording)
    nameless = [
        piece
        for piece in recording.slices
        if piece.name == ITERATION
        and class_of(recording, piece) in ("", user_class or class_of(recording, piece))
        and not is_of(recording, piece, pattern)
    ]
    unknown = (_censored(piece, ended_s) if piece.outcome in waiting else piece for piece in nameless)
    others = (piece for piece in unknown if piece.outcome == CENSORED)
    return replace(recording, slices=(*only(recording, pattern).slices, *others))


@once
def settled(recording: Recording) -> Recording:
    """The recording with what is known of each request, for judging: without iterations that sent no request or were
    cut off on our side and requests that were blocked there, and, where the run was cut off, with ``CENSORED`` in place
    of what had no answer, or no user.

    In a run that came to its end these were waited for, and failed. In one that was stopped or killed they are
    right-censored: each may still have been answered, after more than the time that it had waited. What was shed is
    left out, too, where a criterion of its own judges that.
    """
    nothing = {UNSENT, INTERRUPTED, BLOCKED, *shedding(recording.header)}
    kept = [piece for piece in recording.slices if piece.outcome not in nothing]
    is_complete = generator.is_complete(recording)
    if not is_complete:
        ended_s = generator.last_trace_s(recording)
        kept = [_censored(piece, ended_s) if piece.outcome in (UNFINISHED, UNSERVED) else piece for piece in kept]
    return recording if len(kept) == len(recording.slices) and is_complete else replace(recording, slices=tuple(kept))


def shedding(header: Header) -> frozenset[str]:
    """The outcomes of what was shed, where a criterion of its own judges that, so that it is no failure; else none."""
    judged_apart = any(spec.criterion == SHED_RATIO for spec in header.criteria)
    return ALL_SHED if judged_apart else frozenset()


def from_the_send(recording: Recording) -> Recording:
    """The recording with latency counted from the actual send, and without arrivals that never found a user of ours:
    what the target took at the least. A reconnection counts from the loss: nobody waits for a user in it, and the pause
    and the attempts that failed are the target's doing.
    """
    return replace(
        recording,
        slices=tuple(
            piece
            if piece.service is None or _matches(piece.name, RECONNECTIONS)
            else replace(piece, latency=piece.service, service=None)
            for piece in recording.slices
            if piece.outcome != UNSERVED
        ),
    )


def _censored(piece: Slice, ended_s: float) -> Slice:
    """The first request of an iteration has waited since the end of its second at the latest; of a later one nobody
    knows when it was sent.
    """
    first = piece.count if piece.starts is None else min(piece.starts, piece.count)
    waited_us = max(0, int((ended_s - piece.t - 1) * 1e6))
    waited = {histogram.bucket_index(waited_us): first}
    histogram.add(waited, {0: piece.count - first})
    return replace(piece, outcome=CENSORED, latency={index: count for index, count in waited.items() if count})


def of_phase(recording: Recording, phase: Phase, name: str = "") -> Tally:
    return tally(slices_of(recording, phase, name))


@once
def by_second(recording: Recording, phase: Phase, name: str = "") -> tuple[Tally, ...]:
    """One tally for each second of the phase, also for those without requests: the blocks of a block
    bootstrap.
    """
    grouped: dict[int, list[Slice]] = {}
    for piece in slices_of(recording, phase, name):
        grouped.setdefault(piece.t, []).append(piece)
    nothing = tally(())
    return tuple(tally(tuple(grouped[t])) if t in grouped else nothing for t in range(phase.start_s, phase.end_s))


@once
def by_phase_and_name(recording: Recording) -> dict[str, dict[str, tuple[Slice, ...]]]:
    """Slices by phase (``WARM_UP`` before them, ``WIND_DOWN`` after) and name, from one pass: there may be hundreds of
    names. In the order of time; where there was nothing, a phase stands with no names, and the others do not.
    """
    phase_of = {t: phase.name for phase in recording.header.phases for t in range(phase.start_s, phase.end_s)}
    order = [WARM_UP, *(phase.name for phase in recording.header.phases), WIND_DOWN]
    grouped: dict[str, dict[str, list[Slice]]] = {stretch: {} for stretch in order}
    for piece in (*recording.warm_up, *recording.slices, *recording.wind_down):
        if piece.wind_down:
            stretch = WIND_DOWN
        else:
            stretch = WARM_UP if piece.warm_up or piece.t < 0 else phase_of.get(piece.t, WIND_DOWN)
        grouped[stretch].setdefault(piece.name, []).append(piece)
    return {
        stretch: {name: tuple(pieces) for name, pieces in named.items()}
        for stretch, named in grouped.items()
        if named or stretch not in (WARM_UP, WIND_DOWN)
    }


@once
def tallies_by_phase_and_name(recording: Recording) -> dict[str, dict[str, Tally]]:
    """The same, added up."""
    return {
        stretch: {name: tally(pieces) for name, pieces in named.items()}
        for stretch, named in by_phase_and_name(recording).items()
    }


@once
def names(recording: Recording) -> tuple[str, ...]:
    """Request names in the recording, sorted."""
    return tuple(sorted({piece.name for piece in recording.slices}))
