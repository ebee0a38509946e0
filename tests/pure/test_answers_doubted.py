"""Answers that are doubted, one figure at a time: how short is far shorter, of which name, and what they leave of a run
in which they have failed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from harness.analysis.answer_sizes import size_index
from harness.criteria import _answer_kind, _answer_lengths, _answer_pieces, _answer_size
from harness.criteria._answer_kind import other_media_types, other_statuses
from harness.criteria.requests.error_ratio import ErrorRatio
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import OK
from tests import recordings
from tests.pure.test_answer_size import SPIKE, USUAL, mixed

BEFORE, SINCE = Phase("baseline", 0, 30), Phase("spike", 30, 31)


def found(outcome: Outcome, figure: float | None) -> Finding:
    return Finding("error_ratio", "", outcome, "so it is", figure, "ratio", limit=0.5)


@pytest.mark.parametrize(
    ("taken_for_good", "had_they_failed", "is_doubted"),
    [
        ((Outcome.PASS, 0.0), (Outcome.PASS, 0.2), False),
        ((Outcome.PASS, 0.0), (Outcome.INCONCLUSIVE, 0.2), True),
        ((Outcome.PASS, 0.0), (Outcome.FAIL, 0.6), True),
        ((Outcome.PASS, None), (Outcome.FAIL, 0.6), True),
        ((Outcome.INCONCLUSIVE, 0.2), (Outcome.INCONCLUSIVE, 0.4), False),
        ((Outcome.INCONCLUSIVE, 0.2), (Outcome.INCONCLUSIVE, 0.5), False),  # at the limit is within it
        ((Outcome.INCONCLUSIVE, 0.5), (Outcome.INCONCLUSIVE, 0.6), True),
        ((Outcome.INCONCLUSIVE, 0.2), (Outcome.INCONCLUSIVE, 0.6), True),
        ((Outcome.INCONCLUSIVE, 0.2), (Outcome.INCONCLUSIVE, None), True),
        ((Outcome.INCONCLUSIVE, 0.6), (Outcome.FAIL, 0.9), True),
        ((Outcome.INCONCLUSIVE, None), (Outcome.FAIL, 0.6), False),  # there is nothing to be taken back
        ((Outcome.FAIL, 0.6), (Outcome.FAIL, 0.9), False),
    ],
)
def test_a_finding_is_doubted_where_it_would_say_less_had_they_failed(
    taken_for_good: tuple[Outcome, float | None], had_they_failed: tuple[Outcome, float | None], is_doubted: bool
) -> None:
    compared = _answer_pieces.Compared(BEFORE, SINCE, 0.5)
    first = found(*taken_for_good)
    judged = _answer_size._unless_doubted(first, mixed(SPIKE), compared, lambda _: found(*had_they_failed))
    if not is_doubted:
        assert judged is first
        return
    assert (judged.outcome, judged.figure) == (Outcome.INCONCLUSIVE, None)
    assert (
        judged.evidence.get("with them (ratio)") == first.figure
        and "it is not shown that they are good" in judged.reason
    )


def pages(before: tuple[int, int], since: tuple[int, int], status: int = 200, name: str = USUAL) -> Recording:
    """How many answers, and of how many bytes each, in a second of the baseline and in the spike."""
    pieces = (
        Slice(t, "w", name, OK, count, count * size, {}, status=status)
        for t, (count, size) in ((3, before), (30, since))
    )
    return dataclasses.replace(recordings.healthy(), slices=tuple(pieces))


@pytest.mark.parametrize(
    ("before", "since", "status", "is_short"),
    [
        ((60, 2000), (100, 900), 200, True),
        ((59, 2000), (100, 900), 200, False),  # too few to know how long they are
        ((60, 2000), (100, 1000), 200, False),  # half as long
        ((60, 150), (100, 49), 200, True),
        ((60, 150), (100, 50), 200, False),  # by a hundred bytes no page is told
        ((60, 2000), (19, 900), 200, False),  # of so few the sum says nothing
        ((60, 2000), (20, 900), 200, True),
        ((60, 2000), (100, 0), 204, False),  # none has a body
        ((60, 2000), (100, 0), 304, False),
        ((60, 2000), (100, 0), 203, True),
    ],
)
def test_far_shorter_is_less_than_half_and_by_a_hundred_bytes(
    before: tuple[int, int], since: tuple[int, int], status: int, is_short: bool
) -> None:
    compared = _answer_pieces.Compared(BEFORE, SINCE, _answer_size.SHORTER_RATIO)
    shorter = _answer_lengths.other_lengths(pages(before, since, status), compared)
    assert (shorter is not None) is is_short
    if shorter is not None:
        assert (shorter.count, shorter.answers) == (since[0], since[0])
        assert (shorter.since_bytes, shorter.before_bytes) == (since[1], before[1])


@pytest.mark.parametrize(("few", "is_short"), [(0, True), (1, True), (2, False), (4, False)])
def test_nearly_all_are_all_but_one_in_a_hundred(few: int, is_short: bool) -> None:
    """Of 200 answers of 2,000 bytes some have 800: from the second on these are the shortest, and 900 are not half."""
    sizes = {size_index(2000): 200 - few, **({size_index(800): few} if few else {})}
    run = pages((200, 2000), (100, 900))
    pieces = tuple(dataclasses.replace(each, sizes=sizes) if each.t == 3 else each for each in run.slices)
    compared = _answer_pieces.Compared(BEFORE, SINCE, _answer_size.SHORTER_RATIO)
    shorter = _answer_lengths.other_lengths(dataclasses.replace(run, slices=pieces), compared)
    assert (shorter is not None) is is_short


def test_only_requests_that_are_judged_are_doubted() -> None:
    short, other = pages((60, 2000), (100, 900)), pages((60, 2000), (100, 2000), name="GET /other")
    both = dataclasses.replace(short, slices=(*short.slices, *other.slices))
    for pattern, name in (("", USUAL), (USUAL, USUAL), ("GET /other", None), ("GET *", USUAL)):
        compared = _answer_pieces.Compared(BEFORE, SINCE, 0.5, pattern)
        for pieces in (both.slices, both.slices[::-1]):
            shorter = _answer_lengths.other_lengths(dataclasses.replace(both, slices=pieces), compared)
            assert (shorter and shorter.name) == name, pattern


def test_another_status_is_looked_for_under_every_name_that_is_judged() -> None:
    """The first has too few answers to know what is usual, the second none that is new; the third is another's."""

    def answered(name: str, before: int, status: int) -> tuple[Slice, ...]:
        told = ((3, before, 200), (30, 50, 200), (30, 50, status))
        return tuple(Slice(t, "w", name, OK, count, 0, {}, status=code, sizes={9: count}) for t, count, code in told)

    pieces = (*answered("GET /a", 59, 202), *answered("GET /b", 60, 200), *answered("GET /d", 60, 206))
    run = dataclasses.replace(recordings.healthy(), slices=(*pieces, *answered("GET /c", 60, 202)))
    for pattern, told in (("", "GET /d"), ("GET /c", "GET /c"), ("GET /a", None), ("GET /b", None)):
        found = other_statuses(run, _answer_pieces.Compared(BEFORE, SINCE, 0.5, pattern))
        assert (found and found.name) == told, pattern
        assert found is None or (found.count, found.answers) == (50, 100)


