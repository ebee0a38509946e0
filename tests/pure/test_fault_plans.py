"""Faults as they are written and planned: every slip is said, and nothing secret is told."""

from __future__ import annotations

import json
import math
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import faults, probes
from harness.config.fault_schedule import behind, parse, read, scheduled
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.faults import PlannedFault
from harness.faults.http_toggle import HttpToggle
from harness.faults.noop import Noop
from harness.faults.stop_process import StopProcess
from harness.faults.tcp_proxy import TcpProxy
from shapes._profile import Phase, Polyline, Profile

FLAT = Polyline(((0, 1), (60, 1)))
PROFILE = Profile((Phase("baseline", 0, 30), Phase("spike", 30, 60)), FLAT, FLAT)
PHASES = {"baseline": 0.0, "spike": 30.0, "step-1": 35.0, "recovery": 40.0}


def test_every_file_is_a_fault_by_its_name() -> None:
    ours = {"haproxy_drain", "http_toggle", "kill_process", "noop", "stop_process", "tcp_proxy"}
    assert ours <= set(faults.available())


@pytest.mark.parametrize(
    ("at", "for_s", "start_s", "end_s"),
    [
        ("spike", 0, 30, 60),
        ("spike+2.5", 10, 32.5, 42.5),
        ("step-1+1", 1, 36, 37),
        ("12", 3, 12, 15),
        (12, 48, 12, 60),
    ],
)
def test_an_instant_is_a_phase_or_seconds(at: str | float, for_s: float, start_s: float, end_s: float) -> None:
    (placed,), wrong = scheduled([PlannedFault(Noop(), at, for_s)], PHASES, 60)
    assert not wrong
    assert (placed.plan.start_s, placed.plan.end_s) == (start_s, end_s)


@pytest.mark.parametrize(
    ("at", "for_s", "words"),
    [
        ("spyke", 0, "no such phase. Give one of baseline, spike, step-1, recovery"),
        ("spyke+1", 0, "no phase 'spyke'"),
        ("spike+x", 0, "no instant"),
        ("spike+nan", 0, "no instant"),
        ("spike+30", 0, "is 60 s, and the run goes from 0 to 60 s"),
        (-1, 0, "is -1 s"),
        (math.nan, 0, "is nan s"),
        ("spike", 31, "ends at 61 s, after the run, which ends at 60 s"),
        ("spike", -1, "give seconds above 0, or 0"),
        ("spike", math.inf, "give seconds above 0, or 0"),
    ],
)
def test_an_instant_outside_the_run_names_the_remedy(at: str | float, for_s: float, words: str) -> None:
    placed, wrong = scheduled([PlannedFault(Noop(), at, for_s), PlannedFault(Noop(), "spike")], PHASES, 60)
    assert len(placed) == 1, "the other one stays"
    assert any(words in line for line in wrong), wrong


@given(st.lists(st.tuples(st.floats(0, 59), st.floats(0.001, 1)), max_size=8))
def test_faults_are_in_the_order_of_their_instants_and_none_is_lost(spans: list[tuple[float, float]]) -> None:
    placed, wrong = scheduled([PlannedFault(Noop(), at, for_s) for at, for_s in spans], PHASES, 60)
    assert not wrong
    assert [fault.plan.start_s for fault in placed] == sorted(at for at, _ in spans)
    assert all(0 <= fault.plan.start_s < fault.plan.end_s <= 60 for fault in placed)
    assert [fault.plan.number for fault in placed] == list(range(1, len(spans) + 1))


def test_several_faults_in_one_text() -> None:
    written, wrong = parse(
        "stop_process port=8000 children=yes at=spike+5 for=10; "
        "tcp_proxy listen=9000 to=127.0.0.1:8000 latency_ms=200 at=40 for=10;"
        'http_toggle url=http://127.0.0.1:8000/x body=\'{"a": "b; c"}\' at=spike'
    )
    assert not wrong
    assert [each.planned for each in written] == [
        PlannedFault(StopProcess(port=8000, children=True), "spike+5", 10),
        PlannedFault(TcpProxy(to="127.0.0.1:8000", listen=9000, latency_ms=200), "40", 10),
        PlannedFault(HttpToggle(url="http://127.0.0.1:8000/x", body='{"a": "b; c"}'), "spike", 0),
    ]


