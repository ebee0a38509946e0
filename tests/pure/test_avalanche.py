"""Criteria of connections and messages, on recordings whose every count is known."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_bounds_us, bucket_index
from harness.analysis.phases import shedding
from harness.criteria._outcome import seconds
from harness.criteria._seen import Seen
from harness.criteria.websocket import _connections as connections
from harness.findings import Finding, Outcome
from harness.recording import End, ProbeSample, Recording, Slice
from harness.recording.file import parse
from harness.recording.header import FORMAT, CriterionSpec, Phase
from harness.recording.line import encode
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import NOT_TRIED, OK, UNFINISHED, Scalar
from tests.recordings import healthy, texts

PHASES = (Phase("baseline", 0, 5), Phase("spike", 5, 10), Phase("steady", 10, 20), Phase("drop", 20, 30))
PHASES = (*PHASES, Phase("recovery", 30, 60))
GAUGE = "connections"


def counted(t: int, name: str, count: int, outcome: str = OK, took_s: float | None = 0.0) -> Slice:
    latency = {} if took_s is None else {bucket_index(round(took_s * 1e6)): count}
    return Slice(t, "local", name, outcome, count, 0, latency)


def opened(t: int, count: int, name: str = "/feed") -> Slice:
    return counted(t, f"connection {name} opened", count)


def ended(t: int, count: int, outcome: str = OK, name: str = "/feed") -> Slice:
    return counted(t, f"connection {name} ended", count, outcome)


def back(took_s: float, count: int, t: int = 20) -> Slice:
    return counted(t, "WS /feed reconnect", count, took_s=took_s)


def run(*slices: Slice, end_s: float = 61, gauge: dict[float, tuple[float, ...]] | None = None) -> Recording:
    whole = healthy()
    header = dataclasses.replace(whole.header, phases=PHASES)
    samples = tuple(
        ProbeSample(t, "prometheus", f"api{k}", {GAUGE: value})
        for t, values in (gauge or {}).items()
        for k, value in enumerate(values)
    )
    end = End(end_s, "completed" if end_s >= 60 else "stopped", end_s >= 60, 1, 0)
    return dataclasses.replace(whole, header=header, slices=slices, probes=samples, marks=(), end=end)


def judged(criterion: str, recording: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(recording)


DROPPED = (opened(5, 100), ended(20, 100, "closed 1012"))


@pytest.mark.parametrize(("slow", "outcome"), [(1, Outcome.PASS), (2, Outcome.FAIL)])
def test_the_time_is_that_of_the_last_of_99_percent(slow: int, outcome: Outcome) -> None:
    """Of 100, one may take as long as it likes; the second one is the 99th percentile."""
    found = judged("reconnect_time", run(*DROPPED, back(2.0, 100 - slow), back(35.0, slow)))
    assert found.outcome is outcome
    assert found.figure == pytest.approx(2.0 if slow == 1 else 35.0, rel=2e-3)
    assert found.interval is not None and found.interval[0] <= found.figure <= found.interval[1]
    assert not found.censored


def test_when_half_and_all_were_back_is_told_where_they_were() -> None:
    everybody = judged("reconnect_time", run(*DROPPED, back(2.0, 60), back(7.0, 40))).evidence
    assert everybody["half back after (s)"] == pytest.approx(2.0, rel=2e-3)
    assert everybody["all back after (s)"] == pytest.approx(7.0, rel=2e-3)
    assert judged("reconnect_time", run(*DROPPED, back(1.0, 95))).evidence["all back after (s)"] is None
    one = judged("reconnect_time", run(opened(5, 1), ended(20, 1, "closed 1012"), back(3.0, 1)))
    assert (one.outcome, one.figure) == (Outcome.PASS, pytest.approx(3.0, rel=2e-3))


@pytest.mark.parametrize(
    ("t", "outcome", "is_told"),
    [(20, NOT_TRIED, True), (45, NOT_TRIED, True), (19, NOT_TRIED, False), (21, "http 503", False)],
)
def test_users_that_do_not_come_back_are_told_from_those_who_try_in_vain(t: int, outcome: str, is_told: bool) -> None:
    """From the drop on."""
    found = judged("reconnect_time", run(*DROPPED, counted(t, "attempt /feed reconnect", 100, outcome)))
    assert ("the users do not come back" in found.reason) is is_told
    assert found.outcome is (Outcome.INCONCLUSIVE if is_told else Outcome.FAIL)


def test_a_count_that_lacks_is_named_by_its_phase() -> None:
    opens = (opened(5, 100),)
    read_once = {17.0: (50.0, 50.0), 18.0: (50.0, 50.0), 19.0: (50.0, 50.0)}
    found = judged("connections_agree", run(*opens, gauge=read_once), metric=GAUGE)
    assert "at the end of recovery there is no count" in found.reason
    found = judged("connections_agree", run(*opens, gauge=read_once), metric=GAUGE, phases="night, day")
    assert "at the end of night, day there is no count" in found.reason


@pytest.mark.parametrize(("read_at_s", "theirs"), [(16.9, None), (17.0, 100), (19.9, 100), (20.0, None)])
def test_the_counts_of_both_sides_are_those_of_the_last_seconds_of_a_phase(
    read_at_s: float, theirs: float | None
) -> None:
    """Theirs are read in the last three; ours are those that were open in the middle of these, at 19 s."""
    opens = (opened(5, 90), opened(18, 10), opened(19, 5))
    found = judged("connections_agree", run(*opens, gauge={read_at_s: (50.0, 50.0)}), metric=GAUGE, phases="steady")
    assert found.evidence.get("target, end of steady") == theirs
    assert found.evidence.get("clients, end of steady") == (None if theirs is None else 100)


def test_those_who_were_kicked_are_counted_by_the_second() -> None:
    kicked = (ended(21, 3, "kicked 1012"), ended(22, 7, "kicked 1012"), ended(23, 5, "kicked 1012"))
    evidence = judged("reconnect_time", run(*DROPPED, back(1.0, 100), *kicked)).evidence
    assert (evidence["kicked"], evidence["kicked per second at most"]) == (15, 7)


def test_only_connections_of_the_name_have_to_be_back() -> None:
    """The others' are dropped as well, and take longer; with everybody's they count."""
    others = (opened(5, 50, "chat"), ended(20, 50, "closed 1012", "chat"))
    late = counted(20, "WS chat reconnect", 50, took_s=20.0)
    recording = run(*DROPPED, back(2.0, 100), *others, late)
    found = judged("reconnect_time", recording, connections="/feed")
    assert (found.figure, found.evidence["dropped"]) == (pytest.approx(2.0, rel=2e-3), 100)
    found = judged("reconnect_time", recording)
    assert (found.figure, found.evidence["dropped"]) == (pytest.approx(20.0, rel=2e-3), 150)


def test_who_is_not_back_took_longer_than_was_watched() -> None:
    """40 s here. Whether or not the node came to say that they are away."""
    for more in ((), (counted(20, "WS /feed reconnect", 5, UNFINISHED, None),)):
        recording = run(*DROPPED, back(1.0, 95), *more)
        found = judged("reconnect_time", recording)
        assert (found.outcome, found.interval, found.censored) == (Outcome.FAIL, (39, math.inf), True)
        assert (found.figure, found.evidence["half back after (s)"]) == (None, pytest.approx(1.0, rel=2e-3))
        assert found.reason == "5 of 100 dropped connections were not back in the 39 s that were watched, limit 30 s"
        short = judged("reconnect_time", recording, limit_s=50.0)
        assert short.outcome is Outcome.INCONCLUSIVE and short.censored
        assert "12 s longer would settle it" in short.reason
        assert "13 s longer" in judged("reconnect_time", recording, limit_s=50.5).reason, "whole seconds"
    stopped = judged("reconnect_time", run(*DROPPED, back(1.0, 95), end_s=33))
    assert stopped.outcome is Outcome.INCONCLUSIVE and stopped.figure is None
    at_once = judged("reconnect_time", run(*DROPPED, back(1.0, 95), end_s=20.5))
    assert (stopped.interval, at_once.interval) == ((12, math.inf), (0, math.inf)), "of the second of the drop nothing"


def test_a_drop_that_was_none_proves_nothing() -> None:
    """Nobody dropped, half of them, nobody ever there, or no such phase."""
    half = run(opened(5, 100), ended(20, 50, "closed 1012"), back(1.0, 50))
    only = "only {} of 100 connections were dropped"
    told = ((run(opened(5, 100)), only.format(0)), (half, only.format(50)), (run(), "nobody was connected"))
    for recording, reason in told:
        found = judged("reconnect_time", recording)
        assert found.outcome is Outcome.INCONCLUSIVE and "no reconnect storm" in found.reason
        assert found.reason.startswith(f"{reason} in the phase drop, so")
    assert judged("reconnect_time", healthy()).outcome is Outcome.INCONCLUSIVE


def test_failed_attempts_are_evidence() -> None:
    failed = counted(21, "attempt /feed reconnect", 7, "http 503", 0.1)
    found = judged("reconnect_time", run(*DROPPED, back(1.0, 100), failed))
    assert found.outcome is Outcome.PASS
    assert found.evidence["failed attempts, http 503"] == 7


def test_only_what_nobody_asked_for_counts_as_lost() -> None:
    """Not our own goodbyes, not the planned drop, and not the others' connections."""
    quiet = run(*DROPPED, opened(21, 100), ended(60, 100), ended(12, 50, "cut off", "canary"))
    kept = judged("connections_kept", quiet, connections="/feed")
    assert (kept.outcome, kept.figure) == (Outcome.PASS, 0)
    assert judged("connections_kept", quiet).outcome is Outcome.FAIL, "with everybody's"
    assert judged("connections_kept", quiet, connections="/feed", drop="").figure == 0.5
    edges = run(*(ended(at_s, count, "cut off") for at_s, count in ((19, 1), (20, 2), (29, 4), (30, 8))))
    assert connections.lost(edges, Phase("drop", 20, 30)) == {"cut off": 9}, "the drop lasts from 20 to 30 s"


