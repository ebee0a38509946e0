"""Damaged recordings: read, dumped, judged and reported, without a traceback, a hang or a PASS that damage has made.

``python -m tests.damaged_recordings [NUMBER [SEED [EVERY]]]`` makes NUMBER of them (1,000) out of kept and synthetic
recordings, as SEED (1) says, and prints how many were refused, ended how, crashed, hung, or passed falsely, and what
the slowest took. The page, which takes ten times as long as everything else, is made of each EVERY-th only (10).
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import lzma
import random
import re
import signal
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import reports
from harness.commands.dump import readable
from harness.findings import Outcome
from harness.recording import Line, Operation, Operations, Recording, Slices
from harness.recording_file import RecordingError, parse
from harness.recording_marks import (
    AlertMark,
    AttemptsMark,
    BlockedMark,
    ExceptionMark,
    FaultMark,
    Mark,
    StartsMark,
    TraceMark,
)
from harness.recording_seal import Sealer
from harness.recording_values import OK
from harness.safe_text import safe
from harness.verdict import judge
from reports import terminal
from tests import recordings

KEPT = Path(__file__).parent / "kept"
HANGS_S = 8.0
"""Of CPU time: whatever else this machine does is no hang."""
SLOW = ("html",)

Lines = list[bytes]
NASTY = (
    *(
        "Infinity",
        "-Infinity",
        "NaN",
        "null",
        "true",
        '""',
        '"text"',
        '"\\ud800"',
        "[]",
        "{}",
        "[[]]",
        '{"a":1}',
        "[1]",
    ),
    *("-1", "0", "1", "2", "0.5", "-0.0", "1e308", "-1e308", "1e999", "1e-320", str(2**31), str(2**53), str(2**63)),
    *(str(10**9), str(10**10), "-" + str(10**10), str(10**5), "3600", "86400", "600000", "1" + "0" * 400),
    *(
        "[" * 3000 + "]" * 3000,
        '{"a":' * 3000 + "1" + "}" * 3000,
        '"' + "x" * 100_000 + '"',
        '"\\u0000<b>"',
        '"\\u001b]0;owned\\u009b2J\\u202e\\r"',
    ),
)
"""JSON, or nearly, that is put in the place of something else."""


@dataclass(frozen=True)
class Base:
    """A recording to be damaged."""

    name: str
    lines: Lines
    outcome: Outcome
    sealed: bool


@dataclass(frozen=True)
class Damaged:
    base: Base
    how: str
    lines: Lines

    @property
    def must_not_pass(self) -> bool:
        """What was no PASS is none with damage, and where there are seals no damage goes unseen."""
        return self.base.outcome is not Outcome.PASS or self.base.sealed


@dataclass
class Seen:
    """What became of them."""

    number: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    crashed: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    passed_falsely: list[str] = field(default_factory=list)
    """Of recordings with seals."""
    passed_without_seals: list[str] = field(default_factory=list)
    """The same of older ones: a digit that was altered in them shows nowhere."""
    worst_s: float = 0.0
    worst: str = ""

    def __str__(self) -> str:
        ended = ", ".join(f"{count} {how}" for how, count in self.ended.most_common())
        bare = len(self.passed_without_seals)
        return (
            f"{self.number} damaged recordings: {ended}; {len(self.crashed)} crashed, {len(self.hung)} took more than "
            f"{HANGS_S:.0f} s of CPU, {len(self.passed_falsely)} passed falsely (without seals {bare});"
            f" the slowest took {self.worst_s:.2f} s ({self.worst})"
        )


class _HungError(BaseException):
    """No Exception, so that no criterion can catch it."""


def bases(kept: bool = True) -> list[Base]:
    """Kept recordings, and synthetic ones that pass and that do not, with seals and as they were before."""
    texts: dict[str, list[str]] = {}
    if kept:
        for path in sorted(KEPT.glob("*.jsonl.xz")):
            lines = lzma.decompress(path.read_bytes()).decode().splitlines(keepends=True)
            texts[path.name.partition(".")[0]] = _unsealed(lines) if '"seal":' in lines[0] else lines
    small: dict[str, Any] = {"baseline_s": 30, "recovery_s": 20, "herd_users": 100}
    for name, run in (
        ("healthy", recordings.login_herd(**small)),
        ("failing", recordings.login_herd(**small, spike_error_ratio=0.4, recovery_error_ratio=0.08)),
        ("never recovering", recordings.login_herd(**small, slow_for_s=1e9)),
        ("leaking", recordings.login_herd(**small, leak_bytes=4e8)),
        ("lost", recordings.login_herd(**small, lost_node=True)),
        ("with every kind of line", _with_every_kind(recordings.login_herd(**small))),
    ):
        texts[name] = _unsealed(_in_order(run))
        texts[f"{name}, packed"] = _unsealed(_in_order(run, packed=True))
    return [base for name, lines in texts.items() for base in (_base(name, lines, False), _base(name, lines, True))]


def _with_every_kind(run: Recording) -> Recording:
    """With what users did before and after the load, attempts, starts, exceptions, blocked connections, an alert, a
    fault, a traced request, and operations.
    """
    some = [piece for piece in run.slices if piece.outcome == OK][:40]
    marks: list[Mark] = [
        FaultMark(12.0, "container_stop", "injected", "db", 1),
        FaultMark(14.0, "container_stop", "undone", "db", 1),
        AlertMark(13.0, "error ratio", "raised", "6 %"),
        AlertMark(15.0, "error ratio", "cleared"),
        ExceptionMark(9.0, some[0].node, "KeyError", "'token'", "shop.py, line 12, in buy", "task", 2),
        BlockedMark(8.0, some[0].node, "cdn.example.com:443", 3),
        TraceMark(7.5, some[0].node, some[0].name, "0af7651916cd43dd8448eb211c80319c", OK, 23_000),
    ]
    for t in range(0, 40, 4):
        waits, busy = {"User": {1_000: 3}}, {"User": (4, 0.3)}
        marks.append(StartsMark(t, some[0].node, {"User": 8}, "starts", "arrivals", {"User": 8}, waits, busy))
        marks.append(AttemptsMark(t, some[0].node, some[0].name, {OK: {800: 5}, "http 503": {700: 3}}))
    operations = (
        Operation("item", "one", "write", 1, 2.0, 2.1, "service"),
        Operation("item", "two", "read", 1, 3.0, 3.1, "service", "cache", "hit"),
        Operation("item", "two", "read", None, 4.0, None, "replica"),
    )
    return recordings.ended(
        replace(
            run,
            marks=(*run.marks, *marks),
            warm_up=tuple(replace(piece, t=-1, warm_up=True) for piece in some),
            wind_down=tuple(replace(piece, t=piece.t + 50, wind_down=True) for piece in some),
            operations=(Operations(some[0].node, 0.001, operations),),
        )
    )


def _in_order(run: Recording, packed: bool = False) -> list[str]:
    """``packed``: with the slices of each second in one line, as a run writes them now."""
    timed: list[tuple[float, Line]] = [(line.t, line) for line in (*run.probes, *run.marks)]
    pieces = (*run.warm_up, *run.slices, *run.wind_down)
    if packed:
        seconds = {piece.t for piece in pieces}
        timed += [(t, Slices(tuple(piece for piece in pieces if piece.t == t))) for t in seconds]
    else:
        timed += [(piece.t, piece) for piece in pieces]
    timed += [(each.operations[-1].invoke_s, each) for each in run.operations]
    lines = [line for _, line in sorted(timed, key=lambda each: each[0])]
    return recordings.texts([run.header, *lines, *([run.end] if run.end else [])])


def _unsealed(lines: list[str]) -> list[str]:
    """As they were before there were seals."""
    bare = [text.partition(',"seal":')[0] + "}\n" for text in lines]
    return [re.sub(r'"format":\d+', '"format":2', bare[0]), *bare[1:]]


def _base(name: str, lines: list[str], sealed: bool) -> Base:
    """Seals are looked at wherever there are some, so a kept recording of format 1 may have them."""
    whole = [line.encode() for line in (Sealer().sealed(lines) if sealed else lines)]
    return Base(f"{name}{' (sealed)' if sealed else ''}", whole, judge(parse(whole, name)).outcome, sealed)


def damaged(chance: random.Random, among: list[Base]) -> Iterator[Damaged]:
    """Without end. One, sometimes two or three things are wrong with each. Of each base as many bytes."""
    weights = [1 / sum(map(len, base.lines)) for base in among]
    while True:
        base = chance.choices(among, weights)[0]
        ways = chance.choices(list(WAYS), k=chance.choice((1, 1, 1, 2, 3)))
        lines = list(base.lines)
        for way in ways:
            if lines:
                lines = WAYS[way](chance, lines, among)
        if any(lines == other.lines for other in among):
            continue  # whole again, or another one wholly
        yield Damaged(base, f"{base.name}: {', '.join(ways)}", lines)


def _some_line(chance: random.Random, lines: Lines) -> int:
    """The header and the end are few, and matter most."""
    return chance.choice((0, len(lines) - 1, *(chance.randrange(len(lines)) for _ in range(4))))


def _bytes(chance: random.Random, lines: Lines, _: list[Base]) -> Lines:
    at = _some_line(chance, lines)
    line = bytearray(lines[at])
    for _ in range(chance.choice((1, 1, 1, 5))):
        if not line:
            break
        place = chance.randrange(len(line))
        match chance.randrange(5):
            case 0:
                line[place] ^= 1 << chance.randrange(8)
            case 1:
                line[place] = chance.randrange(256)
            case 2:
                del line[place : place + chance.choice((1, 2, 20))]
            case 3:
                line[place:place] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 2, 20))))
            case _:
                digits = [i for i, byte in enumerate(line) if chr(byte).isdigit()]
                if digits:
                    line[chance.choice(digits)] = ord(chance.choice("0123456789"))
    return b"".join([*lines[:at], bytes(line), *lines[at + 1 :]]).splitlines(keepends=True)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _places(inner, (*path, key))


def _json(chance: random.Random, lines: Lines, _: list[Base]) -> Lines:
    at = _some_line(chance, lines)
    try:
        body = json.loads(lines[at])
    except (ValueError, RecursionError):
        return lines
    places = list(_places(body))
    if not places:
        return lines
    *outer, key = chance.choice(places)
    holder = body
    for step in outer:
        holder = holder[step]
    raw = chance.choice(NASTY)
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[chance.choice(("", "t", "count", "99999999999", "-1", "new"))] = holder.pop(key)
        case 2 if isinstance(holder[key], int | float):
            holder[key] = holder[key] * chance.choice((-1, 2, 10, 1000, 10**9))
        case _:
            holder[key] = "\0here\0"
    text = json.dumps(body, separators=(",", ":")).replace('"\\u0000here\\u0000"', raw)
    return [*lines[:at], text.encode(errors="replace") + b"\n", *lines[at + 1 :]]


def _packed(chance: random.Random, lines: Lines, among: list[Base]) -> Lines:
    """What is packed in a line of slices, or how it is packed."""
    found = [at for at, line in enumerate(lines) if line.startswith(b'{"kind":"slices"')]
    if not found:
        return lines
    at = chance.choice(found)
    try:
        body = json.loads(lines[at])
        rows = zlib.decompress(base64.b64decode(body["rows"]))
        way = chance.choice((_bytes, _json, _json, None))
        if way is None:
            rows = chance.choice((b"", b"[" * 10**5, b" " * 10**8, b"[" + b"[3],3" * 10**4, rows[: len(rows) // 2]))
        else:
            rows = b"".join(way(chance, [rows], among))
        packed = zlib.compress(rows)
        if chance.random() < 0.2:
            packed = packed[: chance.randrange(len(packed))]
        body["rows"] = base64.b64encode(packed).decode()
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error):
        return lines
    return [*lines[:at], json.dumps(body, separators=(",", ":")).encode() + b"\n", *lines[at + 1 :]]


def _lines(chance: random.Random, lines: Lines, among: list[Base]) -> Lines:
    at, to = sorted((_some_line(chance, lines), _some_line(chance, lines)))
    match chance.randrange(10):
        case 0:
            return [*lines[:at], *[lines[at]] * chance.choice((2, 40)), *lines[at + 1 :]]
        case 1:
            return lines[:at] + lines[at + 1 :]
        case 2:
            return lines[:at] + lines[to:]
        case 3:
            return [*lines[:at], *reversed(lines[at:to]), *lines[to:]]
        case 4:
            return chance.sample(lines, len(lines))
        case 5:
            return lines + chance.choice(among).lines
        case 6:
            return [*lines[:at], chance.choice(chance.choice(among).lines), *lines[at:]]
        case 7:
            kept = max(1, at)  # of the first one at least the header: else it would be the other one, undamaged
            return lines[:kept] + chance.choice(among).lines[kept:]
        case 8:
            whole = b"".join(lines)
            return whole[: chance.randrange(len(whole) + 1)].splitlines(keepends=True)
        case _:
            return [*lines[:at], chance.choice((b"\n", b"[1]\n", b"\xff\xfe\n", b"{}\n", b"nonsense")), *lines[at:]]


WAYS: dict[str, Callable[[random.Random, Lines, list[Base]], Lines]] = {
    "bytes": _bytes,
    "json": _json,
    "values": _json,
    "lines": _lines,
    "packed": _packed,
}


def try_one(case: Damaged, seen: Seen, formats: tuple[str, ...]) -> None:
    """Reads, judges and reports it."""
    seen.number += 1
    began_s = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, HANGS_S)
    try:
        outcome = _through(case.lines, formats)
    except _HungError:
        seen.hung.append(case.how)
        return
    except RecordingError:
        outcome = None
    except Exception:
        seen.crashed.append(f"{case.how}\n{traceback.format_exc(limit=-4)}")
        return
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    took_s = time.process_time() - began_s
    if took_s > seen.worst_s:
        seen.worst_s, seen.worst = took_s, case.how
    seen.ended["refused" if outcome is None else outcome.value] += 1
    if outcome is Outcome.PASS and case.must_not_pass:
        (seen.passed_falsely if case.base.sealed else seen.passed_without_seals).append(case.how)


def _through(lines: Lines, formats: tuple[str, ...]) -> Outcome:
    for line in lines:
        _require_clean("".join(readable(line)))
    recording = parse(lines, "damaged")
    verdict = judge(recording)
    for form in reports.formats(formats).values():
        form.render(recording, verdict).encode(errors="replace")
    printed = io.StringIO()
    terminal.show(recording, verdict, (), printed)
    _require_clean(printed.getvalue())
    return verdict.outcome


def _require_clean(text: str) -> None:
    if safe(text) != text or "\r" in text:
        raise ValueError(f"a control character is printed: {text[:200]!a}")


def _on_alarm(*_: object) -> None:
    raise _HungError


def try_many(number: int, seed: int, page_every: int, kept: bool = True) -> Seen:
    """``page_every`` 0: none is drawn as a page."""
    before = signal.signal(signal.SIGPROF, _on_alarm)
    quick = tuple(name for name in reports.available() if name not in SLOW)
    cases = damaged(random.Random(seed), bases(kept))
    seen = Seen()
    with contextlib.suppress(KeyboardInterrupt):  # what has been seen by then is printed
        for index in range(number):
            with_page = page_every and index % page_every == 0
            try_one(next(cases), seen, reports.available() if with_page else quick)
    signal.signal(signal.SIGPROF, before)
    return seen


if __name__ == "__main__":
    number, seed, every = ([int(word) for word in sys.argv[1:]] + [1000, 1, 10][len(sys.argv) - 1 :])[:3]
    seen = try_many(number, seed, every)
    for what, cases in (
        ("crashed", seen.crashed),
        ("hung", seen.hung),
        ("passed falsely", seen.passed_falsely),
        ("passed without seals", seen.passed_without_seals),
    ):
        for case in cases[:20]:
            print(f"{what}: {case}")
    print(seen)
    sys.exit(bool(seen.crashed or seen.hung or seen.passed_falsely))
