"""A recording whose lines are not all there, once, unaltered and of one run says so, and does not pass."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest

from harness.findings import Outcome
from harness.recording import End, Recording, Slice
from harness.recording.file import parse
from harness.recording.header import FORMAT, CriterionSpec
from harness.recording.line import encode
from harness.recording.seal import Sealer
from harness.recording.values import OK
from harness.verdict import judge
from harness.verdict_cause import RUN_COMPLETE
from tests import recordings

LIMIT = (CriterionSpec("error_ratio", {"limit": 0.05, "phase": "recovery"}),)


def failing() -> Recording:
    """8 % of the requests of the recovery fail."""
    run = recordings.login_herd(recovery_error_ratio=0.08, recovery_s=60)
    return dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=LIMIT))


def healthy() -> Recording:
    """Another run of the same plan."""
    run = recordings.login_herd(seed=2)
    header = dataclasses.replace(run.header, criteria=LIMIT, started_utc="2026-03-14T10:00:00Z")
    return dataclasses.replace(run, header=header)


def third() -> Recording:
    return dataclasses.replace(healthy(), header=dataclasses.replace(healthy().header, scenario="third"))


def lines_of(run: Recording) -> list[str]:
    """In the order of the time, as a run writes them."""
    timed = sorted([*run.slices, *run.probes, *run.marks], key=lambda line: line.t)
    assert run.end is not None
    return recordings.texts([run.header, *timed, run.end])


def judged(lines: list[str]) -> tuple[Outcome, str, Outcome]:
    """The verdict, the reason of run_complete, and the outcome of the criterion."""
    found = judge(parse(lines, "file"))
    guard = next(finding for finding in found.findings if finding.criterion == RUN_COMPLETE)
    assert guard.outcome is not Outcome.FAIL
    return found.outcome, guard.reason, found.findings[0].outcome


def good_line(lines: list[str]) -> int:
    """Index of a slice of good requests in the recovery."""
    return next(i for i, text in enumerate(lines) if '"kind":"slice","t":50' in text and f'"outcome":"{OK}"' in text)


def test_what_was_written_is_whole() -> None:
    run = failing()
    lines = lines_of(run)
    found = parse(lines, "file")
    assert not found.damage
    assert (found.header, found.end) == (run.header, run.end)
    assert recordings.sums(found.slices) == recordings.sums(run.slices)
    assert judged(lines)[0] is Outcome.FAIL
    assert judged(lines_of(healthy()))[0] is Outcome.PASS


def repeated(lines: list[str]) -> list[str]:
    at = good_line(lines)
    return [*lines[:at], *[lines[at]] * 40, *lines[at:]]


def missing(lines: list[str]) -> list[str]:
    at = good_line(lines)
    return lines[:at] + lines[at + 3 :]


def reordered(lines: list[str]) -> list[str]:
    body = lines[1:-1]
    random.Random(1).shuffle(body)
    return [lines[0], *body, lines[-1]]


def foreign(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines_of(third())[300], lines[-1]]


def followed(lines: list[str]) -> list[str]:
    return [*lines, *lines_of(third())]


def spliced(lines: list[str]) -> list[str]:
    """The beginning of one run and the end of another one with the same plan."""
    return [*lines[: len(lines) // 2], *lines_of(third())[len(lines) // 2 :]]


def altered(lines: list[str]) -> list[str]:
    at = good_line(lines)
    return [*lines[:at], lines[at].replace(f'"outcome":"{OK}"', '"outcome":"http 500"'), *lines[at + 1 :]]


def another_limit(lines: list[str]) -> list[str]:
    return [lines[0].replace('"limit":0.05', '"limit":0.95'), *lines[1:]]


def unsealed(lines: list[str]) -> list[str]:
    extra = encode(Slice(50, "worker-1", recordings.CANARY, OK, 500, 0, {9_000: 500}))
    return [*lines[:-1], extra, lines[-1]]


def without_any_seal(lines: list[str]) -> list[str]:
    return [text.partition(',"seal":')[0] + "}\n" for text in lines]


def continued(lines: list[str]) -> list[str]:
    """The run goes on after its end."""
    return [*lines[:-2], lines[-1], lines[-2]]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (repeated, "there twice and were left out"),
        (missing, "of those that were written are missing"),
        (reordered, "not in the order of writing"),
        (foreign, "of another run and was left out"),
        (followed, "begins another recording, and was left out with all that follows"),
        (spliced, "of another run"),
        (altered, "altered after it was written and was left out"),
        (another_limit, "line 1 is altered after it was written"),
        (unsealed, "without a seal and was left out"),
        (without_any_seal, "without a seal"),
        (continued, "after the end of the run"),
    ],
)
@pytest.mark.parametrize("run", [failing, healthy])
def test_damage_is_named_and_no_pass(
    damage: Callable[[list[str]], list[str]], said: str, run: Callable[[], Recording]
) -> None:
    outcome, reason, _ = judged(damage(lines_of(run())))
    assert outcome is not Outcome.PASS
    assert said in reason


def test_only_what_was_left_out_or_is_missing_changes_what_is_judged() -> None:
    """Two runs in one file are not added up, nor is a slice that is there forty times, nor a reordered one less."""
    whole = judged(lines_of(failing()))
    for damage in (repeated, reordered, followed, foreign, continued, unsealed):
        assert judged(damage(lines_of(failing())))[2] is whole[2] is Outcome.FAIL, damage


def test_two_runs_with_the_same_header_are_told_apart_by_the_checksum_of_the_file() -> None:
    """Line by line such a file is flawless, when the other one has a line of the same number for each that it lost."""
    first, second = failing(), recordings.login_herd(recovery_error_ratio=0.08, recovery_s=60, seed=2)
    second = dataclasses.replace(second, header=first.header)
    lines, others = lines_of(first), lines_of(second)
    assert len(lines) != len(others) or lines[200] != others[200]
    mixed = [*lines[:200], others[200], *lines[201:]]
    assert "the end of another file" in judged(mixed)[1]


def test_many_damaged_lines_are_counted_and_not_listed() -> None:
    lines = lines_of(healthy())
    found = parse([lines[0], *["nonsense\n"] * 2000], "file")
    assert found.damage == ("lines 2, 3, 4, 5, 6 and 1,995 more are without a seal and were left out",)


def test_a_number_far_off_costs_nothing() -> None:
    """A gap is not filled number by number."""
    sealer = Sealer()
    lines = list(sealer.sealed([encode(healthy().header)]))
    sealer._number = 10**14
    far = list(sealer.sealed([encode(Slice(50, "w", "GET /", OK, 1, 0, {9: 1}))]))
    assert "are missing" in "".join(parse([*lines, *far], "file").damage)


def old(lines: list[str]) -> list[str]:
    """As format 2 had it."""
    return [text.replace(f'"format":{FORMAT}', '"format":2', 1) for text in without_any_seal(lines)]


def test_without_seals_a_slice_too_many_is_seen_by_the_count() -> None:
    outcome, reason, _ = judged(repeated(old(lines_of(healthy()))))
    assert outcome is Outcome.INCONCLUSIVE
    assert "were recorded: some of them twice, or of another run" in reason


def test_without_seals_two_runs_in_one_file_are_not_added_up() -> None:
    other = dataclasses.replace(healthy().header, scenario="other")
    second = old(lines_of(dataclasses.replace(healthy(), header=other)))
    outcome, reason, of_criterion = judged(old(lines_of(failing())) + second)
    assert outcome is of_criterion is Outcome.FAIL
    assert "begins another recording, and was left out with all that follows" in reason


def test_an_old_whole_recording_is_judged_as_before() -> None:
    assert judged(old(lines_of(failing())))[0] is Outcome.FAIL
    assert judged(old(lines_of(healthy())))[0] is Outcome.PASS


def test_a_load_process_that_was_lost_has_never_said_how_many() -> None:
    run = recordings.lost_worker()
    assert run.end is not None
    fewer = dataclasses.replace(run, end=End(run.end.t, "completed", True, run.end.requests - 50, 0))
    guard = next(each for each in judge(fewer).findings if each.criterion == RUN_COMPLETE)
    assert guard.outcome is Outcome.PASS
