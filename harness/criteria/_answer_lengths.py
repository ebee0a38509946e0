"""Good answers of another length than before: an error page, or an empty list, may come with status 200."""

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
from harness.criteria._answer_pieces import FEWEST_BEFORE, WITHOUT_BODY, Compared, within
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import ITERATION, OK

FEWEST = 20
"""Good answers of a group of seconds, where a recording has only the sum of their lengths."""
NEARLY_NONE = 0.01
"""Of the answers of the baseline, those that are shorter than what is taken for the shortest."""
LESS_BYTES = 100.0
"""By as little as that no page is told from another, where lengths vary."""
ALIKE_RATIO = 1.25
"""They are alike where the longest are no more than so many times as long as the shortest: what differs
is a number or a name. Of such answers longer ones may tell, too."""
COME_AGAIN = 0.1
"""Of the answers since the first that is far longer, those that have the usual length, at least, where the longer ones
are taken for errors. A list that was empty and has been filled stays so: all answers are longer from then on.
"""
NUMBER_BYTES = 8.0
"""By as little as that answers differ which are alike: a counter has more digits."""

Lengths = Sequence[tuple[float, int]]
"""Of bodies in bytes, each with how many answers have it."""


@dataclass(frozen=True)
class OtherLength:
    """A name, its good answers in the stretch that is looked at, how many are far shorter, or longer where these are
    more, and how long they are.
    """

    name: str
    count: int
    since_bytes: float
    answers: int
    before_bytes: float
    """Mean of all in the baseline."""
    doubted: Mapping[int, int]
    """Of slices, by their identity, how many have such a length, of this name and of others."""

    def in_words(self, compared: Compared) -> str:
        assert compared.before is not None
        answers = f"{self.count:,} of {self.answers:,} good answers to {self.name}"
        return (
            f"{answers} have about {self.since_bytes:,.0f} bytes in the {compared.since.name}, and "
            f"{self.before_bytes:,.0f} in the {compared.before.name}: it is not shown that they are good; a check of "
            "the body, as with expect_text, would, and shorter_ratio = 0 accepts them"
        )


def other_lengths(recording: Recording, compared: Compared) -> OtherLength | None:
    """The name with the most good answers that are shorter than nearly all of the baseline by so much, or longer where
    those are alike and such as an error is; None where there is none, or no larger share of them than there may have
    been before (95 %, Clopper & Pearson of both). Answers of another status are others, and those that have no body, or
    whose body has been checked, are none.
    """
    before = compared.before
    if before is None or not compared.ratio:
        return None
    failed: dict[int, int] = {}
    most: tuple[int, OtherLength] | None = None
    for (name, _), pieces in _answers_by_kind(recording).items():
        if compared.requests and not phases.is_of(recording, pieces[0], compared.requests):
            continue
        usual, later = within(before, pieces), within(compared.since, pieces, but=before)
        lengths = _together(usual, _by_seconds)
        answers = _answers(lengths)
        if answers < FEWEST_BEFORE:
            continue
        # Means of a second, which is all that some recordings have, are alike however the lengths vary.
        usually = _usual(lengths, compared.ratio, told=all(piece.sizes is not None for piece in usual))
        by_phase = partial(_by_phase, recording.header.phases)
        seen = _together(later, by_phase)
        if usually.longer(seen) and _has_grown(usually, _lengths(_but(before, pieces), by_phase)):
            usually = replace(usually, longest=math.inf)
        count, of = usually.others(seen), _answers(seen)
        if not count or clopper_pearson(count, of)[0] <= clopper_pearson(usually.others(lengths), answers)[1]:
            continue
        failed |= {id(piece): usually.others(each) for piece, each in _lengths(later, by_phase)}
        if most is None or count > most[0]:
            usual_bytes = sum(piece.bytes for piece in usual) / sum(piece.count for piece in usual)
            most = count, OtherLength(name, *usually.most_frequent(seen), of, usual_bytes, failed)
    return most[1] if most else None


@dataclass(frozen=True)
class _Usual:
    """Lengths in bytes between which nothing is doubted."""

    shortest: float
    longest: float

    def is_other(self, length: float) -> bool:
        return length < self.shortest or length > self.longest

    def others(self, lengths: Lengths) -> int:
        return sum(n for length, n in lengths if self.is_other(length))

    def longer(self, lengths: Lengths) -> Lengths:
        return [each for each in lengths if each[0] > self.longest]

    def most_frequent(self, lengths: Lengths) -> tuple[int, float]:
        """Of those that are shorter, or those that are longer, how many there are, and their mean in bytes."""
        kinds = ([each for each in lengths if each[0] < self.shortest], self.longer(lengths))
        kind = max(kinds, key=_answers)
        return _answers(kind), sum(length * n for length, n in kind) / _answers(kind)


def _answers(lengths: Lengths) -> int:
    return sum(n for _, n in lengths)


def _has_grown(usual: _Usual, lengths: Sequence[tuple[Slice, Lengths]]) -> bool:
    """Whether the longer ones are of something that has grown, such as a list that somebody fills: they differ in their
    length, or hardly any has the usual one any more. An error is alike, and comes beside good answers, or ends.
    """
    longer = Counter[float]()
    for _, each in lengths:
        longer.update(dict(usual.longer(each)))
    first_s = min(piece.t for piece, each in lengths if usual.longer(each))
    since = [of for piece, each in lengths if piece.t >= first_s for of in each]
    again = sum(n for length, n in since if not usual.is_other(length))
    return not _alike(*_nearly_all(sorted(longer.items()))) or again < COME_AGAIN * _answers(since)


def _nearly_all(lengths: Lengths) -> tuple[float, float]:
    """Between which they are, of lengths in their order."""
    answers = _answers(lengths)
    return _quantile(lengths, NEARLY_NONE * answers), _quantile(lengths, (1 - NEARLY_NONE) * answers)


def _alike(least: float, most: float) -> bool:
    return most <= ALIKE_RATIO * least


def _usual(lengths: Lengths, ratio: float, *, told: bool) -> _Usual:
    """By those of the baseline; ``told``: whether each of them is known."""
    least, most = _nearly_all(lengths)
    nothing = min(least, 1)  # nothing at all is told from any page
    if told and least and _alike(least, most):
        shortest = min(ratio * least, least - NUMBER_BYTES)
        return _Usual(max(shortest, nothing), max(most / ratio, most + NUMBER_BYTES))
    return _Usual(max(min(ratio * least, least - LESS_BYTES), nothing), math.inf)


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


def _but(phase: Phase, pieces: Sequence[Slice]) -> list[Slice]:
    return [piece for piece in pieces if not phase.start_s <= piece.t < phase.end_s]


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


def _quantile(lengths: Lengths, rank: float) -> float:
    """The value of that rank, of lengths in their order."""
    for length, n in lengths:
        rank -= n
        if rank <= 0:
            return length
    return math.nan
