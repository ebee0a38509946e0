"""Slices are added up by columns as they are one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.recording import Slice, Slices
from harness.recording import sums as recording_sums
from harness.recording.blocks import Block
from harness.recording.line import decode, decode_packed, encode
from harness.recording.slices import SliceSums
from harness.recording.sums import BlockSums
from tests.recordings import healthy

few = st.dictionaries(st.integers(0, 3), st.integers(1, 2**31), min_size=1, max_size=3)


@st.composite
def pieces(draw: st.DrawFn) -> Slice:
    """Of few keys, so that several are of one."""
    latency = draw(few)
    count = sum(latency.values())
    return Slice(
        draw(st.integers(0, 2)),
        draw(st.sampled_from(("v", "w"))),
        draw(st.sampled_from(("GET /", "GET /other"))),
        "ok",
        count,
        7,
        latency,
        draw(st.sampled_from((None, {0: count}))),
        draw(st.sampled_from((None, 1))),
        sizes=draw(st.sampled_from((None, {}, {5: 1}))),
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(pieces(), max_size=12), st.integers(1, 5))
def test_columns_add_up_to_what_slices_do(given_slices: list[Slice], at_a_time: int) -> None:
    one_by_one, by_columns = SliceSums(healthy().header), BlockSums(healthy().header)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recording_sums, "AT_A_TIME", at_a_time)
        for number, piece in enumerate(given_slices):
            one_by_one.add(piece)
            if number % 2:
                by_columns.add_slice(piece)
            else:
                by_columns.add(Block.of_slices([piece]))
        assert list(by_columns.take()) == list(one_by_one.take())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Slice(3, "w", "GET /", "ok", 2, 0, {5: 1}), "2 requests with 1 latencies"),
        (Slice(3, "w", "GET /", "ok", 2, 0, {5: 2}, {5: 1}), "2 latencies with 1 service times"),
        (Slice(3, "w", "GET /", "ok", 2, 0, {5: 2}, starts=3), "2 requests of 3 iterations"),
        (Slice(3, "w", "GET /", "ok", 2, 0, {23_221: 2}), "the index 23221, of which the highest is 23220"),
        (Slice(3, "w", "GET /", "ok", 2, 0, {5: 2}, {23_221: 2}), "the index 23221, of which the highest is 23220"),
    ],
)
def test_one_that_is_wrong_among_others_is_told(wrong: Slice, said: str) -> None:
    good = Slice(3, "w", "GET /", "ok", 2, 0, {5: 1, 23_220: 1}, starts=2)
    lost = Slice(3, "w", "GET /", "unfinished", 2, 0, {})
    assert decode(encode(Slices((good, lost)))) == Slices((good, lost))
    with pytest.raises(ValueError, match=said):
        decode_packed(encode(Slices((good, wrong, lost))))
