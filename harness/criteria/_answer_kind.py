"""Good answers of a kind that none had before. By their status: work that is put off (202), a page without its body
(204), or another page, to which one is redirected (302). By their media type: an error page in HTML for JSON.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.analysis import phases
from harness.analysis.intervals import clopper_pearson
from harness.analysis.names import names_with_class
from harness.analysis.once import once
from harness.criteria._answer_pieces import FEWEST_BEFORE, WITHOUT_BODY, Compared, within
from harness.recording import Recording, Slice
from harness.recording.values import ITERATION, OK

Kind = TypeVar("Kind", int, str)
REDIRECTS = (301, 302, 303, 307, 308)
"""Those that clients follow (RFC 9110, 15.4): where the page to which they lead is good, it is the answer."""


@dataclass(frozen=True)
class OtherKind:
    """A name, its good answers in the stretch that is looked at, and how many are of a kind that none was before."""

    name: str
    kind: int | str
    """A status or a media type."""
    count: int
    answers: int
    doubted: Mapping[int, int]
    """Of slices, by their identity, how many are of such a kind, of this name and of others."""

    def in_words(self, compared: Compared) -> str:
        assert compared.before is not None
        answers = f"{self.count:,} of {self.answers:,} good answers to {self.name}"
        since, before = compared.since.name, compared.before.name
        kind, declared = self._kind_in_words()
        return (
            f"{answers} have {kind} in the {since}, and none in the {before}: it is not shown that they are "
            f"good; {declared}a check of the body would show it, and shorter_ratio = 0 accepts them"
        )

    def _kind_in_words(self) -> tuple[str, str]:
        """And how one may declare that they are not good."""
        if isinstance(self.kind, str):
            return (f"media type {self.kind}" if self.kind else "no media type"), ""
        if self.kind in REDIRECTS:
            return f"status {self.kind} (of the redirect)", ""
        return f"status {self.kind}", "expect = 200 would say that they are not, "


def other_statuses(recording: Recording, compared: Compared) -> OtherKind | None:
    """The name with the most good answers of a status 2xx, or by a redirect, that none had in the baseline: 202 where
    work is put off, 204 in place of a page, 302 to a page of maintenance. Other statuses are good only where users say
    so.
    """
    return _others(recording, compared, _status, _is_told)


def other_media_types(recording: Recording, compared: Compared) -> OtherKind | None:
    """The name with the most good answers of a media type that none had in the baseline: a proxy's error page in HTML,
    say, which may be as long as the JSON that it replaces.
    """
    return _others(recording, compared, _media_type, lambda _: True)


def _status(piece: Slice) -> int:
    return piece.status


def _media_type(piece: Slice) -> str | None:
    """None of answers that have no body, or none that nobody has checked: of these it is not told."""
    return piece.media_type if piece.status not in WITHOUT_BODY and _unchecked(piece) else None


def _others(
    recording: Recording, compared: Compared, kind_of: Callable[[Slice], Kind | None], is_told: Callable[[Kind], bool]
) -> OtherKind | None:
    """None where there is none, or no larger share of them than there may have been before (95 %, Clopper & Pearson).
    Answers whose body has been checked are good; of recordings without lengths of answers nobody knows which were.
    """
    before = compared.before
    if before is None or not compared.ratio:
        return None
    failed: dict[int, int] = {}
    found: list[tuple[int, str, int | str, int]] = []
    kinds_of = _kinds_by_name(recording, kind_of)
    for name, pieces in _answers_by_name(recording).items():
        if len(kinds_of[name]) == 1:  # as nearly always, and each criterion asks anew
            continue
        if compared.requests and not phases.is_of(recording, pieces[0], compared.requests):
            continue
        usual, later = within(before, pieces), within(compared.since, pieces, but=before)
        usual = [piece for piece in usual if kind_of(piece) is not None]
        usually, answers = sum(piece.count for piece in usual), sum(piece.count for piece in later)
        if usually < FEWEST_BEFORE:
            continue
        known = {kind_of(piece) for piece in usual}
        for kind in {kind_of(piece) for piece in later} - known:
            if kind is None or not is_told(kind):
                continue
            unchecked = {id(piece): _unchecked(piece) for piece in later if kind_of(piece) == kind}
            count = sum(unchecked.values())
            if count and clopper_pearson(count, answers)[0] > clopper_pearson(0, usually)[1]:
                failed |= unchecked
                found.append((count, name, kind, answers))
    if not found:
        return None
    most = max(found, key=lambda each: (each[0], each[1], str(each[2])))
    return OtherKind(most[1], most[2], most[0], most[3], failed)


@once
def _kinds_by_name(recording: Recording, kind_of: Callable[[Slice], Kind | None]) -> Mapping[str, set[Kind | None]]:
    return {name: set(map(kind_of, pieces)) for name, pieces in _answers_by_name(recording).items()}


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
