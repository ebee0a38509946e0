"""Synthetic recordings of a login herd, for the tests of everything that reads a recording.

``login_herd()`` is a healthy run as the real thing records it: 30 s of baseline, a spike phase of one second
whose first instant releases 500 logins from two nodes, 60 s of recovery, and a canary stream of 10 requests a
second all along. Its parameters make the same run go wrong in one known way, so a test can compare a figure
with the truth. The named variants below it are the ones most tests want. Every recording is a function of its
arguments and seed.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Never, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.analysis import histogram
from harness.analysis.histogram import HIGHEST_US, bucket_bounds_us, bucket_index
from harness.recording import End, Line, ProbeSample, Recording, Slice
from harness.recording.file import FILE_NAME
from harness.recording.header import CriterionSpec, Header, Phase, PlannedGate
from harness.recording.line import encode
from harness.recording.marks import GateMark, HealthMark, Mark, NodeMark
from harness.recording.seal import Sealer
from harness.recording.slices import Packed
from harness.recording.values import OK, UNFINISHED

LOGIN = "POST /auth/login"
CANARY = "GET /auth/me"
MEGABYTE = 1_000_000
CRITERIA = tuple(
    CriterionSpec(name)
    for name in (
        "spike_delivered",
        "release_skew",
        "generator_health",
        "target_healthy",
        "error_ratio",
        "latency_quantile",
        "recovery_time",
        "memory_growth",
    )
)
_LOWEST_US = np.array([bucket_bounds_us(index)[0] for index in range(bucket_index(HIGHEST_US) + 1)])
"""Of each bucket, the lowest value."""
KEPT = 64
"""Of the recordings that were made last, so many are there for whoever asks for the same."""
Parameters = ParamSpec("Parameters")
Key = TypeVar("Key")
Value = TypeVar("Value")


class Frozen(dict[Key, Value]):
    """A dictionary of a recording that several tests share. (A proxy would not do: none can be written as a line.)"""

    def _refuse(self, *_: object, **__: object) -> Never:
        raise TypeError("other tests have this recording, too: change a copy, dict(...), of this")

    __setitem__ = __delitem__ = __ior__ = _refuse  # type: ignore[assignment]
    update = setdefault = pop = popitem = clear = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[dict[Key, Value]], tuple[dict[Key, Value]]]:
        return dict, (dict(self),)


def made_once(make: Callable[Parameters, Recording]) -> Callable[Parameters, Recording]:
    """Most of what a test of a recording takes is to make it, and many want the same one. Each gets a recording of its
    own, for which nothing is worked out yet, of lines that nobody can change. Raises TypeError for an argument by which
    it could not be found again, as for an array.
    """
    made: dict[object, Recording] = {}

    @functools.wraps(make)
    def get(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Recording:
        key = _key((args, sorted(kwargs.items())))
        recording = made.pop(key, None) or make(*args, **kwargs)
        made[key] = recording  # as the last
        if len(made) > KEPT:
            del made[next(iter(made))]
        return dataclasses.replace(recording)

    return get


def _key(argument: Any) -> object:
    """The argument with its type: 1, 1.0 and True are equal, and a recording tells them apart."""
    if isinstance(argument, Mapping):
        argument = sorted(argument.items())
    elif dataclasses.is_dataclass(argument):
        return type(argument), *(_key(getattr(argument, each.name)) for each in dataclasses.fields(argument))
    if isinstance(argument, list | tuple):
        return type(argument), *map(_key, argument)
    return type(argument), argument


@dataclasses.dataclass(frozen=True)
class Request:
    """One request before it is put into a slice; ``latency_s`` is None for one that has no answer."""

    intended_s: float
    node: str
    name: str
    outcome: str
    latency_s: float | None


def slices(requests: Sequence[Request], body_bytes: int = 180) -> tuple[Slice, ...]:
    """The slices of the requests, as a recorder would have written them."""
    kinds = sorted({(request.node, request.name, request.outcome) for request in requests})
    number = {kind: position for position, kind in enumerate(kinds)}
    return sliced(
        np.array([request.intended_s for request in requests]),
        np.array([number[request.node, request.name, request.outcome] for request in requests], dtype=np.int64),
        np.array([math.nan if request.latency_s is None else request.latency_s for request in requests]),
        kinds,
        body_bytes,
    )


def sliced(
    intended_s: NDArray[np.float64],
    kind: NDArray[np.int64],
    latency_s: NDArray[np.float64],
    kinds: Sequence[tuple[str, str, str]],
    body_bytes: int = 180,
) -> tuple[Slice, ...]:
    """The slices of requests in columns of shape (requests,): intended start, position in ``kinds`` (node, name and
    outcome), and latency, NaN for one that has no answer.
    """
    second = np.floor(intended_s).astype(np.int64)
    order = np.lexsort((latency_s, kind, second))
    second, kind, micros = second[order], kind[order], np.round(latency_s[order] * 1e6)
    begins = (np.diff(second, prepend=-1e9) != 0) | (np.diff(kind, prepend=-1) != 0)
    known = np.flatnonzero(~np.isnan(micros))
    bucket = np.searchsorted(_LOWEST_US, np.clip(micros[known], 0, None), "right") - 1
    differ = np.flatnonzero((np.diff(bucket, prepend=-1) != 0) | (np.diff(np.cumsum(begins)[known], prepend=0) != 0))
    counts = np.diff(differ, append=len(known))
    numbers = np.column_stack([bucket[differ], counts]).astype(np.uint32)
    first = np.flatnonzero(begins)
    ends = np.searchsorted(known[differ], [*first, len(order)])
    made = []
    for (begin, end), (low, high) in zip(pairwise([*first.tolist(), len(order)]), pairwise(ends.tolist()), strict=True):
        node, name, outcome = kinds[kind[begin]]
        size = body_bytes * int(end - begin) if outcome == OK else 0
        latency = Packed(array("I", numbers[low:high].tobytes()))
        made.append(Slice(int(second[begin]), node, name, outcome, int(end - begin), size, latency))
    return tuple(made)


@made_once
def login_herd(
    *,
    seed: int = 1,
    baseline_s: int = 30,
    recovery_s: int = 60,
    herd_users: int = 500,
    canary_per_s: float = 10,
    poisson: bool = False,
    nodes: int = 2,
    base_latency_s: float = 0.02,
    jitter: float = 0.4,
    drain_per_s: float = 250,
    slow_for_s: float = 0,
    slow_by_s: float = 0.4,
    flaps: Sequence[tuple[float, float]] = (),
    spike_error_ratio: float = 0,
    recovery_error_ratio: float = 0,
    errors_for_s: float = math.inf,
    leak_bytes: float = 0,
    herd_memory_bytes: float = 20 * MEGABYTE,
    skew_s: float = 0.006,
    delivered_ratio: float = 1,
    loop_lag_s: float = 0.004,
    generator_cpu_ratio: float = 0.4,
    lost_node: bool = False,
    healthy_before: bool = True,
    healthy_after: bool = True,
    cut_off_at_s: float | None = None,
    criteria: Sequence[CriterionSpec] = CRITERIA,
) -> Recording:
    """A login herd.

    Latency of a request is lognormal with median ``base_latency_s`` and shape ``jitter``, behind a FIFO queue
    that the herd fills and that empties at ``drain_per_s``. ``slow_for_s`` adds ``slow_by_s`` to every
    request intended less than that many seconds after the end of the spike; ``flaps`` do so in further
    stretches (from, to), counted from the same instant. ``leak_bytes`` stay allocated, over all processes,
    when the herd is over.
    """
    random = np.random.default_rng(seed)
    spike, end = baseline_s, baseline_s + 1 + recovery_s
    names = [f"worker-{number + 1}" for number in range(nodes)]
    stretches = ((0.0, slow_for_s), *flaps)

    canary: NDArray[np.float64]
    if poisson:
        canary = np.sort(random.uniform(0, end, random.poisson(canary_per_s * end)))
    else:
        canary = np.asarray((np.arange(round(canary_per_s * end)) + 0.5) / canary_per_s, dtype=np.float64)
    sent = round(herd_users * delivered_ratio)
    intended = np.concatenate([canary, np.full(sent, float(spike))])
    latency = base_latency_s * np.exp(jitter * random.standard_normal(len(intended)))
    after = intended - spike - 1
    for begin_s, finish_s in stretches:
        latency[(after >= begin_s) & (after < finish_s)] += slow_by_s
    queue = np.maximum(0.0, spike + sent / drain_per_s - canary)
    queue[canary < spike] = 0
    latency[: len(canary)] += queue
    latency[len(canary) :] += np.arange(sent) / drain_per_s
    in_spike = (after >= -1) & (after < 0)
    in_recovery = (after >= 0) & (after < errors_for_s)
    failed = random.random(len(intended)) < spike_error_ratio * in_spike + recovery_error_ratio * in_recovery

    numbers = np.arange(len(intended))
    outcomes = (OK, "http 503", UNFINISHED)
    outcome = np.where(intended + latency > end, 2, failed)
    answered_s = np.where(outcome == 2, math.nan, latency)
    kinds = sorted(product(names, (CANARY, LOGIN), outcomes))
    places = {kind: place for place, kind in enumerate(kinds)}
    place = np.array([[[places[n, name, how] for how in outcomes] for name in (CANARY, LOGIN)] for n in names])
    kind = place[numbers % nodes, (numbers >= len(canary)).astype(int), outcome]
    recorded = np.full(len(intended), True)

    offsets = [np.sort(random.uniform(0, skew_s, len(range(k, sent, nodes)))) for k in range(nodes)]
    marks: list[Mark] = [HealthMark(-1, "before", "GET /readyz", healthy_before, "" if healthy_before else "503")]
    marks += [NodeMark(-3, node, "joined") for node in names]
    for k, node in enumerate(names):
        micros = tuple(int(offset * 1e6) for offset in offsets[k])
        marks.append(GateMark(spike, node, "herd", len(range(k, herd_users, nodes)), micros, 0.0004 if k else 0.0002))
    for node in names:
        if lost_node and node == names[-1]:
            marks.append(NodeMark(spike + 4, node, "lost", "no heartbeat for 3 s"))
            recorded = (numbers % nodes != nodes - 1) | (intended < spike + 4)
        else:
            marks.append(NodeMark(end + 1, node, "finished"))
    marks.append(HealthMark(end + 2, "after", "GET /readyz", healthy_after, "" if healthy_after else "timeout"))

    probes = []
    for second in range(-2, end):
        t = second + 0.1
        grown = 0.0 if t < spike else min(1.0, (t - spike) / 3)
        for k, (process, rss) in enumerate((("api1", 90), ("api2", 92), ("postgres", 140))):
            share = 0.5 if k < 2 else 0.0
            hump = herd_memory_bytes * share * grown * math.exp(-max(0.0, t - spike - 3) / 4)
            noise = 50_000 * random.standard_normal()
            value = rss * MEGABYTE + hump + noise + leak_bytes * share * grown
            busy = 0.9 if spike <= t < spike + sent / drain_per_s else 0.1
            probes.append(ProbeSample(t, "process", process, Frozen(rss_bytes=value, cpu_ratio=busy)))
        for k, node in enumerate(names):
            if lost_node and k == nodes - 1 and t >= spike + 4:
                continue
            lag = loop_lag_s * (1 + 0.2 * random.random())
            values = Frozen(loop_lag_s=lag, cpu_ratio=generator_cpu_ratio, rss_bytes=80e6)
            probes.append(ProbeSample(second + 0.5, "generator", node, values))

    unfinished = int((outcome[recorded] == 2).sum())
    done = int(recorded.sum()) - unfinished
    header = Header(
        scenario="login-herd",
        started_utc="2026-03-14T09:26:53Z",
        shape="herd",
        parameters=Frozen(baseline_s=baseline_s, herd_users=herd_users, recovery_s=recovery_s),
        phases=(
            Phase("baseline", 0, spike),
            Phase("spike", spike, spike + 1),
            Phase("recovery", spike + 1, end),
        ),
        level=((0, 0), (spike, 0), (spike, herd_users), (spike + 1, herd_users), (spike + 1, 0), (end, 0)),
        level_unit="users",
        gates=(PlannedGate("herd", spike, herd_users),),
        criteria=tuple(criteria),
        target="http://127.0.0.1:8080",
        nodes=nodes,
        environment=Frozen(python="3.11.7", locust="2.47.0", machine="synthetic"),
    )
    whole = Recording(
        header,
        sliced(intended[recorded], kind[recorded], answered_s[recorded], kinds),
        tuple(probes),
        tuple(marks),
        End(end + 1, "completed", True, done, unfinished),
    )
    return whole if cut_off_at_s is None else cut_off(whole, cut_off_at_s)


def ended(recording: Recording) -> Recording:
    """With an end that tells as many requests as there are."""
    assert recording.end is not None
    requests = sum(piece.count for piece in (*recording.slices, *recording.warm_up, *recording.wind_down))
    return dataclasses.replace(recording, end=dataclasses.replace(recording.end, requests=requests, unfinished=0))


def cut_off(recording: Recording, at_s: float) -> Recording:
    """The same run, killed at an instant, with a torn last line."""
    return dataclasses.replace(
        recording,
        slices=tuple(piece for piece in recording.slices if piece.t + 1 <= at_s),
        probes=tuple(sample for sample in recording.probes if sample.t <= at_s),
        marks=tuple(mark for mark in recording.marks if mark.t <= at_s),
        end=None,
        damage=("line 4711 is cut off and was left out",),
    )


def healthy(seed: int = 1) -> Recording:
    return login_herd(seed=seed)


def slow(seconds: float, seed: int = 1) -> Recording:
    """Every request takes 0.4 s longer until ``seconds`` after the end of the spike."""
    return login_herd(seed=seed, slow_for_s=seconds)


def never_recovering(seed: int = 1) -> Recording:
    return login_herd(seed=seed, slow_for_s=math.inf)


def failing(error_ratio: float = 0.4, seed: int = 1) -> Recording:
    """That share of the requests of the spike answers 503."""
    return login_herd(seed=seed, spike_error_ratio=error_ratio)


def leaking(leak_bytes: float = 400 * MEGABYTE, seed: int = 1) -> Recording:
    return login_herd(seed=seed, leak_bytes=leak_bytes)


def lost_worker(seed: int = 1) -> Recording:
    return login_herd(seed=seed, lost_node=True)


def skewed(skew_s: float = 0.9, seed: int = 1) -> Recording:
    """The herd was spread over ``skew_s``, so it was none."""
    return login_herd(seed=seed, skew_s=skew_s)


def saturated(seed: int = 1) -> Recording:
    """The load generator itself was the bottleneck."""
    return login_herd(seed=seed, generator_cpu_ratio=0.99, loop_lag_s=0.8)


def interrupted(at_s: float = 50, seed: int = 1) -> Recording:
    return login_herd(seed=seed, cut_off_at_s=at_s)


def write(recording: Recording, directory: Path) -> Path:
    """Writes the recording as a run directory holds it, lines in the order of a live run, and returns the
    file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    timed = sorted(
        [*recording.warm_up, *recording.slices, *recording.wind_down, *recording.probes, *recording.marks],
        key=lambda line: line.t,
    )
    lines = [recording.header, *timed, *([recording.end] if recording.end else [])]
    path.write_text("".join(texts(lines)))
    return path


def sums(slices: Iterable[Slice]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """What slices say in all: those of several load processes are one when a recording is read."""
    pieces: dict[tuple[object, ...], list[Slice]] = {}
    for piece in slices:
        key = (piece.t, piece.name, piece.outcome, piece.status, piece.warm_up)
        pieces.setdefault(key, []).append(piece)
    return {
        key: (
            sum(piece.count for piece in same),
            sum(piece.bytes for piece in same),
            sum(piece.count if piece.starts is None else piece.starts for piece in same),
            histogram.merge(piece.latency for piece in same),
            histogram.merge(piece.latency if piece.service is None else piece.service for piece in same),
        )
        for key, same in pieces.items()
    }


def texts(lines: Iterable[Line]) -> list[str]:
    """The lines of a file that holds these, header first."""
    return list(Sealer().sealed(map(encode, lines)))
