"""The folder of probes is the list of probes."""

from __future__ import annotations

import json

import pytest

from harness import probes
from harness.errors import ConfigurationError


def test_every_file_is_a_probe_by_its_name() -> None:
    assert {"http_json", "noop", "pool", "postgres", "process", "prometheus"} <= set(probes.available())
    assert not any(name.startswith("_") for name in probes.available())


def test_noop_answers_its_value() -> None:
    assert list(probes.load("noop", value=3).sample()) == [probes.Reading("noop", {"value": 3.0})]


@pytest.mark.parametrize(
    "probe",
    [
        probes.load("noop", value=1.5),
        probes.load("process", pids=[1], status_file="state.json", roles=("api", "db")),
        probes.load("http_json", url="http://127.0.0.1:1/x", keys=["a.*"]),
        probes.load("prometheus", urls=("http://127.0.0.1:1/metrics",), timeout_s=1),
        probes.load("pool", urls=("http://127.0.0.1:1/metrics",), size="8", in_use='busy{pool="a"}'),
        probes.load("postgres", dsn="postgresql://me:secret@127.0.0.1/db", application_name="api*"),
    ],
)
def test_a_probe_survives_json(probe: probes.Probe) -> None:
    again = probes.from_data(json.loads(json.dumps(probes.as_data(probe))))
    assert again == probe
    assert isinstance(again, probes.Probe)


def test_unknown_probe_lists_the_valid_ones() -> None:
    with pytest.raises(ConfigurationError, match=", ".join(probes.available())):
        probes.load("thermometer")
    with pytest.raises(ConfigurationError, match=r"no probe 'processes'\. Did you mean process\?"):
        probes.load("processes")


def test_all_wrong_parameters_are_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        probes.load("http_json", keys="all", timeout="1")
    assert len(caught.value.messages) == 3
    text = str(caught.value)
    assert "no parameter 'timeout'" in text and "Valid ones: url, keys, timeout_s" in text
    assert "parameter url is missing" in text
    assert "give a list of text" in text


@pytest.mark.parametrize(
    ("name", "parameters", "remedy"),
    [
        ("process", {}, "Give pids, ports or status_file"),
        ("process", {"pids": (0,)}, r"pids \(0,\): give a list of whole numbers of 1 or more"),
        (
            "process",
            {"ports": (70000,)},
            r"Probe process: ports \(70000,\): give a list of whole numbers from 1 to 65535",
        ),
        ("process", {"status_file": "x", "roles": ()}, "Name at least one"),
        ("process", {"pids": (True,)}, "list of whole numbers"),
        ("http_json", {"url": "localhost:80"}, "Did you mean http://localhost:80"),
        ("http_json", {"url": "http://127.0.0.1", "timeout_s": 0}, "timeout_s 0.0: give a number of 0.001 or more"),
        ("prometheus", {"urls": ()}, "at least one"),
        ("pool", {"urls": (), "size": "8", "in_use": "busy"}, "at least one"),
        ("pool", {"urls": ("http://a",), "size": "many{", "in_use": "busy"}, "size is 'many{'. Give a metric"),
        ("pool", {"urls": ("http://a",), "size": "8", "in_use": "8"}, "in_use is '8'. Give a metric"),
        ("postgres", {"dsn": "postgresql://me:secret@/db"}, "names no host"),
        ("postgres", {"dsn": "not = a ' dsn"}, "cannot be read"),
        ("prometheus", {"urls": ("ftp://a", "http://b:x")}, "Use http://"),
    ],
)
def test_senseless_parameters_name_the_remedy(name: str, parameters: dict[str, object], remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        probes.load(name, **parameters)  # type: ignore[arg-type]


def test_what_is_no_finite_number_does_not_enter_a_reading() -> None:
    values = {"a": 1, "b": float("nan"), "c": float("inf")}
    assert probes.Reading.of("x", values).values == {"a": 1.0}
