"""The recording's file: what is written can be read, and a torn file is read as far as it goes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.answer_sizes import size_index
from harness.analysis.histogram import HIGHEST_US, bucket_index
from harness.recording import Line, ProbeSample, Slice, Slices
from harness.recording.file import FILE_NAME, RecordingError, parse, read
from harness.recording.header import FORMAT, CriterionSpec
from harness.recording.line import decode, encode
from harness.recording.marks import AlertMark, GateMark, HealthMark, NodeMark
from harness.recording.values import HIGHEST_SIZE_BUCKET
from tests import recordings

words = st.text(max_size=20)
numbers = st.floats(-6e5, 1.2e6, allow_nan=False, width=32)
counts = st.integers(0, 10**9)
sparse = st.dictionaries(st.integers(0, bucket_index(HIGHEST_US)), st.integers(1, 10**6), max_size=5)
instants = st.integers(-100, 10**5)


def slice_of(latency: dict[int, int], extra: int, at: int, name: str, outcome: str, size: int) -> Slice:
    count = sum(latency.values())
    service = {0: count} if count and extra else None
    sizes = {size_index(size): count} if extra else None
    return Slice(at, name, name, outcome, count, size, latency, service, min(extra, count), sizes=sizes)


lines = st.one_of(
    st.builds(slice_of, sparse, counts, instants, words, words, counts),
    st.builds(
        Slices, st.lists(st.builds(slice_of, sparse, counts, instants, words, words, counts), max_size=3).map(tuple)
    ),
    st.builds(ProbeSample, numbers, words, words, st.dictionaries(words, numbers, max_size=4), st.none() | words),
    st.builds(GateMark, numbers, words, words, counts, st.lists(counts, max_size=5).map(tuple), st.floats(0, 1)),
    st.builds(HealthMark, numbers, words, words, st.booleans(), words),
    st.builds(NodeMark, numbers, words, words, words),
    st.builds(AlertMark, numbers, words, words, words),
)


@given(lines)
def test_a_line_survives_the_file(line: Line) -> None:
    text = encode(line)
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1, "a name with a line break must not make a second line"
    assert decode(text) == line


def test_a_list_among_the_parameters_of_a_criterion_survives_the_file() -> None:
    spec = CriterionSpec("backup_steps", {"steps": ("take dump", "find damage"), "limit": 1.0})
    header = dataclasses.replace(recordings.healthy().header, criteria=(spec,))
    assert decode(encode(header)) == header


def test_a_recording_survives_the_file(tmp_path: Path) -> None:
    whole = recordings.healthy()
    recordings.write(whole, tmp_path)
    found = read(tmp_path)
    assert found.header == whole.header
    assert recordings.sums(found.slices) == recordings.sums(whole.slices)
    assert found.nodes == tuple(sorted({piece.node for piece in whole.slices}))
    assert (found.end, len(found.probes), len(found.marks), found.damage) == (
        whole.end,
        len(whole.probes),
        len(whole.marks),
        (),
    )


@given(st.data())
def test_a_file_cut_anywhere_after_its_header_is_read_up_to_there(data: st.DataObject) -> None:
    run = recordings.login_herd(baseline_s=2, recovery_s=2, herd_users=4)
    texts = recordings.texts([run.header, *run.slices])
    whole = "".join(texts)
    cut = data.draw(st.integers(len(texts[0]), len(whole)))
    found = parse(whole[:cut].splitlines(keepends=True), "cut")
    complete = whole[:cut].count("\n") - 1
    assert recordings.sums(found.slices) == recordings.sums(run.slices[:complete])
    assert bool(found.damage) == (not whole[:cut].endswith("\n"))


def test_slices_may_come_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    """As they do from many load processes. (Each of these lines has a number of its own.)"""
    from harness.analysis import phases

    run = recordings.healthy()
    spike = run.header.phases[1]
    found = parse(recordings.texts([run.header, *reversed(run.slices), run.slices[0]]), str(tmp_path))
    assert phases.of_phase(found, spike) == phases.of_phase(run, spike)
    assert not found.damage


def test_more_requests_than_a_packed_number_holds_are_added_up_all_the_same() -> None:
    run = recordings.healthy()
    many = Slice(3, "w", "GET /", "ok", 10**9, 0, {5: 10**9}, {4: 10**9})
    others = [dataclasses.replace(many, t=t, count=1, latency={5: 1}, service=None) for t in range(4, 30)]
    header = dataclasses.replace(run.header, format=2)
    lines = [header, *[many] * 5, *others, many, Slices((many, many)), dataclasses.replace(many, node="v")]
    (found,) = (piece for piece in parse(map(encode, lines), "file").slices if piece.t == 3)
    assert (found.count, dict(found.latency), dict(found.service or {}), found.node) == (
        9 * 10**9,
        {5: 9 * 10**9},
        {4: 9 * 10**9},
        "",
    )


def test_lengths_of_bodies_are_added_up_where_all_tell_them() -> None:
    run = recordings.healthy()
    short, long = (Slice(3, "w", "GET /", "ok", 2, of, {5: 2}, sizes={size_index(of): 2}) for of in (90, 9000))
    checked, untold = (dataclasses.replace(short, t=t, sizes=sizes) for t, sizes in ((4, {}), (5, None)))
    others = [dataclasses.replace(checked, sizes={1: 1}), dataclasses.replace(untold, sizes={1: 2})]
    found = parse(recordings.texts([run.header, Slices((short, long, checked, untold)), *others, short]), "file")
    by_second = {piece.t: piece.sizes for piece in found.slices if piece.name == "GET /"}
    assert by_second == {3: {size_index(90): 4, size_index(9000): 2}, 4: {1: 1}, 5: None}
    with pytest.raises(ValueError, match="a histogram with the index 408, of which the highest is 407"):
        decode(encode(Slices((dataclasses.replace(short, sizes={HIGHEST_SIZE_BUCKET + 1: 2}),))))
    assert size_index(2**53 - 1) == size_index(10**30) == HIGHEST_SIZE_BUCKET
    with pytest.raises(ValueError, match="2 requests with 3 sizes"):
        decode(encode(Slices((dataclasses.replace(short, sizes={7: 3}),))))


OLD_HEADER = encode(recordings.healthy().header).replace(f'"format":{FORMAT}', '"format":2')


def test_unknown_keys_are_ignored_and_unknown_kinds_are_damage() -> None:
    mark = encode(NodeMark(1, "local", "joined")).replace("}", ',"new":1}')
    found = parse([OLD_HEADER, mark, '{"kind":"weather"}\n', "[1]\n"], "file")
    assert found.marks == (NodeMark(1, "local", "joined"),)
    assert found.damage == ("lines 3 and 4 cannot be read and were left out (unknown kind of line 'weather')",)


def test_a_mark_of_a_kind_that_is_not_known_any_more_is_no_damage() -> None:
    """Recordings of before may have marks of the kind ``event``."""
    event = '{"kind":"mark","t":1,"what":"herd released","detail":"","mark":"event"}\n'
    found = parse([OLD_HEADER, event], "file")
    assert not found.marks and not found.damage


def test_a_name_that_is_no_text_can_be_read_back() -> None:
    found = decode(encode(NodeMark(1, "caf\udce9 😀", "joined")))
    assert found == NodeMark(1, "caf? 😀", "joined")


def test_two_recordings_in_one_file_are_not_added_up(tmp_path: Path) -> None:
    """A run that is well would thin out the errors of one that is not."""
    recordings.write(recordings.login_herd(spike_error_ratio=0.5), tmp_path)
    file = tmp_path / FILE_NAME
    sick = file.read_text()
    recordings.write(recordings.healthy(), tmp_path)
    found = parse((sick + file.read_text()).splitlines(keepends=True), "x")
    alone = parse(sick.splitlines(keepends=True), "x")
    assert found.slices == alone.slices and found.end == alone.end
    line = len(sick.splitlines()) + 1
    assert found.damage == (f"line {line} begins another recording, and was left out with all that follows",)


def test_what_is_no_recording_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Name a run directory"):
        read(tmp_path / "nowhere")
    (tmp_path / "other.jsonl").write_text("hello\n")
    with pytest.raises(RecordingError, match="no header line"):
        read(tmp_path / "other.jsonl")
    future = encode(recordings.healthy().header).replace(f'"format":{FORMAT}', '"format":99')
    with pytest.raises(RecordingError, match="format 99"):
        parse([future], "file")
