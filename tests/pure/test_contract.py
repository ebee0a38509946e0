"""What every criterion owes, whichever there are: found by listing, so that a new one is held to it as well."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import criteria
from harness.commands.plugins import listing
from harness.criteria._criterion import Criterion, Guard
from harness.findings import ALL, BASELINE, CLIENTS, RUN, TARGET, Basis, Finding, Outcome
from harness.plugins import parameters_of
from harness.recording import CriterionSpec, Recording
from harness.verdict import judge
from tests import recordings
from tests.pure.test_kept_recordings import VERDICTS, kept

ROOT = Path(__file__).parents[2]
NAMES = criteria.available()
ABOUT_THE_TARGET = [name for name in NAMES if not criteria.is_guard(name)]


def class_of(name: str) -> type[Criterion]:
    found: type[Criterion] = type(criteria.load(CriterionSpec(name)))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_and_from_what_its_figure_is_measured(name: str) -> None:
    """A summary, evidence of its own choice, and a help text without a full stop for every parameter."""
    cls = class_of(name)
    assert criteria.summary(name).endswith((".", ":")) or criteria.summary(name), name
    assert issubclass(cls, Guard) == criteria.is_guard(name)
    declared = [base for base in cls.__mro__ if "evidence" in vars(base) and base is not Criterion]
    assert declared, f"{name} does not say whether its figure comes from clients, the target or the run"
    assert criteria.evidence_of(name) in ALL
    for parameter in parameters_of(cls):
        assert parameter.help and not parameter.help.endswith("."), parameter.name
        assert parameter.problem(parameter.default) is None, parameter.name


def test_a_criterion_is_called_by_its_name_in_the_run_or_else_by_its_file() -> None:
    assert criteria.name_of(CriterionSpec("error_ratio", {"limit": 0.1})) == "error_ratio"
    assert criteria.name_of(CriterionSpec("error_ratio", {"name": "mine"})) == "mine"


@pytest.mark.parametrize(
    ("name", "title", "evidence", "rests_on", "guards", "follows"),
    [
        ("error_ratio", "", CLIENTS, (CLIENTS,), (), ()),
        ("memory_growth", "memory growth of the target", TARGET, (TARGET, BASELINE), (), ()),
        ("breaker_closes", "circuit breaker closes", CLIENTS, (CLIENTS, BASELINE), (), ("breaker_opens",)),
        ("baseline_healthy", "failures in the baseline", RUN, (RUN, BASELINE), (BASELINE,), ()),
        # What nobody knows counts as measured by the clients, in comparison with the baseline: any guard voids it.
        ("luck", "", CLIENTS, (CLIENTS, BASELINE), (), ()),
    ],
)
def test_what_a_guard_takes_away_from_under_a_criterion_is_known(
    name: str, title: str, evidence: str, rests_on: tuple[str, ...], guards: tuple[str, ...], follows: tuple[str, ...]
) -> None:
    assert criteria.title_of(name) == title
    assert (criteria.evidence_of(name), criteria.rests_on(name)) == (evidence, rests_on)
    assert (criteria.guarded_by(name), criteria.follows(name)) == (guards, follows)
    assert (criteria.is_guard(name), criteria.is_about_generator(name)) == (name == "baseline_healthy", False)


@pytest.mark.parametrize(
    ("name", "figure", "limit", "is_about_target"),
    [
        ("baseline_healthy", 0.06, 0.05, True),
        ("baseline_healthy", 0.05, 0.05, False),  # slow, or stalled: that may be the machine
        ("baseline_healthy", None, 0.05, False),
        ("baseline_healthy", 0.06, None, False),
        ("target_healthy", None, None, True),
        ("generator_health", 2.0, 0.2, False),
        ("error_ratio", 0.06, 0.05, False),
        ("luck", 0.06, 0.05, False),
    ],
)
def test_only_a_guard_that_objects_to_what_the_target_did_is_about_it(
    name: str, figure: float | None, limit: float | None, is_about_target: bool
) -> None:
    found = Finding(name, "", Outcome.INCONCLUSIVE, "because", figure, limit=limit, kind=name)
    assert criteria.is_about_target(found) is is_about_target


@pytest.mark.parametrize("name", NAMES)
def test_its_figure_has_the_unit_of_its_limit(name: str) -> None:
    cls = class_of(name)
    assert re.fullmatch("[a-z]*|1?/s", cls.unit), "in a word that reports print as it is"
    limit = next((each.name for each in parameters_of(cls) if "limit" in each.name), "")
    for ending, unit in (("_per_s", "1/s"), ("_s", "s"), ("_bytes", "bytes"), ("_ratio", "ratio")):
        if limit.endswith(ending):
            assert cls.unit == unit
            break


WITH_A_REMEDY = [name for name in NAMES if any(each.name == "remedy" for each in parameters_of(class_of(name)))]
MISS_SOMETHING_ELSE_FIRST = {"connections_agree", "leaked_connections", "metastability", "scaling_errors"}
"""A gauge that is to be named, a phase, requests."""


@pytest.mark.parametrize("name", WITH_A_REMEDY)
def test_what_is_not_there_is_said_before_what_the_scenario_says_of_it(name: str) -> None:
    bare = Recording(dataclasses.replace(recordings.healthy().header, level_unit="starts/s"))
    found = criteria.load(CriterionSpec(name, {"remedy": "do that"})).judge(bare)
    assert found.outcome is Outcome.INCONCLUSIVE
    if name not in MISS_SOMETHING_ELSE_FIRST:
        assert found.reason.endswith(": do that") and len(found.reason.split()) > 5, found.reason


@pytest.mark.parametrize("name", NAMES)
def test_it_declares_the_phase_with_which_it_only_compares(name: str) -> None:
    """Else a run that was cut off after that phase has passed: ``phase`` alone names what is judged."""
    cls = class_of(name)
    about_it = {each.name for each in parameters_of(cls) if each.default == BASELINE and each.name != "phase"}
    assert about_it <= set(cls.compared_with), name
    if cls.compared_with != Criterion.compared_with:
        assert set(cls.compared_with) <= about_it, name


def test_it_has_a_row_in_the_docs() -> None:
    """`springback plugins criteria` is the page that lists them: each with what it says of itself."""
    page = listing("criteria")
    for name in NAMES:
        row = page.partition(f"{name}\n")[2].partition("\n\n")[0]
        assert len(row.splitlines()) > len(parameters_of(class_of(name))), name


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_as_it_is_asked_to_be(name: str) -> None:
    (found,) = (
        f for f in judge(recordings.healthy(), [CriterionSpec(name, {"name": "mine"})]).findings if f.kind == name
    )
    assert found.criterion == "mine"
    assert found.title


def empty(run: Recording) -> Recording:
    return Recording(run.header)


NOTHING_TO_GUARD = frozenset(
    name for name in NAMES if getattr(criteria.load(CriterionSpec(name)), "may_guard_nothing", False)
)
"""Guards that pass where there is nothing to guard: no fault, gate or arrival was planned, no exception raised, nothing
sent before the first phase or after the last, no connection blocked. They say so themselves.
"""
ALWAYS_GUARD = frozenset(
    {"baseline_healthy", "generator_health", "machine_pressure", "run_complete", "spike_delivered", "target_healthy"}
)
"""Those of ours that no run is without something to guard for."""


def test_guards_of_what_every_run_has_never_pass_by_nothing() -> None:
    assert set(NAMES) >= ALWAYS_GUARD and not NOTHING_TO_GUARD & ALWAYS_GUARD


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("of", ["synthetic", *VERDICTS])
def test_nothing_measured_is_never_a_pass_and_never_a_crash(name: str, of: str) -> None:
    """And an INCONCLUSIVE says more than that it is one: what was missed, or what would settle it."""
    run = empty(recordings.healthy() if of == "synthetic" else kept(of))
    specs = [spec for spec in run.header.criteria if spec.criterion == name] or [CriterionSpec(name)]
    for found in judge(run, specs).findings:
        if found.kind == name and name not in NOTHING_TO_GUARD:
            assert found.outcome is not Outcome.PASS, found
        assert "crashed" not in found.reason
        assert len(found.reason.split()) >= 4, found.reason


@pytest.mark.parametrize("of", VERDICTS)
@settings(max_examples=6)
@given(data=st.data())
def test_a_torn_recording_is_judged_without_a_crash_and_never_better(of: str, data: st.DataObject) -> None:
    """Cut off at any second: no criterion crashes, and the run is not complete."""
    whole = kept(of)
    at_s = data.draw(st.floats(-5, whole.header.phases[-1].end_s))
    found = judge(recordings.cut_off(whole, at_s))
    assert not [f for f in found.findings if "crashed" in f.reason]
    assert found.outcome is not Outcome.PASS


@pytest.mark.parametrize("of", VERDICTS)
def test_every_verdict_rests_on_an_interval(of: str) -> None:
    """PASS: the whole interval is within the limit; FAIL: the whole of it is outside. What is exact has one, too: that
    of a census is the figure, unless requests had no answer when the run was cut off.
    """
    for found in judge(kept(of)).findings:
        if found.is_guard or found.figure is None or found.limit is None:
            continue
        assert found.interval is not None, found.criterion
        low, high = found.interval
        assert low <= found.figure <= high, found
        assert (found.basis is Basis.ESTIMATE) == (found.confidence is not None), found
        if found.basis is Basis.CENSUS:
            assert low == high, found
        if found.outcome is Outcome.PASS:
            assert high <= found.limit or low >= found.limit, found  # or: of a smallest value that is wanted
        if found.outcome is Outcome.FAIL:
            assert low > found.limit or high < found.limit, found


@pytest.mark.parametrize("guard", [name for name in NAMES if criteria.guarded_by(name)])
def test_a_guard_that_crashes_voids_what_it_guards(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(class_of(guard), "judge", crash)
    found = judge(recordings.healthy(), [*recordings.CRITERIA, CriterionSpec(guard, {"name": "sick"})])
    void = {f.kind for f in found.findings if f.voided_by}
    guards = set(criteria.guarded_by(guard))
    guarded = {name for name in ABOUT_THE_TARGET if guards.intersection(criteria.rests_on(name))}
    assert void == guarded & {spec.criterion for spec in recordings.CRITERIA}
    assert found.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", ABOUT_THE_TARGET)
def test_what_clients_measure_is_void_when_the_generator_was_sick(name: str) -> None:
    """Whatever the criterion is called, and whoever wrote it."""
    sick = dataclasses.replace(recordings.saturated())
    (found,) = (f for f in judge(sick, [*recordings.CRITERIA[:4], CriterionSpec(name)]).findings if f.kind == name)
    assert (found.voided_by == "generator_health") == (criteria.evidence_of(name) == "clients")


def test_the_judging_side_knows_no_flag_of_a_locustfile_and_no_metric_of_a_target() -> None:
    """A scenario gives them: its criteria's parameters name metrics, and remedies name options."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "harness").rglob("*.py") if _judges(path)}
    known = re.compile(r"--[a-z]+-[a-z-]+|\btarget_[a-z]+_[a-z_]+|\bupstream_[a-z_]+")
    general = {"--springback-", "--allow-host"}
    found = {str(path.relative_to(ROOT)): set(known.findall(text)) - general for path, text in texts.items()}
    assert {path: words for path, words in found.items() if words} == {}


def _judges(path: Path) -> bool:
    rooms, files = {"criteria", "analysis"}, ("verdict.py", "verdict_cause.py", "findings.py")
    return bool(rooms & set(path.relative_to(ROOT / "harness").parts)) or path.name in files


def test_every_class_of_a_criterion_is_the_only_one_in_its_file() -> None:
    for name in NAMES:
        module = importlib.import_module(class_of(name).__module__)
        assert module.__name__.endswith(f".{name}")
