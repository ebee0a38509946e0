"""The marks on the time axis: what happened together shares a line, and the important ones always have one."""

from __future__ import annotations

import dataclasses

from harness.recording.header import Phase
from harness.recording.marks import FAILED, INJECTED, RAISED, UNDONE, AlertMark, FaultMark
from reports._charts.timeline import MOST, timeline
from tests import recordings


def test_gate_and_alert_of_one_instant_share_a_line() -> None:
    run = recordings.healthy()
    alert = AlertMark(30, "error_ratio", RAISED, "5 % of the requests fail")
    marks = timeline(dataclasses.replace(run, marks=(*run.marks, alert)), None).instants
    assert [(mark.letter, mark.t, mark.short) for mark in marks] == [("A", 30, "gate")]
    assert marks[0].text == "gate herd released: 500 of 500 sent; alert error_ratio: 5 % of the requests fail"


def test_the_recovery_has_a_line_of_its_own() -> None:
    marks = timeline(recordings.healthy(), 30.0).instants
    assert [(mark.short, mark.is_recovery) for mark in marks] == [("recovered", True), ("gate", False)]


def test_a_lost_node_is_named() -> None:
    texts = [mark.text for mark in timeline(recordings.lost_worker(), None).instants]
    assert "load process worker-2 lost: no heartbeat for 3 s" in texts


def test_many_alerts_leave_room_for_gate_and_recovery() -> None:
    run = recordings.healthy()
    alerts = tuple(AlertMark(t / 2, f"alert {t}", RAISED) for t in range(100))
    axis = timeline(dataclasses.replace(run, marks=(*alerts, *run.marks)), 80.0)
    assert len(axis.instants) == MOST
    assert {"gate", "recovered"} <= {mark.short for mark in axis.instants}
    assert axis.left_out > 70
    assert [mark.t for mark in axis.instants] == sorted(mark.t for mark in axis.instants)


def test_a_fault_is_named_when_it_is_injected_and_when_it_is_undone() -> None:
    run = recordings.healthy()
    faults = (
        FaultMark(35.0, "stop_process", INJECTED, "stopped python 4711", 1),
        FaultMark(40.0, "stop_process", UNDONE, "continued python 4711", 1),
        FaultMark(50.0, "tcp_proxy", FAILED, "not injected: the proxy was not started", 2),
    )
    alerts = tuple(AlertMark(t / 2, f"alert {t}", RAISED) for t in range(100))
    marks = timeline(dataclasses.replace(run, marks=(*alerts, *run.marks, *faults)), None).instants
    found = {mark.t: (mark.short, mark.text) for mark in marks}
    assert found[35.0][0] == "stop_process injected"
    assert "fault stop_process injected: stopped python 4711" in found[35.0][1]
    assert found[40.0][0] == "stop_process undone"
    assert found[50.0][0] == "tcp_proxy failed"


def test_the_axis_reaches_over_all_that_was_recorded() -> None:
    axis = timeline(recordings.healthy(), None)
    assert axis.start_s <= -2
    assert axis.end_s >= 91


def test_the_report_opens_on_the_spike_where_that_is_a_small_part_of_the_run() -> None:
    """With half of it around, but 4 s at least, and three times as much afterwards; never beyond the axis."""
    run = recordings.healthy()
    assert timeline(run, None).spike_s == (26, 43)  # a spike from 30 to 31 s
    short = (Phase("baseline", 0, 5), Phase("spike", 5, 60), Phase("recovery", 60, 70))
    assert (
        timeline(dataclasses.replace(run, header=dataclasses.replace(run.header, phases=short)), None).spike_s is None
    )
    long = (Phase("baseline", 0, 300), Phase("spike", 300, 400), Phase("recovery", 400, 900))
    assert timeline(dataclasses.replace(run, header=dataclasses.replace(run.header, phases=long)), None).spike_s == (
        250,
        550,
    )
    late = (Phase("baseline", 0, 88), Phase("spike", 88, 90))
    axis = timeline(dataclasses.replace(run, header=dataclasses.replace(run.header, phases=late)), None)
    assert axis.spike_s == (84, axis.end_s)
