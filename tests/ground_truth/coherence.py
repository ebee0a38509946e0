"""Ground truth of cache coherence: what a fault of the reference target says it did is what a real run has to find.

The fault is switched on when the spike begins; by then every item has been written. Equal, not near:

- ``lost_invalidation``: the writes that the run calls lost are those in the fault's records, key by key and version by
  version. The scenario makes every one observable: an item is removed, read (so that it is cached afresh), written,
  and read back by the same session, which alone writes it.
- ``stale_replica_read``: every stale read that the run finds is one of the fault's records, with the same key and
  version, made while the read was under way, and its age by the fault's clock lies where the client's instants put it
  (the fault counts from the commit, which lies somewhere within the write, to its own snapshot, somewhere within the
  read). The reverse has one exception: the fault also counts a read that began when the write that replaced its
  answer was committed and not yet answered. For its client that write was still under way, so the old answer was a
  right one. Each record without a stale read has to be such a case.
- ``no_single_flight``: the one item expires once while the fault is on, and the figure is the fault's ``loads``.

Nothing that a fault cannot move may fail. ``python -m tests.ground_truth.coherence [--runs 2]`` runs all of them.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness.analysis import coherence, history
from harness.analysis.history import Placed
from harness.findings import Finding, Outcome, Verdict
from harness.recording import Recording
from harness.recording_file import read
from harness.reference import options_for, reference_target
from harness.verdict import judge
from target.faults.summed import summed
from target.loopback_http import ask

ROOT = Path(__file__).parent.parent.parent
SCENARIO = ROOT / "locustfiles" / "cache_coherence.py"
SHORT = ("--baseline-s", "5", "--hold-s", "5", "--recovery-s", "2", "--outage-s", "0")
HEALTH_OF_GENERATOR = ("--generator-health-loop-lag-limit-s", "2", "--generator-health-cpu-limit-ratio", "2")
"""How busy this machine is, is not what these runs are about: orders of operations do not depend on it."""


@dataclass(frozen=True)
class Found:
    """A run, and the fault's own account of it."""

    recording: Recording
    verdict: Verdict
    status: Mapping[str, float]
    records: Sequence[Mapping[str, Any]]

    def finding(self, criterion: str) -> Finding:
        return next(finding for finding in self.verdict.findings if finding.criterion == criterion)


@dataclass(frozen=True)
class Case:
    """A fault, the criteria that must fail for it, and those that may, as a consequence."""

    name: str
    fault: str
    parameters: Mapping[str, float]
    differences: Callable[[Found], Sequence[str]]
    """Between what was found and what is true, in words."""
    fails: frozenset[str] = frozenset()
    may_fail: frozenset[str] = frozenset()
    arguments: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


def _healthy(found: Found) -> Sequence[str]:
    if found.verdict.outcome is Outcome.PASS:
        return ()
    return [f"{f.criterion} {f.outcome.value}: {f.reason}" for f in found.verdict.findings if f.outcome != Outcome.PASS]


def _lost(found: Found) -> Sequence[str]:
    figure, lost = found.finding("lost_invalidations").figure, found.status["lost"]
    told = [] if figure == lost else [f"{figure} lost invalidations found, {lost} by the fault's account"]
    true = {(record["key"], record["version"]) for record in found.records}
    writes = coherence.invalidations(history.of(found.recording, "service*")).lost
    mine = {(write.operation.key, write.operation.version) for write in writes}
    return [*told, *(f"{only} only in one account" for only in sorted(true ^ mine))]


def _stale(found: Found) -> Sequence[str]:
    seen = history.of(found.recording)
    stale = {id(entry.read.operation): entry for entry in coherence.stale_reads(seen)}
    answers: dict[tuple[str, int | None], list[tuple[Placed, history.Order]]] = {}
    for item in seen.items:
        order = history.Order(item, seen)
        for answer in item.reads:
            if answer.operation.source == "replica":
                answers.setdefault((item.key, answer.operation.version), []).append((answer, order))
    told = [] if len(found.records) == found.status["stale"] else ["the fault has dropped some of its records"]
    origin_s = _origin_s(found, {key: [answer for answer, _ in reads] for key, reads in answers.items()})
    matched: Counter[str] = Counter()
    for record in found.records:
        t = record["at"] - origin_s
        near = answers.get((record["key"], record["version"]), [])
        fitting = [(answer, order) for answer, order in near if answer.invoke_s <= t <= answer.return_s]
        if not fitting:
            told.append(f"no read for the fault's {record}")
            continue
        # Of several that were under way, the one that is stale goes first: the other has a record of its own.
        answer, order = max(fitting, key=lambda pair: id(pair[0].operation) in stale)
        entry = stale.pop(id(answer.operation), None)
        near.remove((answer, order))
        replacing = min(order.replaced(answer.operation.version), key=lambda pair: pair[1], default=("", math.inf))[1]
        if entry is None:
            if replacing < answer.invoke_s:
                told.append(f"{answer.operation} was not called stale, but the fault says {record}")
            matched["under way"] += 1
            continue
        matched[answer.operation.via] += 1
        writes = [w for item in seen.items if item.key == record["key"] for w in item.writes.values()]
        first = min(w.invoke_s for w in writes if w.return_s == replacing)
        if not entry.age_s <= record["age_ms"] / 1000 <= answer.return_s - first:
            told.append(f"aged {entry.age_s} s by the client, {record['age_ms']} ms by the fault: {answer.operation}")
    # A real replica may lag as well: that is none of the fault's doing.
    ours = [entry.read.operation for entry in stale.values() if entry.read.operation.via != "replica"]
    told += [f"{operation} is in no record of the fault" for operation in ours]
    counted = found.finding("stale_reads").evidence.get("stale")
    mine = sum(count for via, count in matched.items() if via.startswith("service"))
    return told if counted == mine else [*told, f"{counted} stale reads in the finding, {mine} in the fault's records"]