JSON, PAGE = "application/json", "text/html"


@pytest.mark.parametrize(
    ("before", "since", "told"),
    [
        # Answers with their status and media type, and whether somebody has checked the body.
        ([(60, 200, JSON, False)], [(50, 200, JSON, False), (50, 200, PAGE, False)], PAGE),
        ([(60, 200, JSON, False)], [(50, 200, JSON, False), (50, 200, "", False)], ""),
        ([(59, 200, JSON, False)], [(50, 200, JSON, False), (50, 200, PAGE, False)], None),  # too few to know
        ([(60, 200, JSON, False), (1, 200, PAGE, False)], [(50, 200, JSON, False), (50, 200, PAGE, False)], None),
        ([(60, 200, JSON, False)], [(98, 200, JSON, False), (2, 200, PAGE, False)], None),  # as many by chance
        (
            [(60, 200, JSON, False)],
            [(50, 200, JSON, False), (50, 204, "", False)],
            None,
        ),  # without a body there is none
        ([(60, 200, JSON, False)], [(50, 200, JSON, False), (50, 200, "", True)], None),
        ([(60, 200, "", True)], [(50, 200, "", True), (50, 200, JSON, False)], None),  # of those checked it is not told
        ([(60, 200, "", False)], [(50, 200, "", False)], None),  # as of clients that do not tell
    ],
)
def test_a_media_type_that_none_had_before_is_doubted(
    before: list[tuple[int, int, str, bool]], since: list[tuple[int, int, str, bool]], told: str | None
) -> None:
    pieces = tuple(
        Slice(t, "w", USUAL, OK, n, 0, {}, status=status, sizes={} if is_checked else {9: n}, media_type=media)
        for t, answers in ((3, before), (30, since))
        for n, status, media, is_checked in answers
    )
    run = dataclasses.replace(recordings.healthy(), slices=pieces)
    compared = _answer_pieces.Compared(BEFORE, SINCE, 0.5)
    found = other_media_types(run, compared)
    assert (found and found.kind) == told
    if found is not None:
        assert (found.count, found.answers) == (50, 100)
        assert (f"have media type {PAGE}" if told else "have no media type") in found.in_words(compared)
        assert found.doubted == {
            id(piece): piece.count for piece in pieces if piece.t == 30 and piece.media_type == told
        }


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("short", [0, 300, 999, 1000])
def test_short_pages_among_those_of_another_kind_hide_none_of_them(short: int, status: int) -> None:
    """All of the spike is a page for the JSON of before, and with 202 put off besides; some of it is short as well."""
    sizes = {size_index(size): count for size, count in ((500, short), (2000, 1000 - short)) if count}
    before = Slice(3, "w", USUAL, OK, 1000, 0, {100: 1000}, status=200, sizes={size_index(2000): 1000}, media_type=JSON)
    since = Slice(30, "w", USUAL, OK, 1000, 0, {100: 1000}, status=status, sizes=sizes, media_type=PAGE)
    found = ErrorRatio(limit=0.5).judge(dataclasses.replace(recordings.healthy(), slices=(before, since)))
    assert found.outcome is Outcome.INCONCLUSIVE, found