@pytest.mark.parametrize(("lost", "outcome"), [(2, Outcome.PASS), (3, Outcome.FAIL)])
def test_connections_lost_before_and_after_the_drop(lost: int, outcome: Outcome) -> None:
    dropped = opened(5, 100), ended(12, 1, "cut off"), ended(20, 99, "closed 1012")
    recording = run(*dropped, opened(21, 100), ended(40, lost - 1, "closed 1013"))
    found = judged("connections_kept", recording)
    assert (found.outcome, found.figure) == (outcome, lost / 200)
    assert judged("connections_kept", run()).outcome is Outcome.INCONCLUSIVE


def test_messages_lost_and_doubled_are_counted_exactly() -> None:
    """What is doubled was due once; what was refused was not lost."""
    cast = "message broadcast"
    recording = run(
        counted(6, cast, 90),
        counted(7, cast, 8, "lost", None),
        counted(7, cast, 1, "doubled"),
        counted(8, cast, 2, "late"),
        counted(8, "message echo", 99),
        counted(8, "message published", 1, "refused"),
        counted(8, "WS /feed connect", 1000, "timeout", None),
    )
    found = judged("message_delivery", recording)
    assert (found.outcome, found.figure) == (Outcome.FAIL, 9 / 200)
    assert (found.evidence["due"], found.evidence["lost"], found.evidence["doubled"]) == (200, 8, 1)
    assert judged("message_delivery", recording, messages=cast).figure == 9 / 100
    assert judged("message_delivery", recording, messages="message echo").outcome is Outcome.PASS
    assert judged("message_delivery", recording, limit=0.05).outcome is Outcome.PASS
    assert judged("message_delivery", run()).outcome is Outcome.INCONCLUSIVE


