"""Whatever is in the file: no traceback, no hang, no PASS that damage has made, and one clear line for each problem."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, get_args

import pytest

from harness import criteria
from harness.findings import Outcome
from harness.recording import Line, Operation
from harness.recording.file import RecordingError, parse
from harness.recording.header import FORMAT, Header, Phase, PlannedClass, PlannedGate
from harness.recording.line import decode
from harness.verdict import judge
from tests import recordings
from tests.damaged_recordings.bases import bases
from tests.damaged_recordings.trial import try_many
from tests.damaged_recordings.ways import sealed_anew

SAMPLE = 200


def test_a_sample_of_damaged_recordings() -> None:
    """``python -m tests.damaged_recordings`` makes as many as one likes."""
    seen = try_many(SAMPLE, seed=1, page_every=0, kept=False)
    assert not seen.crashed, seen.crashed[0]
    assert not seen.hung
    assert not seen.passed_falsely
    assert seen.number == SAMPLE and seen.ended.keys() >= {"refused", "FAIL", "INCONCLUSIVE"}


def test_undamaged_ones_end_in_every_way() -> None:
    assert {base.outcome for base in bases(kept=False)} == set(Outcome)


def test_undamaged_ones_have_every_kind_of_line_every_field_and_every_criterion() -> None:
    """A new one that is in none of them would never be damaged."""
    said: set[tuple[type, str]] = set()
    judged_by: set[str] = set()

    def note(value: object) -> None:
        if dataclasses.is_dataclass(value):
            for each in dataclasses.fields(value):
                of_value = getattr(value, each.name)
                default = each.default_factory() if callable(each.default_factory) else each.default
                if of_value != default or each.name == "mark":
                    said.add((type(value), each.name))
                note(of_value)
        elif isinstance(value, tuple):
            for inner in value:
                note(inner)

    for base in bases(kept=False):
        for line in base.lines:
            body = decode(line)
            note(body)
            if isinstance(body, Header):
                judged_by |= {spec.criterion for spec in body.criteria}
    parts = (Operation, Phase, PlannedGate, PlannedClass)
    lines = {cls for kind in (*get_args(Line), *parts) for cls in get_args(kind) or (kind,)}
    assert {(cls, each.name) for cls in lines for each in dataclasses.fields(cls)} <= said
    assert judged_by == set(criteria.available())


def test_seals_that_are_made_anew_show_no_damage() -> None:
    """So what stands in a line of the present format is read, and not only that it is another one."""
    (base,) = (base for base in bases(kept=False) if base.name == "small, failing, packed (sealed)")
    altered = [line.replace(b'"rss_bytes":9', b'"rss_bytes":8') for line in base.lines]
    assert parse(altered, "file").damage
    anew = parse(sealed_anew(altered), "file")
    assert anew.damage == () and anew.probes != parse(base.lines, "file").probes


RUN = recordings.login_herd(baseline_s=5, recovery_s=5, herd_users=10)


def old_lines() -> list[str]:
    """Without seals, so that nothing but the content can be wrong."""
    lines = [text.partition(',"seal":')[0] + "}\n" for text in recordings.texts([RUN.header, *RUN.slices, *RUN.marks])]
    assert RUN.end is not None
    return [lines[0].replace(f'"format":{FORMAT}', '"format":2'), *lines[1:]]


def with_value(lines: list[str], at: int, raw: str, *path: Any) -> list[str]:
    """``raw`` instead of the value at ``path`` of line ``at``."""
    body = json.loads(lines[at])
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = "here"
    return [*lines[:at], json.dumps(body).replace('"here"', raw) + "\n", *lines[at + 1 :]]


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        ("Infinity", ("count",), "malformed"),
        ("null", ("count",), "Expected int, got null - at $.count"),
        ('"5"', ("count",), "Expected int, got str - at $.count"),
        ("true", ("count",), "Expected int, got bool"),
        (str(2**63), ("count",), "Expected int <= 1000000000"),
        ("-1", ("count",), "Expected int >= 0"),
        ("1000", ("count",), "1000 requests with"),
        ("1e10", ("t",), "Expected int"),
        ("7", ("node",), "Expected str"),
        ('{"-1":3}', ("latency",), "Expected int >= 0 - at key"),
        ('{"23221":3}', ("latency",), "Expected int <= 23220 - at key"),
        ('{"408":3}', ("sizes",), "Expected int <= 407 - at key"),
        ("[" * 3000 + "]" * 3000, ("bytes",), "nested too deeply"),
        ("[" * 3000 + "]" * 3000, ("new",), "nested too deeply"),
    ],
)
def test_a_slice_with_a_wrong_figure_is_left_out_and_says_why(raw: str, path: tuple[Any, ...], said: str) -> None:
    found = parse(with_value(old_lines(), 3, raw, *path), "file")
    (damage,) = found.damage
    assert damage.startswith("line 4 cannot be read and was left out (") and said in damage
    assert recordings.sums(found.slices) == recordings.sums([*RUN.slices[:2], *RUN.slices[3:]])
    assert judge(found).outcome is not Outcome.PASS


def test_a_slice_of_another_age_is_left_out() -> None:
    found = parse(with_value(old_lines(), 3, "900000", "t"), "file")
    assert found.damage == ("line 4 is of a time at which there was no run and was left out",)


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (str(10**10), ("phases", 2, "end_s"), "Expected int <= 604800 - at $.phases[2].end_s"),
        ("-5", ("phases", 0, "start_s"), "at $.phases[0].start_s"),
        ("3", ("phases", 2, "end_s"), "phase 'recovery' is from 6 to 3 s"),
        ("null", ("phases",), "got null - at $.phases"),
        ('"many"', ("nodes",), "at $.nodes"),
        ("[[0]]", ("level",), "at $.level"),
        ("1" + "0" * 400, ("parameters", "herd_users"), "herd_users is a number of 401 digits"),
        ("-1" + "0" * 400, ("criteria", 0, "parameters", "limit"), "limit is a number of 401 digits"),
        ("1" + "0" * 400, ("alerts", "p95_s"), "p95_s is a number of 401 digits"),
    ],
)
def test_a_header_that_plans_nonsense_is_refused(raw: str, path: tuple[Any, ...], said: str) -> None:
    with pytest.raises(RecordingError, match="the header, line 1, cannot be read") as refused:
        parse(with_value(old_lines(), 0, raw, *path), "file")
    assert said in str(refused.value)


@pytest.mark.parametrize("raw", ["5", "null", '"x"', "1e400"])
def test_an_alert_limit_of_another_type_is_no_traceback(raw: str) -> None:
    import reports

    lines = with_value(old_lines(), 0, f'{{"pool_names":{raw}}}', "alerts")
    try:
        found = parse(lines, "file")
    except RecordingError:
        return
    for form in reports.formats(["markdown", "junit"]).values():
        assert form.render(found, judge(found))


def order(lines: list[str]) -> list[str]:
    return [lines[5], *lines]


def twice(lines: list[str]) -> list[str]:
    return [*lines, lines[0]]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (order, "line 1 is before the header and was left out"),
        (twice, "begins another recording, and was left out with all that follows"),
    ],
)
def test_a_header_comes_first_and_once(damage: Callable[[list[str]], list[str]], said: str) -> None:
    assert said in "".join(parse(damage(old_lines()), "file").damage)