@pytest.mark.parametrize("other", [((59, 2000), (9, 900)), ((60, 2000), (9, 2000)), ((60, 2000), (50, 900))])
def test_of_several_names_the_one_with_the_most_short_answers_is_told(other: tuple[tuple[int, int], ...]) -> None:
    """Whatever is the matter with those before it: too few, none that is short, or fewer."""
    first, second = pages(*other, name="GET /a"), pages((60, 2000), (100, 900), name="GET /b")
    both = dataclasses.replace(first, slices=(*first.slices, *second.slices))
    shorter = _answer_lengths.other_lengths(both, _answer_pieces.Compared(BEFORE, SINCE, 0.5))
    assert shorter is not None and (shorter.name, shorter.count) == ("GET /b", 100)


def test_of_what_is_looked_at_the_baseline_is_left_out() -> None:
    each = [Slice(t, "w", USUAL, OK, 1, 0, {}) for t in range(22)]
    told = _answer_pieces.within(Phase("run", 1, 20), each, but=Phase("baseline", 5, 10))
    assert [piece.t for piece in told] == [1, 2, 3, 4, *range(10, 20)]


@pytest.mark.parametrize(
    ("starts", "short", "told"),
    [
        # Outcome, how many, how many of them began, and latencies.
        (None, 0, [("ok", 10, None, {100: 4, 200: 6})]),
        (None, 3, [(_answer_pieces.DOUBTED, 3, None, {}), ("ok", 7, None, {100: 1, 200: 6})]),
        (8, 3, [(_answer_pieces.DOUBTED, 3, 1, {}), ("ok", 7, 7, {100: 1, 200: 6})]),
        (5, 3, [(_answer_pieces.DOUBTED, 3, 0, {}), ("ok", 7, 5, {100: 1, 200: 6})]),
        (8, 10, [(_answer_pieces.DOUBTED, 10, 8, {})]),
    ],
)
def test_what_has_failed_is_taken_off_and_no_start_is_lost(
    starts: int | None, short: int, told: list[tuple[str, int, int | None, Mapping[int, int]]]
) -> None:
    piece = Slice(3, "w", USUAL, OK, 10, 2000, {100: 4, 200: 6}, starts=starts)
    parts = list(_answer_pieces.as_failed(piece, short))
    assert [(part.outcome, part.count, part.starts, part.latency) for part in parts] == told


@pytest.mark.parametrize("status", [200, 202, 204, 226, 299, 301, 302, 303, 307, 308])
def test_a_good_answer_is_told_by_its_status_or_by_that_of_its_redirect(status: int) -> None:
    assert _answer_kind._is_told(status)


@pytest.mark.parametrize("status", [0, 101, 199, 300, 304, 305, 306, 309, 400, 404, 500])
def test_another_status_is_good_only_where_somebody_has_said_so(status: int) -> None:
    assert not _answer_kind._is_told(status)