def test_a_message_that_came_to_another_channel_is_as_bad_as_one_that_was_lost() -> None:
    """It was not due there, so it is no message that came."""
    cast = "message broadcast"
    found = judged("message_delivery", run(counted(6, cast, 100), counted(6, cast, 1, "misdelivered")))
    assert (found.outcome, found.figure) == (Outcome.FAIL, 0.01)
    assert found.reason == "1 misdelivered, 0 lost and 0 doubled of 100 messages due; limit 0 %"
    assert found.evidence["misdelivered"] == 1
    assert not any(name.startswith("refused") for name in found.evidence), "none was"
    to_others = counted(6, cast, 9, "misdelivered")
    for recording in (run(to_others), run(to_others, counted(6, cast, 9, "lost"))):
        assert judged("message_delivery", recording).outcome is Outcome.FAIL, "none came to whom it was meant for"


HELD = (opened(5, 200), ended(20, 200, "closed 1012"), opened(21, 200), ended(60, 200))
TIMES = [17.2, 18.2, 19.2, 57.2, 58.2, 59.2]


@pytest.mark.parametrize(
    ("theirs", "outcome"), [((100.0, 100.0), Outcome.PASS), ((99, 99), Outcome.PASS), ((100, 97), Outcome.FAIL)]
)
def test_both_sides_count_alike(theirs: tuple[float, ...], outcome: Outcome) -> None:
    found = judged("connections_agree", run(*HELD, gauge=dict.fromkeys(TIMES, theirs)), metric=GAUGE)
    assert found.outcome is outcome
    assert found.figure == abs(sum(theirs) - 200) / 200


