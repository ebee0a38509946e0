"""Good answers that are far shorter than before: an error page, or an empty list, may come with status 200."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.analysis.names import names_with_class
from harness.findings import BASELINE
from harness.recording import Recording
from harness.recording_header import Phase
from harness.recording_values import ITERATION, OK

FEWEST = 20
"""Good answers, since, and in each group of seconds before."""
FEWEST_GROUPS = 3
"""Of seconds of the baseline: fewer say little of how much the sizes vary by themselves."""
WITHOUT_BODY = (204, 304)
"""Statuses whose answers have none, however good they are (RFC 9110, 15.3.5 and 15.4.5)."""
LESS_BYTES = 100.0
"""By as little as that no page is told from another."""
SHORTER_RATIO = 0.5
SHORTER_HELP = "how many times as long as in the baseline good answers have to be, at least; 0: any"


@dataclass(frozen=True)
class Shorter:
    """A name, and the mean size of its good answers in the stretch that is looked at, and in the baseline."""

    name: str
    since_bytes: float
    before_bytes: float

    def in_words(self, when: str, baseline: str) -> str:
        return (
            f"good answers to {self.name} have {self.since_bytes:,.0f} bytes {when}, and {self.before_bytes:,.0f} in "
            f"the {baseline}: it is not shown that they are good; a check of the body, as with expect_text, counts "
            "those that are not as failed, and shorter_ratio = 0 accepts those that are"
        )


def shorter_answers(
    recording: Recording, ratio: float, baseline_s: tuple[int, int], since_s: tuple[int, int]
) -> Shorter | None:
    """The name whose good answers are so many times as short as those of *every* group of seconds of the baseline, by
    most; None where there is none. Bodies that vary by themselves are short in some of these, too. Answers of another
    status are others, and so are those that have no body.
    """
    before: dict[tuple[str, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    since: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    name_of = names_with_class(recording)
    for piece in recording.slices:
        if piece.outcome != OK or piece.name == ITERATION or piece.status in WITHOUT_BODY:
            continue
        kind = name_of(piece), piece.status
        if baseline_s[0] <= piece.t < baseline_s[1]:
            _add(before[kind][piece.t], piece.count, piece.bytes)
        elif since_s[0] <= piece.t < since_s[1]:
            _add(since[kind], piece.count, piece.bytes)
    found: list[tuple[float, Shorter]] = []
    for kind, (count, size) in since.items():
        groups = _groups(before[kind])
        if count < FEWEST or len(groups) < FEWEST_GROUPS:
            continue
        least = min(size / answers for answers, size in groups)
        mean = sum(size for _, size in groups) / sum(answers for answers, _ in groups)
        if size / count < ratio * least and size / count < least - LESS_BYTES:
            found.append((size / count / least, Shorter(kind[0], size / count, mean)))
    return min(found, key=lambda each: each[0], default=(0.0, None))[1]


def _groups(seconds: dict[int, list[int]]) -> list[tuple[int, int]]:
    """Answers and bytes of seconds that follow each other, added up until there are enough answers: a single tiny one
    would else say that they are all like that. What is left over at the end is of the last group.
    """
    groups: list[list[int]] = []
    for t in sorted(seconds):
        if not groups or groups[-1][0] >= FEWEST:
            groups.append([0, 0])
        _add(groups[-1], *seconds[t])
    if len(groups) > 1 and groups[-1][0] < FEWEST:
        _add(groups[-2], *groups.pop())
    return [(answers, size) for answers, size in groups if answers >= FEWEST]


def doubt_in_phase(recording: Recording, phase: Phase, ratio: float) -> str:
    """Why answers of the phase that count as good may be none; empty where nothing says so."""
    usual = recording.phase(BASELINE)
    if usual is None:
        return ""
    shorter = shorter_answers(recording, ratio, (usual.start_s, usual.end_s), (phase.start_s, phase.end_s))
    return shorter.in_words(f"in the {phase.name}", usual.name) if shorter else ""


def _add(total: list[int], count: int, size: int) -> None:
    total[0] += count
    total[1] += size
