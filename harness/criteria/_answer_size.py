"""Good answers that are far shorter than before: an error page, or an empty list, may come with status 200.

Nobody can say that they are none, so they may have failed. What passes only because they are taken for good does not
pass.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.analysis import histogram, phases
from harness.analysis.answer_sizes import middle_bytes
from harness.analysis.intervals import clopper_pearson
from harness.analysis.names import names_with_class
from harness.analysis.once import once
from harness.criteria._answer_kind import other_media_types, other_statuses
from harness.criteria._answer_pieces import FEWEST_BEFORE, WITHOUT_BODY, Compared, with_failures, within
from harness.criteria._criterion import Criterion
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording_header import Phase
from harness.recording_values import ITERATION, OK

FEWEST = 20
"""Good answers of a group of seconds, where a recording has only the sum of their lengths."""
NEARLY_NONE = 0.01
"""Of the answers of the baseline, those that are shorter than what is taken for the shortest."""
LESS_BYTES = 100.0
"""By as little as that no page is told from another."""
SHORTER_RATIO = 0.5
SHORTER_HELP = "good answers shorter than so many times nearly all of the baseline may have failed; 0: none"
SHORTER_THAN_HELP = "phase whose good answers show how long they are"

Lengths = Sequence[tuple[float, int]]
"""Of bodies in bytes, each with how many answers have it."""


@dataclass(frozen=True)
class Shorter:
    """A name, its good answers in the stretch that is looked at, how many are far shorter, and how long they are."""

    name: str
    short: int
    answers: int
    since_bytes: float
    before_bytes: float
    """Mean of all in the baseline."""
    doubted: Mapping[int, int]
    """Of slices, by their identity, how many are far shorter, of this name and of others."""

    def in_words(self, compared: Compared) -> str:
        assert compared.before is not None
        answers = f"{self.short:,} of {self.answers:,} good answers to {self.name}"
        return (
            f"{answers} have about {self.since_bytes:,.0f} bytes in the {compared.since.name}, and "
            f"{self.before_bytes:,.0f} in the {compared.before.name}: it is not shown that they are good; a check of "
            "the body, as with expect_text, would, and shorter_ratio = 0 accepts them"
        )


class JudgesAnswers(Criterion):
    """A criterion that takes answers for good, and so has no PASS where it only passes by far shorter ones. Its
    parameters are declared by each: they are told in its order.
    """

    requests: str
    shorter_ratio: float

    def judge(self, recording: Recording) -> Finding:
        found = self._judge(recording)
        before, since = self._stretches(recording)
        if since is None:
            return found
        return _unless_shorter(
            found, recording, Compared(before, since, self.shorter_ratio, self.requests), self._judge
        )

    def _judge(self, recording: Recording) -> Finding:
        """As if all that was answered ok were good."""
        raise NotImplementedError

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        """What shows how long good answers are, and what is judged; None for what the run has not."""
        raise NotImplementedError


def _unless_shorter(
    found: Finding, recording: Recording, compared: Compared, judge: Callable[[Recording], Finding]
) -> Finding:
    """The finding of ``judge`` on the recording, where it holds though the far shorter answers had failed, and then
    those of another status, and of another media type, as well. Otherwise nothing has passed, and there is no figure,
    which others would be compared with, or a limit be found by: it stands in the evidence.
    """
    if found.outcome is Outcome.FAIL or (found.outcome is Outcome.INCONCLUSIVE and found.figure is None):
        return found
    failed: dict[int, int] = {}
    for doubts in (shorter_answers, other_statuses, other_media_types):
        doubt = doubts(recording, compared)  # each of all of them: what one doubts hides nothing from the next
        if doubt is None:
            continue
        # Of a slice the larger number has the others in it: those of another kind are all that nobody has checked.
        failed |= {piece: max(count, failed.get(piece, 0)) for piece, count in doubt.doubted.items()}
        if not _holds(found, judge(with_failures(recording, failed))):
            break
    else:
        return found
    counted = {} if found.figure is None else {f"with them ({found.unit})": found.figure}
    return replace(
        found,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{found.reason}; but {doubt.in_words(compared)}",
        figure=None,
        interval=None,
        confidence=None,
        evidence={**found.evidence, **counted},
    )


def _holds(found: Finding, with_failures: Finding) -> bool:
    """Whether as much would be said for the service: no worse outcome, and no figure beyond the limit, or without an
    end, where it is within by now.
    """
    if with_failures.outcome.rank > found.outcome.rank:
        return False
    if found.outcome is Outcome.PASS or found.figure is None or found.limit is None:
        return True
    figure = with_failures.figure
    return figure is not None and (figure > found.limit) == (found.figure > found.limit)


def shorter_answers(recording: Recording, compared: Compared) -> Shorter | None:
    """The name with the most good answers that are shorter than nearly all of the baseline by so much; None where there
    is none, or no larger share of them than there may have been before (95 %, Clopper & Pearson of both). Answers of
    another status are others, and those that have no body, or whose body has been checked, are none.
    """
    before, ratio = compared.before, compared.ratio
    if before is None or not ratio:
        return None
    failed: dict[int, int] = {}
    most: tuple[int, str, int, float, float] | None = None
    for (name, _), pieces in _answers_by_kind(recording).items():
        if compared.requests and not phases.is_of(recording, pieces[0], compared.requests):
            continue
        usual, later = within(before, pieces), within(compared.since, pieces, but=before)
        lengths = _together(usual, _by_seconds)
        answers = sum(n for _, n in lengths)
        if answers < FEWEST_BEFORE:
            continue
        least = _quantile(lengths, NEARLY_NONE * answers)
        bound = max(min(ratio * least, least - LESS_BYTES), min(least, 1))  # nothing at all is told from any page
        by_phase = partial(_by_phase, recording.header.phases)
        seen = _together(later, by_phase)
        count, of = _shorter(seen, bound), sum(n for _, n in seen)
        if not count or clopper_pearson(count, of)[0] <= clopper_pearson(_shorter(lengths, bound), answers)[1]:
            continue
        failed |= {id(piece): _shorter(each, bound) for piece, each in _lengths(later, by_phase)}
        size = sum(length * n for length, n in seen if length < bound) / count
        if most is None or count > most[0]:
            most = count, name, of, size, sum(piece.bytes for piece in usual) / sum(piece.count for piece in usual)
    if most is None:
        return None
    count, name, of, size, usual_bytes = most
    return Shorter(name, count, of, size, usual_bytes, failed)


@once
def _answers_by_kind(recording: Recording) -> Mapping[tuple[str, int], Sequence[Slice]]:
    """Good answers with a body, by name and status."""
    name_of = names_with_class(recording)
    kinds: dict[tuple[str, int], list[Slice]] = defaultdict(list)
    for piece in recording.slices:
        if piece.outcome == OK and piece.name != ITERATION and piece.status not in WITHOUT_BODY:
            kinds[name_of(piece), piece.status].append(piece)
    return kinds


def _lengths(
    pieces: Sequence[Slice], groups_of: Callable[[Sequence[Slice]], list[list[Slice]]]
) -> list[tuple[Slice, Lengths]]:
    """How long the answers of each are. Where only the sum is known they count as of the mean of their group."""
    told: list[tuple[Slice, Lengths]] = []
    untold: list[Slice] = []
    for piece in pieces:
        if piece.sizes is None:
            untold.append(piece)
        else:
            told.append((piece, [(middle_bytes(at), n) for at, n in piece.sizes.items()]))
    for group in groups_of(untold):
        answers = sum(piece.count for piece in group)
        if answers >= FEWEST:
            mean = sum(piece.bytes for piece in group) / answers
            told += [(piece, [(mean, piece.count)]) for piece in group]
    return told


def _together(pieces: Sequence[Slice], groups_of: Callable[[Sequence[Slice]], list[list[Slice]]]) -> Lengths:
    told = histogram.merge([piece.sizes for piece in pieces if piece.sizes is not None])
    counts = Counter({middle_bytes(at): n for at, n in told.items()})
    for _, each in _lengths([piece for piece in pieces if piece.sizes is None], groups_of):
        for length, n in each:
            counts[length] += n
    return sorted(counts.items())


def _by_phase(phases_of: Sequence[Phase], pieces: Sequence[Slice]) -> list[list[Slice]]:
    return [within(phase, pieces) for phase in phases_of]


def _by_seconds(pieces: Sequence[Slice]) -> list[list[Slice]]:
    """Those that follow each other, until they have enough answers: a single tiny one would else say that they are all
    like that. What is left over at the end is of the last group.
    """
    groups: list[list[Slice]] = []
    for piece in sorted(pieces, key=lambda piece: piece.t):
        if not groups or sum(each.count for each in groups[-1]) >= FEWEST:
            groups.append([])
        groups[-1].append(piece)
    if len(groups) > 1 and sum(piece.count for piece in groups[-1]) < FEWEST:
        groups[-2].extend(groups.pop())
    return groups


def _shorter(lengths: Lengths, bound: float) -> int:
    return sum(n for length, n in lengths if length < bound)


def _quantile(lengths: Lengths, rank: float) -> float:
    """The value of that rank, of lengths in their order."""
    for length, n in lengths:
        rank -= n
        if rank <= 0:
            return length
    return math.nan
