"""The recording's file: what is written can be read, and a torn file is read as far as it goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.recording import FORMAT, AlertMark, GateMark, HealthMark, Line, NodeMark, ProbeSample, Slice
from harness.recording_file import FILE_NAME, RecordingError, decode, encode, parse, read
from tests import recordings

words = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
counts = st.integers(0, 10**9)
sparse = st.dictionaries(st.integers(0, 30_000), st.integers(1, 10**6), max_size=5)
lines = st.one_of(
    st.builds(Slice, st.integers(-100, 10**5), words, words, words, counts, counts, sparse, st.none() | sparse),
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


def test_a_recording_survives_the_file(tmp_path: Path) -> None:
    whole = recordings.healthy()
    recordings.write(whole, tmp_path)
    found = read(tmp_path)
    assert found.header == whole.header
    assert sorted(map(repr, found.slices)) == sorted(map(repr, whole.slices))
    assert (found.end, len(found.probes), len(found.marks), found.damage) == (
        whole.end,
        len(whole.probes),
        len(whole.marks),
        (),
    )


@given(st.data())
def test_a_file_cut_anywhere_after_its_header_is_read_up_to_there(data: st.DataObject) -> None:
    run = recordings.login_herd(baseline_s=2, recovery_s=2, herd_users=4)
    texts = [encode(run.header), *(encode(piece) for piece in run.slices)]
    whole = "".join(texts)
    cut = data.draw(st.integers(len(texts[0]), len(whole)))
    found = parse(whole[:cut].splitlines(keepends=True), "cut")
    complete = whole[:cut].count("\n") - 1
    assert found.slices == run.slices[:complete]
    assert bool(found.damage) == (not whole[:cut].endswith("\n"))


def test_slices_may_come_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    from harness.analysis import phases

    run = recordings.healthy()
    spike = run.header.phases[1]
    text = "".join(encode(line) for line in [run.header, *reversed(run.slices), run.slices[0]])
    found = parse(text.splitlines(keepends=True), str(tmp_path))
    assert phases.of_phase(found, spike) == phases.of_phase(run, spike)


def test_unknown_keys_are_ignored_and_unknown_kinds_are_damage() -> None:
    header = encode(recordings.healthy().header)
    mark = encode(NodeMark(1, "local", "joined")).replace("}", ',"new":1}')
    found = parse([header, mark, '{"kind":"weather"}\n', "[1]\n"], "file")
    assert found.marks == (NodeMark(1, "local", "joined"),)
    assert found.damage == (
        "line 3 cannot be read and was left out",
        "line 4 cannot be read and was left out",
    )


def test_a_mark_of_a_kind_that_is_not_known_any_more_is_no_damage() -> None:
    """Recordings of before may have marks of the kind ``event``."""
    event = '{"kind":"mark","t":1,"what":"herd released","detail":"","mark":"event"}\n'
    found = parse([encode(recordings.healthy().header), event], "file")
    assert not found.marks and not found.damage


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