def test_a_count_that_is_missing_agrees_with_nothing() -> None:
    """No gauge, one process silent at the end, nobody connected, a run that was stopped."""
    whole = dict.fromkeys(TIMES, (100.0, 100.0))
    silent = {t: values if t < 50 else values[:1] for t, values in whole.items()}
    for recording in (run(*HELD), run(*HELD, gauge=silent), run(gauge=whole), run(*HELD, gauge=whole, end_s=40)):
        found = judged("connections_agree", recording, metric=GAUGE, remedy="name all of its pages")
        assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, None)
        assert found.reason.endswith(": name all of its pages")


def test_without_a_gauge_nothing_is_compared() -> None:
    """None is known by default: each target calls its own as it likes."""
    found = judged("connections_agree", run(*HELD, gauge=dict.fromkeys(TIMES, (100.0, 100.0))))
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, None)
    assert "a gauge has to be named" in found.reason


def test_a_recording_of_the_first_format_knows_what_its_criteria_left_unsaid() -> None:
    """Which gauge, and which connections; what it says itself counts."""
    specs = (CriterionSpec("connections_agree"), CriterionSpec("reconnect_time", {"connections": "chat"}))
    header = dataclasses.replace(run().header, criteria=specs)
    first = encode(header).replace(f'"format":{FORMAT}', '"format":1')
    agree, reconnect = parse([first], "file").header.criteria
    assert agree.parameters["metric"] == "target_feed_connections"
    assert reconnect.parameters == {"connections": "chat"}
    assert parse(texts([header]), "file").header.criteria == specs


def test_a_process_that_was_never_read_may_have_connections() -> None:
    """A wrong port, say: half of the connections are then those of a process that nobody asked."""
    half = run(*HELD, gauge=dict.fromkeys(TIMES, (100.0,)))
    refused = tuple(ProbeSample(t, "prometheus", "api1", {}, "connection refused") for t in TIMES)
    found = judged("connections_agree", dataclasses.replace(half, probes=(*half.probes, *refused)), metric=GAUGE)
    assert found.outcome is Outcome.INCONCLUSIVE and "api1 could not be read" in found.reason


def test_a_sample_that_was_left_out_is_no_process_with_connections() -> None:
    whole = run(*HELD, gauge=dict.fromkeys(TIMES, (100.0, 100.0)))
    skipped = ProbeSample(12.0, "prometheus", "prometheus", {}, "skipped: the sample before")
    found = judged("connections_agree", dataclasses.replace(whole, probes=(*whole.probes, skipped)), metric=GAUGE)
    assert found.outcome is Outcome.PASS, found.reason


def test_another_page_without_the_gauge_does_not_count() -> None:
    whole = run(*HELD, gauge=dict.fromkeys(TIMES, (100.0, 100.0)))
    other = tuple(ProbeSample(t, "prometheus", "upstream", {"calls": 1.0}) for t in TIMES)
    found = judged("connections_agree", dataclasses.replace(whole, probes=(*whole.probes, *other)), metric=GAUGE)
    assert found.outcome is Outcome.PASS


