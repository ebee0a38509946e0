"""Good answers that are far shorter than before: an error page may come with status 200."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from harness.analysis.answer_sizes import content_bytes, middle_bytes, size_index
from harness.config.queue_gauge import by_default
from harness.criteria import _answer_lengths, _answer_pieces
from harness.criteria._criterion import Criterion
from harness.criteria.recovery.metastability import Metastability
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.criteria.requests.error_budget import ErrorBudget
from harness.criteria.requests.error_ratio import ErrorRatio
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.criteria.requests.throughput import Throughput
from harness.criteria.scaling.scaling_errors import ScalingErrors
from harness.findings import Outcome
from harness.limit.step import Answer, Step
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import OK
from tests import recordings

USUAL = "GET /orders"


def sized(size_of: Callable[[int], int]) -> Recording:
    """All answers of a second have the same size."""
    run = recordings.healthy()
    pieces = tuple(
        dataclasses.replace(piece, bytes=piece.count * size_of(piece.t)) if piece.outcome == "ok" else piece
        for piece in run.slices
    )
    return dataclasses.replace(run, slices=pieces)


def test_good_answers_that_are_far_shorter_than_before_are_not_shown_to_be_good() -> None:
    """As an error page with status 200; unless bodies are as short at any time, or nobody minds."""
    error_page = sized(lambda t: 2000 if t < 31 else 60)
    found = RecoveryTime().judge(error_page)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"good answers to {recordings.CANARY} have about 60 bytes in the recovery, and 2,000 in the" in found.reason
    assert RecoveryTime(shorter_ratio=0).judge(error_page).outcome is Outcome.PASS
    for well in (lambda t: 2000 + t, lambda t: 2000 if t < 31 else 1100, lambda t: 60 if t % 7 == 3 else 2000 - t * 20):
        assert RecoveryTime().judge(sized(well)).outcome is Outcome.PASS


def test_answers_of_the_spike_that_are_far_shorter_are_not_shown_to_be_good_either() -> None:
    """A service that answers its spike with an error page and status 200 has answered none of it."""
    page_in_spike = sized(lambda t: 60 if t == 30 else 2000)
    page_in_spike = dataclasses.replace(
        page_in_spike, slices=tuple(dataclasses.replace(each, name=USUAL) for each in page_in_spike.slices)
    )
    for criterion in (ErrorRatio, LatencyQuantile, Throughput):
        found = criterion().judge(page_in_spike)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert f"good answers to {USUAL} have about 60 bytes in the spike, and 2,000 in the baseline" in found.reason
        assert Step(1.0, "", (found,)).about(found.criterion).answer is None  # of no limit, either
        assert criterion(shorter_ratio=0).judge(page_in_spike).outcome is Outcome.PASS
        assert criterion(phase="recovery").judge(page_in_spike).outcome is Outcome.PASS


def test_answers_without_a_body_are_no_short_ones_and_one_tiny_answer_says_nothing_of_the_others() -> None:
    """A cache that is asked whether anything has changed answers 304 to most under load, and a poll 204."""
    steady = tuple(dataclasses.replace(piece, name=USUAL, status=200) for piece in sized(lambda _: 2000).slices)
    for status in (204, 304):
        empty = tuple(Slice(t, "worker-1", USUAL, "ok", n, 0, {100: n}, status=status) for t, n in ((3, 9), (30, 9999)))
        assert (
            ErrorRatio().judge(dataclasses.replace(recordings.healthy(), slices=(*steady, *empty))).outcome
            is Outcome.PASS
        )
    tiny = dataclasses.replace(next(piece for piece in steady if piece.t == 3), count=1, bytes=10)
    page_in_spike = [dataclasses.replace(piece, bytes=60 * piece.count) if piece.t == 30 else piece for piece in steady]
    alone = [piece for piece in page_in_spike if piece.t != 3]  # in a second of its own
    for criterion in (ErrorRatio(), ErrorBudget(objective=0.99)):
        found = criterion.judge(dataclasses.replace(recordings.healthy(), slices=(*alone, tiny)))
        assert found.outcome is Outcome.INCONCLUSIVE and "have about 60 bytes in the" in found.reason


def statused(status: int, *, checked: bool | None = False, before: int = 0) -> Recording:
    """Answers of 200 at any time; in the spike a fifth has this status, and in the baseline as many as ``before``.
    ``checked``: whether anybody has looked at their bodies; None where the recording does not tell.
    """
    run = sized(lambda _: 2000)
    usual = [dataclasses.replace(piece, name=USUAL, status=200) for piece in run.slices]
    spike = sum(piece.count for piece in usual if piece.t == 30)
    sizes = {False: lambda n: {size_index(2000): n}, True: lambda _: {}, None: lambda _: None}
    others = [
        Slice(t, "worker-1", USUAL, "ok", n, 2000 * n, {100: n}, status=status, sizes=sizes[checked](n))
        for t, n in ((3, before), (30, spike // 4))
        if n
    ]
    return dataclasses.replace(run, slices=(*usual, *others))


@pytest.mark.parametrize("status", [202, 203, 204, 206, 302, 308])
def test_a_status_of_success_that_none_had_before_does_not_show_that_answers_are_good(status: int) -> None:
    """As of a service that has too much to do: it puts work off, or sends half a page, nothing, or another one."""
    for criterion in (ErrorRatio(), Throughput(lower_limit_per_s=550)):
        found = criterion.judge(statused(status))
        assert found.outcome is Outcome.INCONCLUSIVE and found.figure is None, found
        told = f"{status}{' (of the redirect)' * (status >= 300)}"
        assert f"good answers to {USUAL} have status {told} in the spike, and none in the baseline" in found.reason
        assert ("expect = 200" in found.reason) == (status < 300), "no redirect is undone by that"
        assert dataclasses.replace(criterion, shorter_ratio=0).judge(statused(status)).outcome is Outcome.PASS
        assert criterion.judge(statused(status, before=1)).outcome is Outcome.PASS, "it is as usual"
        assert criterion.judge(statused(status, checked=True)).outcome is Outcome.PASS, "their bodies were checked"
        assert criterion.judge(statused(status, checked=None)).outcome is Outcome.PASS, "as old recordings are judged"
        for declared in (304, 404):
            assert criterion.judge(statused(declared)).outcome is Outcome.PASS, "good only because somebody has said so"


def test_both_kinds_of_answers_that_may_be_none_count_together() -> None:
    """Four in a hundred are a page of an error, and four others put off: each kind alone is within the limit."""
    run = sized(lambda _: 2000)
    slices = []
    for piece in run.slices:
        few = piece.count * 4 // 100 if piece.t >= 30 else 0
        kinds = [(200, 2000, piece.count - 2 * few), (200, 60, few), (202, 2000, few)]
        slices += [
            dataclasses.replace(
                piece, name=USUAL, status=status, count=n, bytes=size * n, latency={100: n}, sizes={size_index(size): n}
            )
            for status, size, n in kinds
            if n
        ]
    recording = dataclasses.replace(run, slices=tuple(slices))
    assert ErrorRatio(limit=0.07).judge(recording).outcome is Outcome.INCONCLUSIVE
    assert ErrorRatio(limit=0.10).judge(recording).outcome is Outcome.PASS


def test_while_scaling_they_are_looked_at_as_well() -> None:
    assert ScalingErrors().judge(sized(lambda _: 2000)).outcome is Outcome.PASS
    found = ScalingErrors().judge(sized(lambda t: 2000 if t < 30 else 60))
    assert found.outcome is Outcome.INCONCLUSIVE and "2,000 in the baseline" in found.reason


def mixed(
    short: Mapping[int, float],
    sizes: tuple[int, int] = (4000, 60),
    checked: float = 0.0,
    failing_s: Collection[int] = (),
) -> Recording:
    """A recording that knows how long single answers are: in some seconds a share of them is short, and of each second
    a share has been checked. In some seconds one has failed besides.
    """
    run = recordings.healthy()

    def of(piece: Slice) -> Slice:
        if piece.outcome != "ok":
            return piece
        few = round(short.get(piece.t, 0.0) * piece.count)
        lengths = {size_index(sizes[0]): round((piece.count - few) * (1 - checked)), size_index(sizes[1]): few}
        total = (piece.count - few) * sizes[0] + few * sizes[1]
        told = {index: count for index, count in lengths.items() if count}
        return dataclasses.replace(piece, name=USUAL, bytes=total, sizes=told)

    failed = tuple(Slice(t, "worker-1", USUAL, "http 500", 1, 0, {}) for t in failing_s)
    return dataclasses.replace(run, slices=(*map(of, run.slices), *failed))


SPIKE = {30: 0.3}
RECOVERY = dict.fromkeys(range(31, 91), 0.3)


@pytest.mark.parametrize("criterion", [ErrorRatio(), LatencyQuantile(), Throughput(lower_limit_per_s=450)])
def test_a_spike_of_which_a_third_are_short_pages_has_not_passed(criterion: Criterion) -> None:
    """By the sum of the bytes they would not be seen. As few as keep the limit although they had failed do no harm."""
    found = criterion.judge(mixed(SPIKE))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "good answers to GET /orders have about 62 bytes in the spike, and 4,000 in the baseline" in found.reason
    assert found.figure is None and found.interval is None  # nobody may compare it, or be at a limit by it
    assert f"with them ({found.unit})" in found.evidence
    for harmless in (mixed({30: 0.02}), mixed(SPIKE, (4000, 2100)), mixed(SPIKE, (110, 60))):
        assert criterion.judge(harmless).outcome is Outcome.PASS
    assert dataclasses.replace(criterion, shorter_ratio=0).judge(mixed(SPIKE)).outcome is Outcome.PASS


@pytest.mark.parametrize("criterion", [RecoveryTime(), Metastability()])
def test_a_recovery_of_which_a_third_are_short_pages_has_not_passed(criterion: Criterion) -> None:
    found = criterion.judge(mixed(RECOVERY))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "have about 62 bytes in the recovery, and 4,000 in the baseline" in found.reason and found.figure is None
    assert criterion.judge(mixed({})).outcome is criterion.judge(mixed({31: 0.3})).outcome is Outcome.PASS
    assert dataclasses.replace(criterion, shorter_ratio=0).judge(mixed(RECOVERY)).outcome is Outcome.PASS


@pytest.mark.parametrize("criterion", [LatencyQuantile(phase="recovery"), ErrorRatio(phase="recovery")])
def test_what_is_unclear_has_no_figure_that_is_good_only_with_them(criterion: Criterion) -> None:
    """Else a search would say of its level that it seems to hold, and a comparison that the service is as quick. As few
    as leave it on its side of the limit do no harm.
    """
    is_ratio = isinstance(criterion, ErrorRatio)
    for short, is_doubted in ((RECOVERY, True), ({31: 1.0}, False)):
        run = mixed(short, failing_s=range(31, 91, 6) if is_ratio else ())
        with_them = dataclasses.replace(criterion, shorter_ratio=0).judge(run)
        assert with_them.figure is not None and with_them.interval is not None
        limit = with_them.figure + 0.8 * (with_them.interval[1] - with_them.figure)
        limits: Any = {"limit" if is_ratio else "limit_s": limit}
        near = dataclasses.replace(criterion, **limits)
        taken_for_good = dataclasses.replace(near, shorter_ratio=0).judge(run)
        assert Step(1.0, "", (taken_for_good,)).about(taken_for_good.criterion).says is Answer.SEEMS_TO_HOLD
        found = near.judge(run)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert (found.figure is None) is (found.interval is None) is is_doubted
        assert ("have about 62 bytes in the recovery" in found.reason) is is_doubted


def test_who_accepts_short_answers_after_a_spike_accepts_them_for_both() -> None:
    asked = CriterionSpec("recovery_time", {"shorter_ratio": 0.0})
    assert [spec.parameters["shorter_ratio"] for spec in by_default([asked], ())] == [0.0]


def test_nothing_at_all_is_far_shorter_than_a_small_page() -> None:
    assert ErrorRatio().judge(mixed(SPIKE, (60, 0))).outcome is Outcome.INCONCLUSIVE
    assert ErrorRatio().judge(mixed(SPIKE, (0, 0))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("usual", "other", "is_doubted"),
    [
        (17, 160, True),  # {"ok": true} and an error in words
        (4000, 9000, True),
        (4000, 7500, False),  # less than twice as long
        (60, 20, True),
        (60, 32, False),
        (2, 10, False),  # a counter with more digits
        (10, 2, False),
        (10, 1, True),
    ],
)
def test_where_all_are_alike_longer_ones_and_small_ones_are_doubted_too(
    usual: int, other: int, is_doubted: bool
) -> None:
    """An error with status 200 may well be longer than the short answer that it replaces."""
    found = ErrorRatio().judge(mixed(SPIKE, (usual, other)))
    assert found.outcome is (Outcome.INCONCLUSIVE if is_doubted else Outcome.PASS), found.reason
    assert ("bytes in the spike, and" in found.reason) is is_doubted
    assert ErrorRatio(shorter_ratio=0).judge(mixed(SPIKE, (usual, other))).outcome is Outcome.PASS


def test_of_answers_whose_length_varies_longer_ones_are_no_news() -> None:
    """A list that grows, or pages that differ; nor where only their sum is known, which is alike for any."""
    grown = mixed(SPIKE, (4000, 9000))
    pieces = tuple(
        dataclasses.replace(each, sizes={size_index(3000 + each.t * 50): each.count}) if each.t < 30 else each
        for each in grown.slices
    )
    assert ErrorRatio().judge(dataclasses.replace(grown, slices=pieces)).outcome is Outcome.PASS
    assert ErrorRatio().judge(sized(lambda t: 9000 if t == 30 else 4000)).outcome is Outcome.PASS


@pytest.mark.parametrize(("usual", "other"), [(2, 600), (17, 160), (40, 85)])
def test_a_list_that_is_filled_under_load_and_stays_so_is_no_error(usual: int, other: int) -> None:
    """Nor where some had the list as it was while it was filled. Answers that go on to come beside it are others."""
    for share, outcome in ((0.0, Outcome.PASS), (0.05, Outcome.PASS), (0.2, Outcome.INCONCLUSIVE)):
        run = mixed(dict.fromkeys(range(30, 91), 1.0 - share), (usual, other))
        for criterion in (ErrorRatio(), RecoveryTime()):
            found = criterion.judge(run)
            assert found.outcome is outcome, found.reason
    of_spike_alone = ErrorRatio().judge(mixed({30: 1.0}, (usual, other)))
    assert of_spike_alone.outcome is Outcome.INCONCLUSIVE, "it has ended, as no list does"


def test_between_the_usual_lengths_are_both_of_them() -> None:
    usual = _answer_lengths._Usual(10, 20)
    assert [usual.is_other(length) for length in (9, 10, 20, 21)] == [True, False, False, True]
    assert usual.longer([(9, 1), (10, 1), (20, 1), (21, 2)]) == [(21, 2)]
    assert usual.most_frequent([(9, 1), (10, 5), (20, 5), (21, 2)]) == (2, 21)


@pytest.mark.parametrize(("usual", "has_grown"), [(0, True), (9, True), (10, False), (50, False)])
def test_of_what_has_grown_hardly_any_is_as_long_as_before(usual: int, has_grown: bool) -> None:
    """A tenth of 100 answers since the first longer one is more than that; those of before it do not count."""
    (before, then) = (Slice(t, "w", USUAL, OK, 1, 0, {9: 1}) for t in (30, 31))
    lengths = [(before, [(15.0, 500)]), (then, [(100.0, 100 - usual), (15.0, usual)])]
    assert _answer_lengths._has_grown(_answer_lengths._Usual(10, 20), lengths) is has_grown


def test_a_list_that_fills_and_drains_has_many_lengths() -> None:
    run = mixed({})
    grown = {30: 150, 31: 300, 32: 200, 33: 100}
    pieces = tuple(
        dataclasses.replace(each, sizes={size_index(grown.get(each.t, 2)): each.count}) for each in run.slices
    )
    for criterion in (ErrorRatio(), RecoveryTime()):
        found = criterion.judge(dataclasses.replace(run, slices=pieces))
        assert found.outcome is Outcome.PASS, found.reason


def test_of_shorter_and_longer_ones_the_more_frequent_kind_is_told() -> None:
    """Their mean is the length of none of them."""
    run = mixed({})
    sizes = {size_index(20): 100, size_index(20_000): 150, size_index(2000): 350}
    pieces = tuple(
        dataclasses.replace(each, sizes=sizes if each.t == 30 else {size_index(2000): each.count})
        for each in run.slices
    )
    found = ErrorRatio().judge(dataclasses.replace(run, slices=pieces))
    assert "600 of 2,400 good answers to GET /orders have about 19,456 bytes in the spike" in found.reason


def test_pages_that_are_as_often_short_at_any_time_are_no_news() -> None:
    assert ErrorRatio().judge(mixed(dict.fromkeys(range(91), 0.3))).outcome is Outcome.PASS


def test_answers_whose_bodies_were_checked_are_not_doubted() -> None:
    run = mixed(SPIKE)
    all_checked = [piece if piece.t < 30 else dataclasses.replace(piece, sizes={}) for piece in run.slices]
    assert ErrorRatio().judge(dataclasses.replace(run, slices=tuple(all_checked))).outcome is Outcome.PASS
    assert ErrorRatio().judge(mixed(SPIKE, checked=0.3)).outcome is Outcome.INCONCLUSIVE


def test_the_phase_with_which_they_are_compared_may_have_another_name() -> None:
    run = mixed(SPIKE)
    first, *others = run.header.phases
    header = dataclasses.replace(run.header, phases=(Phase("usual", first.start_s, first.end_s), *others))
    renamed = dataclasses.replace(run, header=header)
    assert ErrorRatio().judge(renamed).outcome is Outcome.PASS  # with nothing to be compared with
    found = ErrorRatio(shorter_than="usual").judge(renamed)
    assert found.outcome is Outcome.INCONCLUSIVE and "in the usual" in found.reason


def test_lengths_are_told_to_an_eighth_and_those_of_what_is_compressed_are_of_what_comes_out() -> None:
    for size in (0, 1, 15, 16, 17, 255, 256, 4000, 10**6, 2**52):
        assert abs(middle_bytes(size_index(size)) - size) <= size / 16
    assert size_index(-1) == 0 and size_index(500) < size_index(600) < size_index(700)
    page = b"<li>an order</li>" * 500
    assert content_bytes(gzip.compress(page)) == len(page) > 20 * len(gzip.compress(page))
    assert content_bytes(page) == len(page) and content_bytes(b"") == 0
    assert content_bytes(gzip.compress(b"")) == 0


def test_what_gzip_cannot_have_told_is_not_believed() -> None:
    """Of a body that was cut off, or has several members, the last bytes tell nothing."""
    page = "".join(f"<li>order {number * 7919 % 9973}</li>" for number in range(500)).encode()
    packed = gzip.compress(page)
    cut = [packed[:length] for length in range(100, len(packed), 7)]
    assert all(len(each) / 3 <= content_bytes(each) <= 1032 * len(each) for each in cut)
    assert sum(content_bytes(each) == len(each) for each in cut) > 0.9 * len(cut)
    assert content_bytes(packed + gzip.compress(b"end")) == len(packed + gzip.compress(b"end"))
    for whole in (b"0" * 10**6, bytes(range(256)), b"a"):
        assert content_bytes(gzip.compress(whole)) == len(whole)


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ((20, 20), [[20], [20]]),
        ((20, 19), [[20, 19]]),
        ((5, 15, 19), [[5, 15, 19]]),
        ((5, 15, 1, 19), [[5, 15], [1, 19]]),
        ((19,), [[19]]),
        ((25, 3, 3), [[25, 3, 3]]),
        ((20, 20, 3), [[20], [20, 3]]),
        ((), []),
    ],
)
def test_seconds_that_follow_each_other_are_taken_together_until_they_have_twenty_answers(
    counts: tuple[int, ...], groups: list[list[int]]
) -> None:
    pieces = [Slice(t, "w", "x", OK, count, 0, {}) for t, count in enumerate(counts)]
    assert [[each.count for each in group] for group in _answer_lengths._by_seconds(pieces[::-1])] == groups


@pytest.mark.parametrize(
    ("count", "left"), [(0, {3: 2, 7: 5}), (1, {3: 1, 7: 5}), (2, {7: 5}), (4, {7: 3}), (7, {}), (9, {})]
)
def test_the_quickest_are_taken_off(count: int, left: dict[int, int]) -> None:
    assert _answer_pieces._without_quickest({7: 5, 3: 2}, count) == left


@pytest.mark.parametrize(
    ("length", "told", "believed"),
    [
        (100, 18, True),
        (100, 17, False),
        (100, 103_200, True),
        (100, 103_201, False),
        (18, 0, True),
        (18, 18 * 1032, True),
        (17, 9, False),
    ],
)
def test_a_gzip_member_may_tell_what_so_many_bytes_can_unpack_to(length: int, told: int, believed: bool) -> None:
    """Half of what it is without 64 bytes at least, 1,032 times as many at most, and 18 bytes are the smallest."""
    body = b"\x1f\x8b" + bytes(length - 6) + told.to_bytes(4, "little")
    assert content_bytes(body) == (told if believed else length)
