"""Requests by class of users, and findings by part of the run: recorded, picked, judged, reported, shown live."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from harness import criteria
from harness.analysis import phases
from harness.criteria._filters import unmatched
from harness.criteria._outcome import phases_under_load
from harness.findings import Finding, Outcome
from harness.live.criteria_so_far import criteria_so_far
from harness.live.phase_tally import PhaseTally
from harness.live.state import LiveState
from harness.recording import Recording, Slice, Slices
from harness.recording.header import CriterionSpec, Phase, PlannedClass
from harness.recording.line import decode, encode
from harness.recording.marks import ARRIVALS, StartsMark
from harness.recording.slices import SliceSums
from harness.recording.values import ITERATION, OK, UNFINISHED, UNSENT
from harness.verdict import judge
from reports import _phase_table, markdown, terminal, verdict_json
from tests.recordings import CANARY, LOGIN, healthy

LEVELS = {"Login": ((0, 1), (91, 1)), "Visitor": ((0, 10), (91, 10))}


def by_class(run: Recording, levels: bool = False) -> Recording:
    classes = tuple(PlannedClass(name, 100, level if levels else ()) for name, level in LEVELS.items())
    pieces = tuple(
        dataclasses.replace(piece, user_class={LOGIN: "Login", CANARY: "Visitor"}.get(piece.name, ""))
        for piece in run.slices
    )
    unit = "starts/s" if levels else run.header.level_unit
    header = dataclasses.replace(run.header, classes=classes, level_unit=unit)
    return dataclasses.replace(run, header=header, slices=pieces)


def counted(run: Recording, pattern: str) -> int:
    return sum(piece.count for piece in phases.only(run, pattern).slices)


def test_a_slice_keeps_its_class_alone_and_among_others() -> None:
    piece = Slice(3, "w", "GET /", OK, 1, 10, {7: 1}, user_class="Buyer")
    assert decode(encode(piece)) == piece
    plain = dataclasses.replace(piece, user_class="", node="")
    kept = decode(encode(Slices((piece, plain))))
    assert isinstance(kept, Slices)
    assert [each.user_class for each in kept.slices] == ["Buyer", ""]


def test_slices_of_two_classes_are_not_added_to_each_other() -> None:
    sums = SliceSums(healthy().header)
    for name in ("Buyer", "Reader", "Buyer"):
        sums.add(Slice(3, "w", "GET /", OK, 1, 10, {7: 1}, user_class=name))
    assert {each.user_class: each.count for each in sums.take()} == {"Buyer": 2, "Reader": 1}


def test_a_pattern_may_name_a_class_and_a_name_of_its_requests() -> None:
    run = by_class(healthy())
    logins = counted(run, LOGIN)
    assert counted(run, "@Login") == counted(run, f"@Login {LOGIN}") == counted(run, "@Login POST *") == logins == 500
    assert counted(run, "@Login GET *") == counted(run, "@Nobody") == 0
    assert counted(run, "@Login") + counted(run, "@Visitor") == counted(run, "")


def test_where_a_run_has_one_class_all_is_of_it() -> None:
    run = healthy()
    one = dataclasses.replace(run, header=dataclasses.replace(run.header, classes=(PlannedClass("Only"),)))
    assert counted(one, "@Only") == counted(one, "") > counted(one, "@Other") == 0


def test_what_has_no_answer_and_no_class_may_have_been_of_any() -> None:
    """As in a recording that was cut off, whose last lines do not tell."""
    run = by_class(healthy())
    lost = Slice(30, "w", ITERATION, UNFINISHED, 40, 0, {})
    own = dataclasses.replace(lost, count=3, user_class="Login")
    other = dataclasses.replace(lost, count=5, user_class="Visitor")
    seen = phases.judged(dataclasses.replace(run, slices=(*run.slices, lost, own, other)), "@Login")
    found = phases.of_phase(seen, seen.header.phases[1])
    assert (found.intended, found.failed, found.unknown) == (543, 3, 40)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ("@Logins", "no class of users is called 'Logins': there are Login, Visitor"),
        ("@Login DELETE *", "no request of Login is called 'DELETE *'"),
        ("@Login", ""),
    ],
)
def test_a_class_that_has_done_nothing_proves_nothing(requests: str, words: str) -> None:
    criterion = criteria.load(CriterionSpec("error_ratio", {"requests": requests}))
    assert unmatched(criterion, by_class(healthy())) == words


def delivered(run: Recording) -> Finding:
    return criteria.load(CriterionSpec("spike_delivered")).judge(run)


def started(run: Recording, share: float) -> Recording:
    """Visitors began this share of what was planned for them in the recovery, and all of it elsewhere."""
    (*_, recovery) = run.header.phases
    marks = tuple(
        StartsMark(
            t,
            "w",
            {"Login": 1, "Visitor": round(10 * (share if t >= recovery.start_s else 1))},
            stream=ARRIVALS,
            due={"Login": 1, "Visitor": 10},
        )
        for t in range(91)
    )
    return dataclasses.replace(run, marks=(*run.marks, *marks))


def test_a_class_that_fell_short_of_its_level_in_any_phase_was_not_delivered() -> None:
    run = by_class(healthy(), levels=True)
    assert delivered(started(run, 1.0)).outcome is Outcome.PASS
    short = delivered(started(run, 0.5))
    assert short.outcome is Outcome.INCONCLUSIVE
    assert "Visitor in the recovery: 300 of 600 planned" in short.reason


def marked(run: Recording, begun: Mapping[str, int], due: Mapping[str, int], level: float, even: bool) -> Finding:
    """Of a spike of one second (10 s to 11 s) with this level of Login, all of whose many later starts were sent, as
    were those of Visitor.
    """
    phases = (Phase("baseline", 0, 10), Phase("spike", 10, 11), Phase("recovery", 11, 91))
    steps = ((0, 0), (10, 0), (10, level), (11, level), (11, 200), (91, 200))
    classes = (PlannedClass("Login", 9, steps), PlannedClass("Visitor", 9, LEVELS["Visitor"]))
    total = tuple((t, each + 10) for t, each in steps)
    others = {"classes": classes, "phases": phases, "level": total, "gates": (), "even_arrivals": even}
    header = dataclasses.replace(run.header, level_unit="starts/s", **others)  # type: ignore[arg-type]
    others_due = [{"Visitor": 10, "Login": 200 if t > 10 else 0} for t in range(91)]
    marks = [StartsMark(t, "w", each, stream=ARRIVALS, due=each) for t, each in enumerate(others_due)]
    mark = StartsMark(10, "w", begun, stream=ARRIVALS, due=due)
    pieces = [
        Slice(t, "w", "GET /", OK, count, 0, {}, user_class=name)
        for t, each in enumerate(others_due)
        for name, count in each.items()
    ]
    made = (*pieces, *run.slices)
    return delivered(dataclasses.replace(run, header=header, marks=(*marks, mark), slices=made))


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(
    ("due", "begun", "outcome"),
    [
        (9, 9, Outcome.PASS),
        (9, 0, Outcome.INCONCLUSIVE),
        (9, 7, Outcome.INCONCLUSIVE),
        (1000, 910, Outcome.INCONCLUSIVE),
    ],
)
def test_what_was_due_of_a_class_and_did_not_begin_is_no_chance(
    due: int, begun: int, outcome: Outcome, even: bool
) -> None:
    run = dataclasses.replace(healthy(), slices=(Slice(10, "w", "GET /", OK, begun, 0, {}, user_class="Login"),))
    found = marked(run, {"Login": begun}, {"Login": due}, due, even)
    assert found.outcome is outcome
    assert outcome is Outcome.PASS or f"Login in the spike: {begun} of {due:,} planned" in found.reason


@pytest.mark.parametrize(("even", "outcome"), [(True, Outcome.INCONCLUSIVE), (False, Outcome.PASS)])
def test_only_random_arrivals_of_a_class_may_fall_short_of_their_plan(even: bool, outcome: Outcome) -> None:
    run = dataclasses.replace(healthy(), slices=(Slice(10, "w", "GET /", OK, 920, 0, {}, user_class="Login"),))
    assert marked(run, {"Login": 920}, {"Login": 920}, 1000, even).outcome is outcome


def test_users_of_a_class_that_sent_nothing_in_a_short_spike_are_not_lost_in_a_long_run() -> None:
    kept, lost = (
        Slice(10, "w", "GET /", outcome, count, 0, {}, user_class="Login") for outcome, count in ((OK, 18), (UNSENT, 2))
    )
    found = marked(dataclasses.replace(healthy(), slices=(kept, lost)), {"Login": 20}, {"Login": 20}, 20, True)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "Login in the spike: 18 of 20 planned" in found.reason


def test_where_no_phase_is_called_the_spike_all_after_the_baseline_are_judged() -> None:
    run = by_class(healthy(), levels=True)
    renamed = tuple(dataclasses.replace(p, name="herd" if p.name == "spike" else p.name) for p in run.header.phases)
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, phases=renamed))
    assert [phase.name for phase in phases_under_load(run, "spike")] == ["herd", "recovery"]
    without = dataclasses.replace(run, header=dataclasses.replace(run.header, classes=()))
    assert phases_under_load(without, "spike") == (), "a slip in a name is none"
    assert delivered(started(run, 1.0)).outcome is Outcome.PASS


# Parts


PARTS = (
    CriterionSpec("error_ratio", {"part": "login", "requests": "@Login", "name": "logins", "limit": 0.5}),
    CriterionSpec("latency_quantile", {"part": "login", "requests": "@Login", "limit_s": 0.001}),
    CriterionSpec("error_ratio", {"part": "visits", "requests": "@Visitor", "phase": "baseline"}),
    CriterionSpec("recovery_time"),
)


def test_each_part_has_a_verdict_of_its_own_and_the_worst_is_that_of_the_run() -> None:
    verdict = judge(by_class(healthy()), PARTS)
    assert verdict.parts == {"login": Outcome.FAIL, "visits": Outcome.PASS}
    assert verdict.outcome is Outcome.FAIL
    assert verdict_json.finding_of(verdict_json.finding(verdict.findings[0])) == verdict.findings[0]  # type: ignore[arg-type]


def test_a_criterion_that_crashes_stays_in_its_part() -> None:
    verdict = judge(by_class(healthy()), (CriterionSpec("error_ratio", {"part": "login", "limit": "none"}),))
    assert verdict.parts == {"login": Outcome.INCONCLUSIVE}


def test_reports_show_the_parts_in_the_order_of_the_scenario() -> None:
    run = by_class(healthy())
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=PARTS))
    verdict = judge(run)
    for text in (terminal.render(run, verdict), markdown.render(run, verdict)):
        places = [text.index(words) for words in ("login: FAIL", "visits: PASS", "Findings")]
        assert places == sorted(places)
        assert text.index("visits: PASS") < text.index("error ratio in the baseline") < text.index("Findings")


def test_a_run_without_parts_is_reported_as_ever() -> None:
    run = healthy()
    verdict = judge(run)
    assert verdict.parts == {}
    assert terminal.render(run, verdict).splitlines().count("Findings") == 1
    assert "## Findings" in markdown.render(run, verdict).replace("### ", "## ")


def test_the_table_of_the_phases_has_a_row_for_each_class() -> None:
    rows = _phase_table.table(by_class(healthy())).phases
    spike = {row.name: row.cells[0] for row in rows if row.phase.startswith("spike")}
    assert spike["@Login"] == "500"
    assert spike["@Visitor"] == "10"
    assert not [row for row in _phase_table.table(healthy()).phases if row.name.startswith("@")]


# While it goes


def test_the_live_state_has_figures_of_each_class_and_judges_by_them() -> None:
    run = by_class(healthy())
    tally = PhaseTally(run.header.phases[1])
    for piece in phases.slices_of(run, run.header.phases[1]):
        tally.add(piece)
    assert tally.figures_of("@Login").requests == 500
    assert tally.total.intended == 510, "no class is counted beside its requests"
    specs = criteria.with_defaults(
        [CriterionSpec("error_ratio", {"requests": requests}) for requests in ("@Login", "*", "@Nobody")]
    )
    figures = [each.figure for each in criteria_so_far(specs, [tally], (), None, {})]
    assert figures == [0.0, 0.0, None]


def test_while_it_goes_a_pattern_may_name_a_class_and_a_name_of_its_requests() -> None:
    """Of one run with two classes, and of one that has a single class, whose slices do not name it."""
    specs = criteria.with_defaults([CriterionSpec("error_ratio", {"requests": "@Login POST *"})])
    several = by_class(healthy())
    header = dataclasses.replace(several.header, classes=(PlannedClass("Login"),), criteria=specs)
    plain = dataclasses.replace(healthy(), header=header)
    for run in (dataclasses.replace(several, header=dataclasses.replace(several.header, criteria=specs)), plain):
        live = LiveState(run.header)
        for piece in run.slices:
            live.add(piece)
        (found,) = live.criteria_so_far()
        assert found.figure == 0.0


def test_while_it_goes_another_class_has_no_figures_for_a_pattern_of_one() -> None:
    specs = criteria.with_defaults([CriterionSpec("error_ratio", {"requests": "@Visitor POST *"})])
    run = by_class(healthy())
    live = LiveState(dataclasses.replace(run.header, criteria=specs))
    for piece in run.slices:
        live.add(piece)
    (found,) = live.criteria_so_far()
    assert found.figure is None