def test_who_is_kicked_after_the_handshake_is_not_back() -> None:
    """A hundred are dropped, kicked 300 times in 6 s while they try, and back after 7 s."""
    kicks = [counted(20 + k, "connection /feed ended", 50, "kicked, closed 1008") for k in range(6)]
    openings = [opened(20 + k, 50) for k in range(6)]
    attempts = [counted(20 + k, "attempt /feed reconnect", 50, "kicked") for k in range(6)]
    whole = run(*DROPPED, *kicks, *openings, *attempts, back(7.0, 100), opened(27, 100))
    found = judged("reconnect_time", whole, limit_s=3)
    assert found.outcome is Outcome.FAIL and found.figure == pytest.approx(7, rel=1e-3)
    assert {key: found.evidence[key] for key in ("dropped", "back", "kicked", "kicked per second at most")} == {
        "dropped": 100,
        "back": 100,
        "kicked": 300,
        "kicked per second at most": 50,
    }
    kept = judged("connections_kept", whole)
    assert kept.outcome is Outcome.FAIL, "kicks are not part of the drop that was planned"
    assert kept.evidence["lost"] == 300


def test_what_was_wrong_with_messages_is_told_by_name() -> None:
    recording = run(
        *(counted(6, "message a", 90), counted(6, "message a", 2, "lost"), counted(6, "message a", 1, "doubled")),
        *(counted(6, "message b", 50), counted(7, "message b", 3, "late"), counted(7, "message b", 4, "refused")),
    )
    assert judged("message_delivery", recording).evidence == {
        "due": 149,
        "lost": 2,
        "doubled": 1,
        "message a, due": 92,
        "message b, due": 57,
        "message a, lost": 2,
        "message a, doubled": 1,
        "came after a later one": 3,
        "refused by the target, and so not lost": 4,
    }


@pytest.mark.parametrize(("t", "outcome"), [(16.9, Outcome.PASS), (17.1, Outcome.FAIL)])
def test_counts_are_compared_in_the_last_three_seconds(t: float, outcome: Outcome) -> None:
    """Of the drop's forerunner: what the gauge had before says nothing; the clients' count is that of its middle."""
    gauge = {t: (150.0,), **({} if t > 17 else {17.5: (200.0,)}), 58.0: (200.0,)}
    found = judged("connections_agree", run(*HELD, gauge=gauge), metric=GAUGE)
    assert found.outcome is outcome
    assert found.evidence["target, end of steady"] == (200 if outcome is Outcome.PASS else 150)
    # One more comes a second before the end of the phase, and one 1.5 s before: second 18 begins 2 s before it.
    for opened_s, ours in ((19, 200), (18, 201)):
        held = run(*HELD, opened(opened_s, 1), gauge={18.5: (200.0,), 58.0: (200.0,)})
        assert judged("connections_agree", held, metric=GAUGE).evidence["clients, end of steady"] == ours


@pytest.mark.parametrize("outcome", ["refused", "malformed message"])
@pytest.mark.parametrize(("count", "said"), [(50, Outcome.PASS), (60, Outcome.INCONCLUSIVE)])
def test_what_was_taken_proves_nothing_where_much_was_refused(outcome: str, count: int, said: Outcome) -> None:
    """Of a thousand messages so many are neither lost nor doubled, and have not come."""
    recording = run(counted(12, "message echo", 1000 - count), counted(12, "message error", count, outcome))
    found = judged("message_delivery", recording)
    assert (found.outcome, found.figure) == (said, 0)
    assert (f"{count} {outcome}" in found.reason) is (said is Outcome.INCONCLUSIVE)
    lost = counted(12, "message echo", 1, "lost")
    assert judged("message_delivery", run(*recording.slices, lost)).outcome is Outcome.FAIL


@pytest.mark.parametrize("outcome", ["lost", "refused", "malformed message"])
def test_a_target_of_which_no_message_ever_came_may_speak_another_protocol(outcome: str) -> None:
    """Nothing says that it lost them; one that has greeted, or answered once, speaks ours and has."""
    silent = counted(12, "message echo", 40, outcome, took_s=None)
    found = judged("message_delivery", run(silent))
    assert found.outcome is Outcome.INCONCLUSIVE and "adapt" in found.reason, found.reason
    lost = counted(12, "message echo", 40, "lost", took_s=None)
    for sign in (
        counted(6, "greeting /feed", 1),
        counted(12, "message echo", 1),
        counted(12, "message echo", 1, "late"),
    ):
        assert judged("message_delivery", run(lost, sign)).outcome is Outcome.FAIL


