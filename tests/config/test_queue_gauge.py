"""``--queue-gauge``: where a queue is read, and where whether a target comes back by itself is judged."""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria, probes
from harness.config import queue_gauge, settings
from harness.config.scenario import STANDARD, Scenario
from harness.errors import ConfigurationError
from harness.recording import CriterionSpec
from tests.config.test_options import HOST, Small, values
from tests.probes.loopback import answer, serving

REMEDY = "name a gauge with --queue-gauge"


def read(text: str) -> queue_gauge.QueueGauge:
    problems: list[str] = []
    found = queue_gauge.read(text, problems)
    assert problems == []
    return found


def test_addresses_are_probed_and_names_are_taken_as_they_are() -> None:
    found = read("http://a/metrics#waiting ; http://b/status#received - handled; haproxy/queue")
    sampled = [
        probes.load("queue", url="http://a/metrics", length="waiting"),
        probes.load("queue", url="http://b/status", length="received", handled="handled"),
    ]
    assert list(found.probes) == sampled
    assert found.gauge == "haproxy/queue;queue/length"
    assert read("") == queue_gauge.QueueGauge()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "http://a/metrics",
            "--queue-gauge http://a/metrics: name the gauge behind the address, e.g. --queue-gauge http",
        ),
        ("ftp://a/metrics#x", "ftp"),
        ("http://#x", "http://"),
    ],
)
def test_a_slip_is_one_line_before_the_run(text: str, problem: str) -> None:
    one = Scenario("one", criteria=STANDARD)
    with pytest.raises(ConfigurationError) as caught:
        settings.read(values(one, queue_gauge=text), one, Small(), HOST)
    (line,) = caught.value.messages
    assert problem in line


def test_a_name_that_nothing_samples_is_refused_with_those_that_there_are() -> None:
    with serving(answer('{"waiting": 1, "busy": 2}')) as url:
        sampled = [probes.load("http_json", url=url)]
        assert list(queue_gauge.name_problems(read("waiting; http_json/busy"), sampled)) == []
        assert list(queue_gauge.name_problems(read("queued"), [])) != []
        (line,) = queue_gauge.name_problems(read("queued - waiting"), sampled)
    assert line.startswith(
        "--queue-gauge queued: nothing sampled is called so; there are http_json/waiting, http_json/busy; or give"
    )


def metastability(one: Scenario, **given: str) -> list[CriterionSpec]:
    read = settings.read(values(one, **given), one, Small(), HOST)
    return [spec for spec in read.criteria if spec.criterion == "metastability"]


def test_it_is_judged_wherever_a_recovery_is_of_the_same_phases() -> None:
    recovery = CriterionSpec("recovery_time", {"spike": "drop", "limit_s": 4.0, "floor_s": 0.2})
    assert metastability(Scenario("one", criteria=("error_ratio",))) == []
    shared = {"spike": "drop", "floor_s": 0.2, "only_where_measured": True, "remedy": REMEDY}
    assert metastability(Scenario("one", criteria=(recovery,))) == [CriterionSpec("metastability", shared)]
    assert metastability(Scenario("one", criteria=(recovery,)), without="metastability") == []
    (named,) = metastability(Scenario("one", criteria=(recovery, "metastability")))
    assert named == CriterionSpec("metastability", {"remedy": REMEDY})


def test_each_recovery_that_is_judged_of_other_requests_has_its_own() -> None:
    """What buyers meet says nothing of readers; what is asked twice of the same requests is answered once."""
    recoveries = [
        CriterionSpec("recovery_time", {"requests": "@Buyer"}),
        CriterionSpec("recovery_time", {"requests": "@Buyer", "limit_s": 5.0, "name": "soon"}),
        CriterionSpec("recovery_time", {"requests": "@Reader", "name": "readers"}),
    ]
    found = metastability(Scenario("one", criteria=recoveries))
    assert [(spec.parameters.get("name"), spec.parameters["requests"]) for spec in found] == [
        (None, "@Buyer"),
        ("metastability of readers", "@Reader"),
    ]


def test_the_gauge_reaches_the_criterion_and_the_sampler() -> None:
    one = Scenario("one", criteria=STANDARD)
    given = settings.read(values(one, queue_gauge="http://127.0.0.1:1/m#waiting"), one, Small(), HOST)
    assert probes.load("queue", url="http://127.0.0.1:1/m", length="waiting") in given.probes
    (spec,) = (spec for spec in given.criteria if spec.criterion == "metastability")
    assert spec.parameters["gauge"] == "queue/length"


def test_the_web_form_cannot_set_it() -> None:
    """It is an address, and more people reach the page than the command line."""
    (option,) = (each for each in settings.GENERAL if each.name == "queue_gauge")
    assert not option.in_web_form and not dataclasses.replace(option, web=None).in_web_form


def test_each_of_them_can_be_left_out_by_its_name() -> None:
    specs = (CriterionSpec("recovery_time"), CriterionSpec("recovery_time", {"name": "readers", "requests": "@Reader"}))
    second = "metastability of readers"
    assert [criteria.name_of(spec) for spec in queue_gauge.by_default(specs, ())] == ["metastability", second]
    assert [criteria.name_of(spec) for spec in queue_gauge.by_default(specs, (second,))] == ["metastability"]
    assert not list(queue_gauge.by_default(specs, ("metastability",)))