def _origin_s(found: Found, answers: Mapping[tuple[str, int | None], Sequence[Placed]]) -> float:
    """The run's origin on the monotonic clock: where every record that can be of one read only puts it."""
    records = Counter((record["key"], record["version"]) for record in found.records)
    low, high = -math.inf, math.inf
    for record in found.records:
        key = record["key"], record["version"]
        if records[key] == len(answers.get(key, ())) == 1:
            (answer,) = answers[key]
            low, high = max(low, record["at"] - answer.return_s), min(high, record["at"] - answer.invoke_s)
    assert -math.inf < low <= high < math.inf, f"no instant fits every record: {low} to {high}"
    return (low + high) / 2


def _stampede(found: Found) -> Sequence[str]:
    figure, loads = found.finding("stampede").figure, found.status["loads"]
    return [] if figure == loads else [f"a stampede of {figure} found, {loads} loads by the fault's account"]


CACHED_LONG = (("TARGET_ITEMS_TTL_S", "60"),)
HEALTHY = Case("healthy", "noop", {}, _healthy, arguments=("--recovery-s", "12", "--outage-s", "6"))
LOST = Case(
    *("lost_invalidation 0.25", "lost_invalidation", {"share": 0.25}, _lost),
    fails=frozenset({"lost_invalidations", "stale_reads", "read_your_writes", "linearizability"}),
    settings=CACHED_LONG,
)
STALE = Case(
    *("stale_replica_read 500 ms 0.2", "stale_replica_read", {"delay_ms": 500, "share": 0.2}, _stale),
    fails=frozenset({"stale_reads", "linearizability"}),
    may_fail=frozenset({"read_your_writes", "monotonic_reads"}),
    settings=CACHED_LONG,
)
STAMPEDE = Case(
    *("no_single_flight", "no_single_flight", {}, _stampede),
    fails=frozenset({"stampede"}),
    arguments=("--keys", "1"),
    settings=(("TARGET_ITEMS_TTL_S", "6"), ("TARGET_ITEMS_LOAD_MS", "100")),
)
CASES = (HEALTHY, LOST, STALE, STAMPEDE)


def run(case: Case, arguments: Sequence[str] = SHORT) -> Sequence[str]:
    """Runs the scenario with the fault on from the spike, and returns what was wrong; empty when all is right."""
    wanted = {"TARGET_ITEMS_TTL_S": "3", "TARGET_ITEMS_LOAD_MS": "100", **dict(case.settings)}
    with reference_target(wanted) as (target, state), tempfile.TemporaryDirectory(prefix="springback-truth-") as place:
        command = [sys.executable, "-m", "locust", "-f", str(SCENARIO), "--headless", "--loglevel", "ERROR"]
        command += ["--only-summary", "--host", target["url"], "--target-state", str(state), "--runs-dir", f"{place}/r"]
        said = Path(place) / "said"
        with said.open("wb") as words:
            process = subprocess.Popen(
                [*command, *arguments, *case.arguments, *HEALTH_OF_GENERATOR],
                stdout=words,
                stderr=words,
                env={**os.environ, **options_for(target)},
            )
            try:
                _switch_on_at_spike(process, said, target, case)
                process.wait(150)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
        if process.returncode not in {outcome.exit_code for outcome in Outcome}:
            raise AssertionError(f"the run ended with {process.returncode}: {said.read_text()[-3000:]}")
        active = [ask("GET", url, target["faults"]["token"]).document["active"] for url in _switches(target)]
        (directory,) = (Path(place) / "r").iterdir()
        recording = read(directory)
    verdict = judge(recording)
    status = {name: float(value or 0) for name, value in summed(case.fault, [a["status"] for a in active]).items()}
    records = [record for account in active for record in account["records"]]
    found = Found(recording, verdict, status, records)
    failed = {finding.criterion for finding in verdict.findings if finding.outcome is Outcome.FAIL}
    wrong = [f"{name} should have failed: {found.finding(name).reason}" for name in sorted(case.fails - failed)]
    wrong += [
        f"{name} should not have failed: {found.finding(name).reason}"
        for name in sorted(failed - case.fails - case.may_fail)
    ]
    guards = [f for f in verdict.findings if f.is_guard and f.outcome is not Outcome.PASS]
    wrong += [f"{guard.criterion}: {guard.reason}" for guard in guards]
    print(
        f"{case.name}: {json.dumps(status)}; {'; '.join(f.reason for f in verdict.findings if f.criterion in failed)}"
    )
    return [*wrong, *case.differences(found)]


def _switches(target: Mapping[str, Any]) -> list[str]:
    return [api["url"] + target["faults"]["path"] for api in target["apis"]]


def _switch_on_at_spike(process: subprocess.Popen[bytes], said: Path, target: Mapping[str, Any], case: Case) -> None:
    while process.poll() is None and "springback: spike" not in said.read_text(errors="replace"):
        time.sleep(0.05)
    for url in _switches(target):
        reply = ask("PUT", url, target["faults"]["token"], {"fault": case.fault, "parameters": case.parameters})
        assert reply.status == 200, reply


@click.command()
@click.option("--runs", default=2, show_default=True, type=click.IntRange(1), help="Runs of each case.")
def main(runs: int) -> None:
    """Run every case RUNS times, taken in turn."""
    wrong = 0
    for number in range(runs):
        for case in CASES:
            told = run(case)
            wrong += bool(told)
            print(f"{number + 1}/{runs} {case.name}: {'; '.join(told[:5]) or 'right'}", flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
