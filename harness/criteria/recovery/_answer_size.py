"""Good answers that are far shorter than before: an error page, or an empty list, may come with status 200."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.recording import Recording
from harness.recording_values import ITERATION, OK

FEWEST = 20
"""Good answers, before and since."""
LESS_BYTES = 100.0
"""By as little as that no page is told from another."""


@dataclass(frozen=True)
class Shorter:
    """A name, and the mean size of its good answers since the recovery and in the baseline."""

    name: str
    since_bytes: float
    before_bytes: float


def shorter_answers(
    recording: Recording, ratio: float, baseline_s: tuple[int, int], since_s: tuple[int, int]
) -> Shorter | None:
    """The name whose good answers are so many times as short as those of *every* second of the baseline, by most; None
    where there is none. Bodies that vary by themselves are short in some second of the baseline, too.
    """
    before: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    since: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for piece in recording.slices:
        if piece.outcome != OK or piece.name == ITERATION:
            continue
        if baseline_s[0] <= piece.t < baseline_s[1]:
            _add(before[piece.name][piece.t], piece.count, piece.bytes)
        elif since_s[0] <= piece.t < since_s[1]:
            _add(since[piece.name], piece.count, piece.bytes)
    found: list[tuple[float, Shorter]] = []
    for name, (count, size) in since.items():
        seconds = before[name].values()
        usual = sum(answers for answers, _ in seconds)
        if min(count, usual) < FEWEST:
            continue
        least, mean = min(size / answers for answers, size in seconds), sum(size for _, size in seconds) / usual
        if size / count < ratio * least and size / count < least - LESS_BYTES:
            found.append((size / count / least, Shorter(name, size / count, mean)))
    return min(found, key=lambda each: each[0], default=(0.0, None))[1]


def _add(total: list[int], count: int, size: int) -> None:
    total[0] += count
    total[1] += size
