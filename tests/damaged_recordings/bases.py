"""What is damaged: kept recordings, and synthetic ones that have together every kind of line, every field and every
criterion.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import criteria
from harness.analysis.answer_sizes import size_index
from harness.findings import Outcome
from harness.recording import Line, Operation, Operations, ProbeSample, Recording, Slice, Slices, Unanswered
from harness.recording.file import parse
from harness.recording.header import CriterionSpec, FaultPlan, PlannedClass
from harness.recording.line import encode
from harness.recording.marks import (
    AlertMark,
    AttemptsMark,
    BlockedMark,
    ExceptionMark,
    FaultMark,
    Mark,
    NodeMark,
    StartsMark,
    TraceMark,
    UsersMark,
)
from harness.recording.seal import Sealer
from harness.recording.values import (
    BLOCKED,
    INTERRUPTED,
    ITERATION,
    OK,
    SHED,
    SHED_WITHOUT_DELAY,
    UNSENT,
    UNSERVED,
    USER_EXCEPTION,
)
from harness.verdict import judge
from tests import histories, recordings
from tests.ledgers import failover, ledger, sampled, writes
from tests.pure import test_backup, test_balancing, test_metastability, test_rate_limit

KEPT = Path(__file__).parents[1] / "kept"
OLD_FORMAT = 2
"""The newest one without seals."""

Lines = list[bytes]


@dataclass(frozen=True)
class Base:
    """A recording to be damaged."""

    name: str
    lines: Lines
    outcome: Outcome
    sealed: bool
    criteria: int


def bases(kept: bool = True) -> list[Base]:
    """Each as it would have been written before there were seals, and with them, where its format has them."""
    texts: dict[str, list[str]] = {}
    if kept:
        for path in sorted(KEPT.glob("*.jsonl.xz")):
            lines = lzma.decompress(path.read_bytes()).decode().splitlines(keepends=True)
            texts[path.name.partition(".")[0]] = [without_seal(line) for line in lines]
    for name, run in _synthetic().items():
        texts[f"{name}, packed"] = _in_order(run, packed=True)
        if name in UNPACKED:
            texts[name] = _in_order(run, packed=False)
    return [
        _base(name, lines, sealed)
        for name, lines in texts.items()
        for sealed in (False, True)
        if not sealed or _format(lines[0]) > OLD_FORMAT
    ]


UNPACKED = ("healthy", "failing", "with every field")
"""Of these, too, as up to format 3 a run wrote them: a line for each slice."""


def _synthetic() -> dict[str, Recording]:
    """By what they are. Small ones, because it is their number that finds something; and of as many seconds as a
    criterion needs to say more than that they are too few.
    """
    small: dict[str, Any] = {"baseline_s": 4, "recovery_s": 4, "herd_users": 80, "canary_per_s": 60, "jitter": 0.02}
    whole: dict[str, Any] = {"baseline_s": 30, "recovery_s": 20, "herd_users": 100}
    certain = [spec for spec in recordings.CRITERIA if spec.criterion not in ("recovery_time", "memory_growth")]
    return {
        "small, healthy": recordings.login_herd(**small, criteria=certain),
        "small, failing": recordings.login_herd(**small, criteria=certain, spike_error_ratio=0.4),
        "small, lost": recordings.login_herd(**small, criteria=certain, lost_node=True),
        "with every field": with_every_field(recordings.login_herd(**small)),
        "with every criterion": _judged_by(with_every_field(recordings.login_herd(**small)), *criteria.available()),
        "healthy": recordings.login_herd(**whole),
        "failing": recordings.login_herd(**whole, spike_error_ratio=0.4, recovery_error_ratio=0.08),
        "never recovering": recordings.login_herd(**whole, slow_for_s=1e9),
        "leaking": recordings.login_herd(**whole, leak_bytes=4e8),
        **_of_operations(),
    }


def _of_operations() -> dict[str, Recording]:
    """What is judged by single operations, or by a gauge, as the tests of its criteria have it."""
    takes = test_rate_limit.takes(lambda *_: test_rate_limit.Sliding(), per_s=10, until_s=12)
    failed_over = sampled(ledger(writes(every_s=0.5, away=(12, 15)), lost=1), failover())
    balanced = test_balancing.rotating(until_s=20, out_s=13, back_s=16)
    stuck = test_metastability.run(lambda t: 2 if t < 30 else 5, lambda t: 60 - t)
    return {
        "failover": _judged_by(failed_over, "lost_writes", "doubled_writes", "outage", "single_primary", "rejoin_time"),
        "rate limit": _judged_by(
            histories.recording(*takes), "over_admission", "key_fairness", "retry_after", "wrong_refusals"
        ),
        "metastable": _judged_by(stuck, "metastability"),
        "backup": _judged_by(test_backup.costing(510), "backup_cost", "backup_steps", "restored_writes"),
        "balancing": _judged_by(balanced, "out_of_rotation", "back_in_rotation", "even_share"),
    }


def _judged_by(run: Recording, *names: str) -> Recording:
    return replace(run, header=replace(run.header, criteria=tuple(map(CriterionSpec, names))))


def with_every_field(run: Recording) -> Recording:
    """With all that a header can say, and a line of each kind with all that it can: what users did before and after the
    load, outcomes of every kind, attempts, starts, exceptions, blocked connections, an alert, a fault, a traced
    request, an operation, requests without an answer.
    """
    some = [piece for piece in run.slices if piece.outcome == OK][:12]
    node, name = some[0].node, some[0].name
    header = replace(
        run.header,
        notes=("a note",),
        alerts={"p95_s": 2.0, "error_ratio": 0.05, "pool_names": "pool"},
        faults=(FaultPlan(1, "container_stop", 5, 7, "container_stop container=db"),),
        reference_target=True,
        branch="main",
        commit="0af7651916cd43dd8448eb211c80319c0af76519",
        tags=("nightly",),
        stop_when=("error_ratio > 0.5 for 10s",),
        classes=(PlannedClass("Buyer", 60, ((0, 20), (8, 20))), PlannedClass("Visitor", 20)),
        even_arrivals=True,
    )
    marks: list[Mark] = [
        FaultMark(5.0, "container_stop", "injected", "db", 1),
        FaultMark(7.0, "container_stop", "undone", "db", 1),
        AlertMark(3.0, "error ratio", "raised", "6 %"),
        AlertMark(6.0, "error ratio", "cleared"),
        ExceptionMark(2.0, node, "KeyError", "'token'", "shop.py, line 12, in buy", "task", 2),
        BlockedMark(2.0, node, "cdn.example.com:443", 3),
        TraceMark(2.5, node, name, "0af7651916cd43dd8448eb211c80319c", OK, 23_000),
        NodeMark(6, node, "stopping", "2 users"),
        UsersMark(4.0, node, {"Buyer": 60, "Visitor": 0}),
    ]
    for t in range(0, 8, 2):
        waits, busy = {"Buyer": {1_000: 3}}, {"Buyer": (4, 0.3)}
        marks.append(StartsMark(t, node, {"Buyer": 8}, "starts", "arrivals", {"Buyer": 9}, waits, busy))
        marks.append(AttemptsMark(t, node, name, {OK: {800: 5}, "http 503": {700: 3}}))
    answered = (SHED, SHED_WITHOUT_DELAY, "http 503", "timeout")
    without_answer = (UNSERVED, UNSENT, INTERRUPTED, BLOCKED, USER_EXCEPTION)
    others = [Slice(3, node, name, how, 2, 100, {9_000: 2}, {8_900: 2}, 1, 503, user_class="Buyer") for how in answered]
    others += [Slice(3, node, ITERATION, how, 2, 0, {}, None, 2, user_class="Visitor") for how in without_answer]
    operations = (
        Operation("item", "one", "write", 1, 2.0, 2.1, "service"),
        Operation("item", "two", "read", 1, 3.0, 3.1, "service", "cache", "hit"),
        Operation("item", "two", "read", None, 4.0, None, "replica"),
    )
    whole = recordings.ended(
        replace(
            run,
            header=header,
            slices=(*map(_unchecked, run.slices), *others),
            probes=(*run.probes, ProbeSample(4.2, "process", "api1", {}, "gone"), *_of_containers()),
            marks=(*run.marks, *marks),
            warm_up=tuple(replace(piece, t=-1, warm_up=True) for piece in some),
            wind_down=tuple(replace(piece, t=piece.t + 8, wind_down=True) for piece in some),
            operations=(Operations(node, 0.001, operations),),
        )
    )
    assert whole.end is not None
    return replace(whole, end=replace(whole.end, unfinished=3, stopped_early=True))


def _unchecked(piece: Slice) -> Slice:
    """Its answers are as long as each other, and pages."""
    if piece.outcome != OK:
        return piece
    return replace(piece, sizes={size_index(piece.bytes // piece.count): piece.count}, media_type="text/html")


def _of_containers() -> Iterable[ProbeSample]:
    """With a quota, and a restart at 6 s."""
    for t in range(-1, 9):
        values = {"memory_working_set_bytes": 1e8, "memory_limit_bytes": 2e8, "cpu_ratio": 0.2, "cpu_limit_cores": 0.5}
        counted = {"cpu_periods_total": 10.0 * t + 20, "cpu_throttled_periods_total": 2.0 * t + 4, "oom_kills": 0.0}
        yield ProbeSample(t + 0.3, "docker_container", "api1", {**values, **counted, "restarts": float(t > 5)})


def unanswered(node: str, name: str) -> list[tuple[float, Line]]:
    """Told as what has changed; three are left."""
    return [
        (5.5, Unanswered(node, ((5, name, "unfinished", 4, 4), (5, name, "unserved", 1, 1)))),
        (6.5, Unanswered(node, ((5, name, "unfinished", 2, 2), (5, name, "unserved", 1, 1)))),
    ]


def _in_order(run: Recording, packed: bool) -> list[str]:
    """``packed``: with the slices of each second in one line."""
    timed: list[tuple[float, Line]] = [(line.t, line) for line in (*run.probes, *run.marks)]
    pieces = (*run.warm_up, *run.slices, *run.wind_down)
    if packed:
        seconds = {piece.t for piece in pieces}
        timed += [(t, Slices(tuple(piece for piece in pieces if piece.t == t))) for t in sorted(seconds)]
    else:
        timed += [(piece.t, piece) for piece in pieces]
    timed += [(each.operations[-1].invoke_s, each) for each in run.operations]
    if run.header.classes:
        timed += unanswered(pieces[0].node, pieces[0].name)
    lines = [line for _, line in sorted(timed, key=lambda each: each[0])]
    return [encode(line) for line in (run.header, *lines, *([run.end] if run.end else []))]


def without_seal(line: str) -> str:
    bare, seal, _ = line.partition(',"seal":')
    return bare + "}\n" if seal else line


def _format(header: str) -> int:
    return int(json.loads(header)["format"])


def _base(name: str, lines: list[str], sealed: bool) -> Base:
    header, *rest = lines
    if not sealed:
        header = re.sub(r'"format":[3-9]\d*', f'"format":{OLD_FORMAT}', header)
    whole = [line.encode() for line in (Sealer().sealed(lines) if sealed else [header, *rest])]
    recording = parse(whole, name)
    outcome = judge(recording).outcome
    return Base(f"{name}{' (sealed)' if sealed else ''}", whole, outcome, sealed, len(recording.header.criteria))
