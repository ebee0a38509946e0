"""Whether a fault did anything that could be seen. One that struck nothing put nothing at risk.

That a fault was injected says that a process was killed, not that anybody needed it. An effect shows as: more failed
tries than before; an answer that took far longer than any before; a member that begins to answer, or one that stops; a
node of a probe that changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from harness.analysis.intervals import clopper_pearson
from harness.analysis.once import once
from harness.criteria._injections import Injection, injections, load_end_s
from harness.criteria._outcome import seconds
from harness.criteria._single_operations import by_source
from harness.criteria.replication._nodes import LAG_S, PRIMARY, NodeSample, nodes_of
from harness.recording import READ, TAKE, WRITE, Operation, Recording

CHANCE = 0.01
"""Of a sign without a fault, at most, each."""
AFTERWARDS_S = 5.0
"""What shows so soon after a fault was undone is its effect, too."""
STALL_S, TIMES_SLOWER = 0.5, 3.0
"""An answer that takes longer than any before by so much, and so many times as long, is a sign."""
LAGS_S = 1.0


@once
def effect_of(recording: Recording, fault: Injection) -> str:
    """The first sign of it, in words; empty where nothing shows."""
    return next(_signs(recording, fault), "")


def nothing_shown(faults: Sequence[Injection]) -> str:
    """The reason where no fault had an effect."""
    names = ", ".join(dict.fromkeys(fault.fault for fault in faults))
    return (
        f"nothing shows that {names} struck what is asked here: no more tries were in vain than before, nobody else "
        "has answered, no node has changed; strike what takes the writes, or let answers or a probe say who does"
    )


def is_stalled(took_s: float, usual_s: float) -> bool:
    """Whether an answer took so much longer than the longest did before."""
    return took_s > max(usual_s + STALL_S, usual_s * TIMES_SLOWER)


def _signs(recording: Recording, fault: Injection) -> Iterator[str]:
    faults, end_s = injections(recording), load_end_s(recording)
    next_s = min([end_s, *(each.at_s for each in faults if each.at_s > fault.at_s)])
    until_s = min(next_s, fault.undone_s + AFTERWARDS_S)
    by_kind = _by_kind(recording)
    first_s = faults[0].at_s if faults else fault.at_s
    for kind, operations in by_kind.items():
        calm = [one for one in operations if one.invoke_s < first_s]
        during = [one for one in operations if fault.at_s <= one.invoke_s < until_s]
        yield from _in_vain(kind, calm, during)
        yield from _stalled(kind, calm, during)
        late_s = (fault.at_s + min(fault.undone_s, next_s)) / 2
        late = [one for one in operations if late_s <= one.invoke_s < min(fault.undone_s, next_s)]
        yield from _others(kind, calm, late)
    for node, samples in nodes_of(recording).items():
        yield from _changed(node, samples, fault.at_s, until_s)


@once
def _by_kind(recording: Recording) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = defaultdict(list)
    end_s = load_end_s(recording)
    for batch in recording.operations:
        for one in batch.operations:
            if one.kind in (READ, WRITE, TAKE) and one.invoke_s < end_s:
                found[one.kind].append(one)
    return {kind: sorted(found[kind], key=attrgetter("invoke_s")) for kind in sorted(found)}


def _in_vain(kind: str, calm: Sequence[Operation], during: Sequence[Operation]) -> Iterator[str]:
    """More of all of them than before, or so many on end that chance does not do it: two, where none was before."""
    bad, bad_before = (sum(one.return_s is None for one in of) for of in (during, calm))
    if not bad:
        return
    before = clopper_pearson(bad_before, len(calm), 1 - 2 * CHANCE)[1]
    on_end = longest = 0
    for one in during:
        on_end = on_end + 1 if one.return_s is None else 0
        longest = max(longest, on_end)
    more = clopper_pearson(bad, len(during), 1 - 2 * CHANCE)[0] > before
    if more or len(during) * before**longest <= CHANCE or (calm and not bad_before and longest > 1):
        yield f"{bad:,} of {len(during):,} tries of a {kind} were in vain"


def _stalled(kind: str, calm: Sequence[Operation], during: Sequence[Operation]) -> Iterator[str]:
    usual_s, longest_s = (max(map(_took_s, of), default=0.0) for of in (calm, during))
    if calm and is_stalled(longest_s, usual_s):
        yield f"a {kind} took {seconds(longest_s)}, and {seconds(usual_s)} at most before"


def _others(kind: str, calm: Sequence[Operation], late: Sequence[Operation]) -> Iterator[str]:
    """Who answered before and does not now, or the other way round, and not by chance."""
    before, now = by_source(calm), by_source(late)
    for source in before.keys() - now.keys():
        if (1 - before[source] / before.total()) ** now.total() <= CHANCE:
            yield f"{source} answered no {kind} any more"
    for source in now.keys() - before.keys():
        if (1 - now[source] / now.total()) ** before.total() <= CHANCE:
            yield f"{source} answered a {kind}, and none before"


def _changed(node: str, samples: Sequence[NodeSample], at_s: float, until_s: float) -> Iterator[str]:
    before = [one for one in samples if one.from_s <= at_s]
    if not before:
        return
    usual_s = max(one.values.get(LAG_S, 0.0) for one in before)
    was = before[-1]
    for one in samples:
        if not at_s < one.from_s <= until_s:
            continue
        if one.error is not None and was.error is None:
            yield f"{node} could not be read"
        elif one.is_primary is not None and was.is_primary is not None and one.is_primary != was.is_primary:
            yield f"{node} became {'' if one.values.get(PRIMARY) else 'no '}primary"
        elif was.is_joined and not one.is_joined:
            yield f"{node} followed nobody"
        elif one.values.get(LAG_S, 0.0) > usual_s * TIMES_SLOWER + LAGS_S:
            yield f"{node} was {seconds(one.values[LAG_S])} behind"


def _took_s(one: Operation) -> float:
    return 0.0 if one.return_s is None else one.return_s - one.invoke_s