def test_a_greeting_that_is_missing_where_others_were_greeted_is_lost() -> None:
    greeted, missed = counted(6, "greeting /feed", 99), counted(6, "greeting /feed", 1, "lost", took_s=None)
    found = judged("message_delivery", run(greeted, missed, counted(12, "message echo", 100)))
    assert (found.outcome, found.evidence["due"], found.evidence["lost"]) == (Outcome.FAIL, 200, 1)
    found = judged("message_delivery", run(counted(6, "greeting /feed", 100, "lost", took_s=None)))
    assert found.outcome is Outcome.INCONCLUSIVE and "another protocol" in found.reason


def test_users_who_do_not_come_back_prove_nothing_of_the_target() -> None:
    away = counted(20, "attempt /feed reconnect", 100, "not tried")
    found = judged("reconnect_time", run(*DROPPED, away))
    assert found.outcome is Outcome.INCONCLUSIVE and "reconnect is none" in found.reason
    assert judged("reconnect_time", run(*DROPPED)).outcome is Outcome.FAIL


def test_how_long_was_watched_of_a_run_that_was_killed_is_known_from_its_last_second() -> None:
    """Its last slice is of second 44, and the drop ended with second 20."""
    whole = run(*DROPPED, back(1.0, 95), counted(44, "GET /", 1))
    killed = judged("reconnect_time", dataclasses.replace(whole, end=None), limit_s=25.0)
    assert (killed.outcome, killed.interval) == (Outcome.INCONCLUSIVE, (24.0, math.inf))
    assert killed.reason.endswith("a recovery phase that is 2 s longer would settle it")
    assert judged("reconnect_time", dataclasses.replace(whole, end=None), limit_s=24.0).outcome is Outcome.FAIL


def test_a_limit_within_the_resolution_of_a_time_is_too_close_to_tell() -> None:
    """2 s fall into a bucket of 1.998848 s to 2.000895 s."""
    found = judged("reconnect_time", run(*DROPPED, back(2.0, 100)), limit_s=2.0)
    low, high = bucket_bounds_us(bucket_index(2_000_000))
    assert (found.outcome, found.interval) == (Outcome.INCONCLUSIVE, (low / 1e6, high / 1e6))
    assert found.reason.endswith(f": too close to tell, as times are kept to {seconds((high - low) / 1e6)}")


def test_kicks_are_told_with_the_second_that_had_most_of_them() -> None:
    kicks = [ended(21 + k, count, "kicked") for k, count in enumerate((3, 9, 5))]
    attempts = [counted(21 + k, "attempt /feed reconnect", count, "kicked") for k, count in enumerate((3, 9, 5))]
    found = judged("reconnect_time", run(*DROPPED, back(2.0, 100), *kicks, *attempts))
    assert (found.evidence["kicked"], found.evidence["kicked per second at most"]) == (17, 9)


@pytest.mark.parametrize(("window_s", "from_s"), [(2, 59), (3, 59), (4, 58), (6, 57)])
def test_our_own_count_is_that_of_the_middle_of_the_window(window_s: int, from_s: int) -> None:
    """One is opened in that second, and the target's count has it, or has it not."""
    gauge = dict.fromkeys((54.0, 55.0, 56.0, 57.0, 58.0, 59.0), (100.0,))
    held = (opened(5, 100), opened(from_s, 100))
    for at_s, outcome in ((from_s, Outcome.PASS), (from_s - 1, Outcome.FAIL)):
        recording = run(held[0], opened(at_s, 100), gauge=gauge)
        found = judged("connections_agree", recording, metric=GAUGE, phases="recovery", window_s=window_s)
        assert found.outcome is outcome, found.reason