@pytest.mark.parametrize(
    ("host", "leads_to"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("http://127.0.0.1:99999", "http://127.0.0.1:99999"),
        ("http://[::1", "http://[::1"),
        ("", ""),
    ],
)
def test_what_is_behind_a_host_or_the_host_itself_when_it_is_no_address(host: str, leads_to: str) -> None:
    fronting = PlannedFault(TcpProxy(to="127.0.0.1:8000", listen=9000, latency_ms=5), "spike")
    placed, _ = scheduled([fronting], PHASES, 60)
    assert behind(host, placed) == leads_to


def test_nothing_written_is_no_fault() -> None:
    assert parse("") == ([], [])
    assert parse(" ; ;") == ([], [])


def test_all_slips_are_said_at_once() -> None:
    written, wrong = parse(
        "nop at=1; noop; stop_process port=http at=1; noop at=1 for=ever; noop words; =x at=1; "
        "tcp_proxy to=127.0.0.1:1 at=1; kill_process at=1; noop at=1"
    )
    assert sum(each.planned is not None for each in written) == 1
    for words in (
        "no fault 'nop'",
        "noop has no at=",
        "port http: give a whole number",
        "for=ever",
        "noop: word 2 is no key=value",
        "a fault has no name: write a name, and then key=value",
        "nothing would be disturbed",
        "no process is named",
    ):
        assert any(words in line for line in wrong), (words, wrong)
    assert all(line.startswith("--fault") for line in wrong)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stop_process prt=1 at=later for=x", ("no parameter 'prt'", "at=later: the run has no such phase", "for=x")),
        ("nop at=later for=-1", ("no fault 'nop'", "at=later", "for=-1")),
        (
            "noop words at=later for=x; =x at=later",
            ("word 2", "no name", "for=x", "Fault noop: at=later", "A fault: at="),
        ),
        ("noop words=a at=99 for=x", ("for=x", "at=99 is 99 s, and the run goes from 0 to 60 s")),
    ],
)
def test_everything_wrong_with_one_fault_is_said_at_once(text: str, words: tuple[str, ...]) -> None:
    """Its parameters, its instant and its length, whichever of them keeps it from being made."""
    _, problems = read(Scenario("one"), SimpleNamespace(fault=text, allow_host=()), PROFILE)
    for each in words:
        assert any(each in line for line in problems), (each, problems)


def test_one_port_leads_to_one_address() -> None:
    proxies = "; ".join(f"tcp_proxy listen=9000 to=127.0.0.1:{to} latency_ms=1 at=1" for to in (8000, 8000, 8001))
    _, problems = read(Scenario("one"), SimpleNamespace(fault=proxies, allow_host=()), PROFILE)
    assert problems == ["Fault tcp_proxy: port 9000 leads to 127.0.0.1:8000 already: choose another for 127.0.0.1:8001"]


@pytest.mark.parametrize("text", ["http_toggle url=http://127.0.0.1/ token=a hush at=1", "token=hush at=1"])
def test_what_may_be_half_of_a_token_is_not_repeated(text: str) -> None:
    (line,) = parse(text)[1]
    assert "hush" not in line
    assert "word 4" in line or "no name" in line


def test_a_quotation_without_its_end_is_said() -> None:
    (line,) = parse("noop words='x at=1")[1]
    assert "close every quotation" in line


PORTS = st.integers(1, 65535)
FAULTS = st.one_of(
    st.builds(Noop, words=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=20)),
    st.builds(StopProcess, port=PORTS, children=st.booleans()),
    st.builds(TcpProxy, to=st.just("127.0.0.1:80"), listen=PORTS, latency_ms=st.floats(1, 1e6), reset=st.booleans()),
)


