"""What is done to them."""

from __future__ import annotations

import base64
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.findings import Outcome
from harness.recording.line import LONGEST_LINE_BYTES
from harness.recording.seal import Sealer
from tests.damaged_recordings.bases import Base, Lines, without_seal

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
CRITERION_BYTES = 500
"""It takes about as long to judge by one criterion as to read so many bytes."""


@dataclass(frozen=True)
class Damaged:
    base: Base
    how: str
    lines: Lines
    sealed_anew: bool = False
    """So what is in them is believed, as it would be of a program that writes nonsense."""

    @property
    def is_seen(self) -> bool:
        """Whether there are seals that no damage gets past."""
        return self.base.sealed and not self.sealed_anew

    @property
    def must_not_pass(self) -> bool:
        """What was no PASS is none with damage, and where there are seals no damage goes unseen."""
        return self.base.outcome is not Outcome.PASS or self.is_seen


def damaged(chance: random.Random, among: list[Base]) -> Iterator[Damaged]:
    """Without end. One, sometimes two or three things are wrong with each. The longer one takes, the rarer it is."""
    weights = [1 / (sum(map(len, base.lines)) + CRITERION_BYTES * base.criteria) for base in among]
    while True:
        base = chance.choices(among, weights)[0]
        ways = chance.choices(list(WAYS), k=chance.choice((1, 1, 1, 2, 3)))
        lines = list(base.lines)
        for way in ways:
            if lines:
                lines = WAYS[way](chance, lines, among)
        if any(lines == other.lines for other in among):
            continue  # whole again, or another one wholly
        anew = base.sealed and chance.random() < 0.5
        how = f"{base.name}: {', '.join(ways)}{', sealed anew' if anew else ''}"
        yield Damaged(base, how, sealed_anew(lines) if anew else lines, anew)


def sealed_anew(lines: Lines) -> Lines:
    """What cannot have a seal has none."""
    sealer, made = Sealer(), []
    for line in lines:
        try:
            text = without_seal(line.decode())
        except UnicodeDecodeError:
            text = ""
        made += [each.encode() for each in sealer.sealed([text])] if text.endswith("}\n") else [line]
    return made


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
            packed = chance.choices((*_packed_nonsense(), zlib.compress(rows[: len(rows) // 2])), (1, 20, 20, 20, 20))[
                0
            ]
        else:
            packed = zlib.compress(b"".join(way(chance, [rows], among)))
        if chance.random() < 0.2:
            packed = packed[: chance.randrange(len(packed))]
        body["rows"] = base64.b64encode(packed).decode()
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error):
        return lines
    return [*lines[:at], json.dumps(body, separators=(",", ":")).encode() + b"\n", *lines[at + 1 :]]


@cache
def _packed_nonsense() -> tuple[bytes, ...]:
    """The first is more than any line may be, and takes as long as ten others."""
    unpacked = (b" " * (2 * LONGEST_LINE_BYTES), b"", b"[" * 10**5, b"[" + b"[3],3" * 10**4)
    return tuple(map(zlib.compress, unpacked))


def _lines(chance: random.Random, lines: Lines, among: list[Base]) -> Lines:
    at, to = sorted((_some_line(chance, lines), _some_line(chance, lines)))
    match chance.randrange(12):
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
        case 9:
            return [line.replace(b"\n", b"\r\n") for line in lines]
        case 10:
            return [b"\xef\xbb\xbf" + lines[0], *lines[1:]]
        case _:
            return [*lines[:at], chance.choice((b"\n", b"[1]\n", b"\xff\xfe\n", b"{}\n", b"nonsense")), *lines[at:]]


WAYS: dict[str, Callable[[random.Random, Lines, list[Base]], Lines]] = {
    "bytes": _bytes,
    "json": _json,
    "values": _json,
    "lines": _lines,
    "packed": _packed,
}
