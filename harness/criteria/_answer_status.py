"""Good answers of a status that none had before: work that is put off (202), a page without its body (204), or another
page, to which one is redirected (302).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis import phases
from harness.analysis.intervals import clopper_pearson
from harness.analysis.names import names_with_class
from harness.analysis.once import once
from harness.criteria._answer_pieces import FEWEST_BEFORE, Compared, with_failures, within
from harness.recording import Recording, Slice
from harness.recording_values import ITERATION, OK

REDIRECTS = (301, 302, 303, 307, 308)
"""Those that clients follow (RFC 9110, 15.4): where the page to which they lead is good, it is the answer."""


@dataclass(frozen=True)
class OtherStatus:
    """A name, its good answers in the stretch that is looked at, and how many have a status that none had before."""

    name: str
    status: int
    count: int
    answers: int
    recording: Recording
    """In which all with such a status have failed, of this name and of others."""

    def in_words(self, compared: Compared) -> str:
        assert compared.before is not None
        answers = f"{self.count:,} of {self.answers:,} good answers to {self.name}"
        since, before = compared.since.name, compared.before.name
        redirected = self.status in REDIRECTS
        status = f"{self.status} (of the redirect)" if redirected else f"{self.status}"
        declared = "" if redirected else "expect = 200 would say that they are not, "
        return (
            f"{answers} have status {status} in the {since}, and none in the {before}: it is not shown that they are "
            f"good; {declared}a check of the body would show it, and shorter_ratio = 0 accepts them"
        )


def other_statuses(recording: Recording, compared: Compared) -> OtherStatus | None:
    """The name with the most good answers of a status 2xx, or by a redirect, that none had in the baseline: 202 where
    work is put off, 204 in place of a page, 302 to a page of maintenance. None where there is none, or no larger share
    of them than there may have been before (95 %, Clopper & Pearson). Other statuses are good only where users say so,
    and answers whose body has been checked are; of recordings without lengths of answers nobody knows which were.
    """
    before = compared.before
    if before is None or not compared.ratio:
        return None
    failed: dict[int, int] = {}
    found: list[tuple[int, str, int, int]] = []
    for name, pieces in _answers_by_name(recording).items():
        if compared.requests and not phases.is_of(recording, pieces[0], compared.requests):
            continue
        usual, later = within(before, pieces), within(compared.since, pieces, but=before)
        usually, answers = sum(piece.count for piece in usual), sum(piece.count for piece in later)
        if usually < FEWEST_BEFORE:
            continue
        known = {piece.status for piece in usual}
        for status in sorted({piece.status for piece in later if _is_told(piece.status)} - known):
            unchecked = {id(piece): _unchecked(piece) for piece in later if piece.status == status}
            count = sum(unchecked.values())
            if count and clopper_pearson(count, answers)[0] > clopper_pearson(0, usually)[1]:
                failed |= unchecked
                found.append((count, name, status, answers))
    if not found:
        return None
    count, name, status, answers = max(found)
    return OtherStatus(name, status, count, answers, with_failures(recording, failed))


def _is_told(status: int) -> bool:
    return status // 100 == 2 or status in REDIRECTS


def _unchecked(piece: Slice) -> int:
    """How many of its answers nobody has checked."""
    return sum((piece.sizes or {}).values())


@once
def _answers_by_name(recording: Recording) -> Mapping[str, Sequence[Slice]]:
    """Good answers of HTTP."""
    name_of = names_with_class(recording)
    names: dict[str, list[Slice]] = defaultdict(list)
    for piece in recording.slices:
        if piece.outcome == OK and piece.name != ITERATION and piece.status:
            names[name_of(piece)].append(piece)
    return names
