"""Users who began and sent nothing: their tasks end without a request, and more load would not change that."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from harness.analysis import phases
from harness.criteria.guards._delivery import Delivery
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import INTERRUPTED, UNSENT, UNSERVED

UNTOLD = math.inf
"""In place of what was planned, where nobody knows how often users began."""
FEWEST = 5
"""Iterations of a class that never sent anything: fewer may all have had a reason."""


def silent(recording: Recording, phase: Phase) -> Counter[str]:
    """Class of users → its iterations that were due in the phase and sent nothing."""
    found = Counter[str]()
    for piece in phases.slices_of(recording, phase):
        if piece.outcome == UNSENT:
            found[phases.class_of(recording, piece)] += piece.count
    return found


def all_load(recording: Recording) -> Phase:
    """From the first phase to the last."""
    return Phase("run", recording.header.phases[0].start_s, recording.header.planned_end_s)


def silent_classes(recording: Recording) -> Iterator[Delivery]:
    """Classes of users that began again and again and sent nothing in the whole run, whatever paced them: they may be a
    small share of all arrivals, and a closed model plans no number of requests.
    """
    load = all_load(recording)
    sent = {
        phases.class_of(recording, piece)
        for piece in phases.slices_of(recording, load)
        if piece.count and piece.outcome not in (UNSENT, UNSERVED, INTERRUPTED)
    }
    for user_class, count in sorted(silent(recording, load).items()):
        if count >= FEWEST and user_class not in sent:
            yield Delivery(f"users of {user_class}" if user_class else "all users", count, 0, 0.0, user_class)
    # Of users that Locust itself paces nobody is told when they begin: what is seen of a class is what it sent.
    for user_class, count in sorted(_users(recording).items()):
        if count and user_class not in sent:
            yield Delivery(f"{count:,} users of {user_class}", UNTOLD, 0, 0.0, user_class)


def _users(recording: Recording) -> Counter[str]:
    """Class of users → how many of them there were, 0 of one that had none. Empty where that is not told, as of users
    that say themselves when they begin.
    """
    most = dict[str, Counter[str]]()
    for mark in recording.users:
        most[mark.node] = most.get(mark.node, Counter()) | Counter(mark.users)
    found = Counter({each.user_class: 0 for each in recording.header.classes} if most else {})
    for of_node in most.values():
        found.update(of_node)
    return found


def without_users(recording: Recording) -> str:
    """The classes of users of which Locust started none, in words: there is no load that they could have failed to
    make, but nor is there theirs. Empty where there is no such class.
    """
    names = sorted(name for name, count in _users(recording).items() if not count)
    return f"no user of {', '.join(names)} was started; more users, or more weight, would start some" if names else ""


def in_words(found: Counter[str]) -> str:
    """How many began and sent nothing, and what to do about it."""
    of_whom = f" of {', '.join(sorted(found))}" if all(found) else ""
    return (
        f"{found.total():,} iterations{of_whom} began and sent nothing: let the tasks make a request, with a client "
        "that is recorded"
    )
