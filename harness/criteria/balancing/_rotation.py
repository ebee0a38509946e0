"""When a balancer stops sending requests to one that is gone, and when it begins again.

A member counts as struck when it answered shortly before a fault and not at all while the fault lasts, though there
were too many requests for that to be chance (1 %). It is in the rotation as long as requests go to it: as long as some
fail, or it answers. Where requests go round robin or at random, three times as many as there are members reach each of
them with 95 % certainty ((1 − 1/k)^{3k} ≤ e^−3): it was out of the rotation by the end of so many good answers of
others, and not in it yet before as many. It is back for good where no more answers of others come between two of its
own, or after the last one, than chance may put there (1 %, for all that were asked afterwards together).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.criteria._injections import Injection
from harness.criteria._single_operations import by_source
from harness.recording import Operation

BEFORE_S = 5.0
ROUNDS = 3
CHANCE = 0.01


@dataclass(frozen=True)
class Struck:
    """A fault, and who was struck by it."""

    fault: Injection
    until_s: float
    """Its end, the next fault, or the end of the load."""
    members: int
    """Who answered shortly before."""
    names: tuple[str, ...]


def struck(operations: Sequence[Operation], faults: Sequence[Injection], load_end_s: float) -> Iterator[Struck]:
    """For each fault. ``operations`` in the order of their beginning."""
    begun_s = [one.invoke_s for one in operations]
    for fault in faults:
        later_s = [other.at_s for other in faults if other.at_s > fault.at_s]
        until_s = min([fault.undone_s, load_end_s, *later_s])
        before = by_source(_between(operations, begun_s, fault.at_s - BEFORE_S, fault.at_s))
        asked = _between(operations, begun_s, (fault.at_s + until_s) / 2, until_s)
        late = by_source(asked)
        gone = {
            name for name in before.keys() - late.keys() if (1 - before[name] / before.total()) ** len(asked) <= CHANCE
        }
        yield Struck(fault, until_s, len(before), tuple(sorted(gone)))


def taken_out(operations: Sequence[Operation], of: Struck) -> tuple[float, float]:
    """From the fault until no request goes to those struck any more: at least and at most, in seconds; infinite where
    some still did in the end.
    """
    begun_s = [one.invoke_s for one in operations]
    during = _between(operations, begun_s, of.fault.at_s, of.until_s)
    sent = [index for index, one in enumerate(during) if one.return_s is None or one.source in of.names]
    low_s = during[sent[-1]].invoke_s - of.fault.at_s if sent else 0.0
    after = during[sent[-1] + 1 if sent else 0 :]
    needed = ROUNDS * of.members
    return low_s, after[needed - 1].invoke_s - of.fault.at_s if len(after) >= needed else math.inf


def put_back(operations: Sequence[Operation], of: Struck, load_end_s: float) -> tuple[float, float]:
    """From the end of the fault until all those struck answer again, and go on to: at least and at most, in seconds;
    infinite where one never did, or does not in the end. One that went away again in between was back with its first
    answer at least, and at most with the one from which on it stayed.
    """
    begun_s = [one.invoke_s for one in operations]
    after = _between(operations, begun_s, of.fault.undone_s, load_end_s)
    low_s = high_s = 0.0
    for name in of.names:
        mine = [n for n, one in enumerate(after) if one.source == name and one.return_s is not None]
        stays = _stays_from(mine, len(after), of.members)
        first = mine[0] if mine and stays is not None else len(after)
        before = first - ROUNDS * of.members
        low_s = max(low_s, after[before].invoke_s - of.fault.undone_s if before >= 0 else 0.0)
        returned_s = None if stays is None else after[stays].return_s
        high_s = max(high_s, math.inf if returned_s is None else returned_s - of.fault.undone_s)
    return low_s, high_s


def _stays_from(mine: Sequence[int], asked: int, members: int) -> int | None:
    """From which of its answers on, by their places among all that were ``asked``, there are none without it for longer
    than chance does it; None where it is not there in the end, or never was.
    """
    if not mine:
        return None
    longest = math.ceil(math.log(asked / CHANCE) / -math.log(1 - 1 / members)) if members > 1 else asked
    if asked - mine[-1] > longest:
        return None
    return next((later for earlier, later in reversed(list(pairwise(mine))) if later - earlier > longest), mine[0])


def _between(operations: Sequence[Operation], begun_s: Sequence[float], from_s: float, to_s: float) -> list[Operation]:
    return list(operations[bisect_left(begun_s, from_s) : bisect_left(begun_s, to_s)])