@pytest.mark.parametrize(("at_s", "is_read"), [(56.9, False), (57.0, True), (59.9, True), (60.0, False)])
def test_the_gauge_is_read_from_the_beginning_of_the_window_to_its_end(at_s: float, is_read: bool) -> None:
    found = judged("connections_agree", run(opened(5, 100), gauge={at_s: (100.0,)}), metric=GAUGE, phases="recovery")
    assert (found.outcome is Outcome.PASS) is is_read


def dropped_repeatedly(again: int, *marks: FaultMark) -> Recording:
    """A hundred are dropped and back after half a second; so many are dropped once more 2 s later, and back again."""
    more = (opened(20, 100), ended(22, again, "closed 1008"), back(0.5, again, 22), opened(23, again))
    return dataclasses.replace(run(*DROPPED, back(0.5, 100), *more), marks=marks)


@pytest.mark.parametrize(("again", "outcome"), [(0, Outcome.PASS), (1, Outcome.PASS), (60, Outcome.FAIL)])
def test_who_is_dropped_again_after_being_back_was_not_kept(again: int, outcome: Outcome) -> None:
    kept = judged("connections_kept", dropped_repeatedly(again))
    assert (kept.outcome, kept.evidence["lost"]) == (outcome, again), kept.reason
    told = judged("reconnect_time", dropped_repeatedly(again))
    assert told.outcome is (Outcome.INCONCLUSIVE if again == 60 else Outcome.PASS), told.reason
    assert ("60 more were dropped than were there" in told.reason) is (again == 60)


def test_a_fault_that_goes_on_may_drop_everybody_again_and_again() -> None:
    marks = (FaultMark(20.0, "tcp_proxy", INJECTED, "", 1), FaultMark(24.0, "tcp_proxy", UNDONE, "", 1))
    assert judged("connections_kept", dropped_repeatedly(60, *marks)).outcome is Outcome.PASS
    short = (FaultMark(20.0, "tcp_proxy", INJECTED, "", 1), FaultMark(21.0, "tcp_proxy", UNDONE, "", 1))
    late = (ended(24, 101, "closed 1008"), back(0.5, 101, 24))
    again = dataclasses.replace(run(*DROPPED, opened(20, 101), back(0.5, 100), *late), marks=short)
    assert judged("connections_kept", again).evidence["lost"] == 1, "more than were there to be dropped once"


@pytest.mark.parametrize(
    ("from_s", "until_s", "outcome"),
    [
        (45.0, 46.0, Outcome.FAIL),  # in the recovery
        (25.0, 46.0, Outcome.FAIL),  # after they were dropped again
        (12.0, 18.0, Outcome.FAIL),
        (12.0, 24.0, Outcome.FAIL),  # what it does is lost in the phase before, too
        (19.99, 24.0, Outcome.PASS),  # it came with the drop
        (22.5, 22.6, Outcome.PASS),
    ],
)
def test_a_fault_excuses_what_is_dropped_again_while_it_is_there(
    from_s: float, until_s: float, outcome: Outcome
) -> None:
    marks = (FaultMark(from_s, "tcp_proxy", INJECTED, "", 1), FaultMark(until_s, "tcp_proxy", UNDONE, "", 1))
    recording = dropped_repeatedly(60, *marks)
    assert judged("connections_kept", recording).outcome is outcome
    told = judged("reconnect_time", recording)
    assert told.outcome is (Outcome.INCONCLUSIVE if outcome is Outcome.FAIL else Outcome.PASS), told.reason


def test_users_who_come_in_the_drop_may_be_dropped_in_it() -> None:
    recording = dropped_repeatedly(60)
    for came in ((counted(20, "WS /feed connect", 60), opened(21, 60)), (back(0.5, 60, 19), opened(20, 60))):
        newcomers = dataclasses.replace(recording, slices=(*recording.slices, *came))
        assert judged("connections_kept", newcomers).outcome is Outcome.PASS