@given(FAULTS)
def test_what_is_told_of_a_fault_can_be_written(fault: faults.Fault) -> None:
    (written,), wrong = parse(f"{faults.name_of(fault)} {faults.described(fault)} at=spike")
    assert not wrong
    assert written.planned is not None and written.planned.fault == fault


@given(FAULTS)
def test_a_fault_survives_the_pipe_to_the_process_that_injects_it(fault: faults.Fault) -> None:
    scheduled = faults.ScheduledFault.of(3, fault, 1.5, 20)
    assert faults.ScheduledFault.from_message(json.loads(json.dumps(scheduled.to_message()))) == scheduled


def test_secrets_are_told_nowhere() -> None:
    fault = HttpToggle(
        url="http://name:hush1@127.0.0.1/x?key=hush2", token="hush3", body='{"p": "hush4"}', undo_body='"hush5"'
    )
    assert "hush" not in faults.described(fault).replace("name:hush1", "hush")
    assert "hush" not in faults.described(fault)
    assert "hush3" not in repr(fault) and "hush4" not in repr(fault)
    (placed,), _ = scheduled([PlannedFault(fault, "spike")], PHASES, 60)
    assert "hush" not in placed.plan.description


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("http_toggle", {"url": "127.0.0.1:80/x"}, "Did you mean http://"),
        ("http_toggle", {"url": "http://a/", "body": "{"}, "body is not JSON"),
        ("http_toggle", {"url": "http://a/", "method": "put it"}, "in capitals"),
        ("http_toggle", {"url": "http://a/", "token": "a\r\nb: c"}, "no header may have"),
        ("http_toggle", {"url": "http://a/", "timeout_s": 60.0}, "timeout_s 60.0: give a number from 0.001 to 10"),
        ("stop_process", {"port": 1, "pid": 1}, "give one of"),
        ("stop_process", {"status_file": "x"}, "Choose by role or name"),
        ("stop_process", {"pid": 3, "name": "api1"}, "Give that, too"),
        ("kill_process", {"port": 70000}, "port 70000: give a whole number from 0 to 65535"),
        ("tcp_proxy", {"to": "127.0.0.1", "reset": True}, "Give host:port"),
        ("tcp_proxy", {"to": "127.0.0.1:1/x", "reset": True}, "Give host:port"),
        ("tcp_proxy", {"to": "127.0.0.1:1", "latency_ms": -1.0}, "latency_ms -1.0: give a number of 0 or more"),
        ("haproxy_drain", {"socket": "/x", "server": "api1"}, "Give backend/name"),
        ("haproxy_drain", {"socket": "/x", "server": "api/a; help"}, "Give backend/name"),
        ("haproxy_drain", {"socket": "/x", "server": "a/b", "state": "ready"}, "one of drain, maint"),
        ("haproxy_drain", {"socket": "", "server": "a/b"}, "socket is empty"),
    ],
)
def test_senseless_parameters_name_the_remedy(name: str, parameters: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        faults.load(name, **parameters)  # type: ignore[arg-type]


def test_a_fault_that_a_scenario_makes_itself_is_checked_like_one_from_the_folder() -> None:
    """Values out of bounds, conflicts and wrong types, all at once, and no secret among them."""
    with pytest.raises(ConfigurationError) as made:
        HttpToggle(url="127.0.0.1:80/x", method="put it", timeout_s=60.0)
    with pytest.raises(ConfigurationError) as loaded:
        faults.load("http_toggle", url="127.0.0.1:80/x", method="put it", timeout_s=60.0)
    assert made.value.messages == loaded.value.messages
    assert len(made.value.messages) == 3
    with pytest.raises(ConfigurationError) as mistyped:
        HttpToggle("http://a/", token=("hush",))  # type: ignore[arg-type]
    assert mistyped.value.messages == ("Fault http_toggle: token (secret): give text",)


@pytest.mark.parametrize("folder", [faults, probes])
def test_every_parameter_says_what_it_is(folder: ModuleType) -> None:
    for name in folder.available():
        for each in folder.parameters(name):
            assert each.help and not each.help.endswith("."), f"{name}: {each.name}"