def came(t: int, outcome: str = OK) -> Slice:
    return counted(t, "WS /feed connect", 10, outcome)


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ((), 60),
        # Who comes, or is back, in the drop can be dropped in it; a handshake may have begun two seconds before.
        *(
            ((counted(t, "WS /feed connect", 10),), 60 - 10 * comes)
            for t, comes in ((17, 0), (18, 1), (29, 1), (30, 0))
        ),
        *(((back(0.5, 10, t),), 60 - 10 * comes) for t, comes in ((17, 0), (18, 1), (19, 1), (20, 0))),
        ((came(20, "http 503"), counted(19, "WS /feed reconnect", 10, "http 503")), 60),
        # What ends outside of it, by our own wish, or as a kick is none of the drop's.
        *(((ended(t, 10, "cut off"),), 60 + 10 * counts) for t, counts in ((29, 1), (30, 0))),
        ((ended(22, 10), ended(22, 10, "kicked 1012")), 60),
        ((ended(22, 10, "cut off", "/chat"),), 60),
        ((opened(19, 10),), 50),
        ((opened(20, 10),), 60),
    ],
)
def test_how_many_were_dropped_again(more: tuple[Slice, ...], again: int) -> None:
    recording = dropped_repeatedly(60)
    recording = dataclasses.replace(recording, slices=(*recording.slices, *more))
    assert connections.dropped_again(recording, PHASES[3], "/feed") == again


@pytest.mark.parametrize(
    ("from_s", "until_s", "again"),
    [
        (18.9, 24.0, 160),
        (19.0, 24.0, 0),  # it may be marked a second before the phase with which it comes
        (20.0, 22.0, 60),  # the drop of the hundred was its own
        (20.0, 22.1, 0),
        (22.9, 24.0, 0),
        (23.0, 24.0, 160),
    ],
)
def test_a_fault_excuses_what_ends_in_a_second_of_which_it_was_there_for_a_part(
    from_s: float, until_s: float, again: int
) -> None:
    marks = (FaultMark(from_s, "tcp_proxy", INJECTED, "", 1), FaultMark(until_s, "tcp_proxy", UNDONE, "", 1))
    assert connections.dropped_again(dropped_repeatedly(160, *marks), PHASES[3]) == again


def test_dropped_is_who_was_lost_from_the_beginning_of_the_drop_to_its_end() -> None:
    ends = (ended(t, count, "closed 1012") for t, count in ((19, 1), (20, 2), (29, 4), (30, 8)))
    found = judged("reconnect_time", run(opened(5, 7), *ends, back(1.0, 6)))
    assert (found.evidence["open before the drop"], found.evidence["dropped"]) == (6, 6)


def test_the_share_is_of_all_who_came_back_also_of_more_than_were_dropped() -> None:
    """99 % of 101 are 100, and the hundredth took 35 s."""
    found = judged("reconnect_time", run(*DROPPED, back(2.0, 99), back(35.0, 2)))
    assert (found.outcome, found.figure) == (Outcome.FAIL, pytest.approx(35.0, rel=2e-3))


@pytest.mark.parametrize(
    ("criterion", "parameters", "patterns"),
    [
        ("message_delivery", {}, ["message *", "greeting *"]),
        ("message_delivery", {"messages": "message echo"}, ["message echo", "greeting *"]),
        ("connections_kept", {"connections": "/feed"}, ["connection /feed *"]),
        ("reconnect_time", {"connections": "/feed"}, ["* /feed reconnect"]),
    ],
)
def test_failures_of_connections_and_messages_show_all_along(
    criterion: str, parameters: dict[str, Scalar], patterns: list[str]
) -> None:
    seen = list(criteria.load(CriterionSpec(criterion, parameters)).failures_seen(run()))
    assert seen == [Seen(0, math.inf, pattern, but=shedding(run().header)) for pattern in patterns]


@pytest.mark.parametrize(("drop", "aside"), [("drop", ", those of the phase drop aside"), ("", ""), ("night", "")])
def test_what_is_said_of_connections_that_were_lost(drop: str, aside: str) -> None:
    lost = run(opened(5, 200), ended(12, 2, "cut off"), ended(40, 1, "closed 1013"))
    found = judged("connections_kept", lost, drop=drop)
    assert (
        found.reason
        == f"3 of 200 connections ended without our asking, most of them with cut off (2){aside}; limit 1 %"
    )
    none = judged("connections_kept", run(opened(5, 200)), drop=drop)
    assert none.reason == f"0 of 200 connections ended without our asking{aside}; limit 1 %"
