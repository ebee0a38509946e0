"""The probe ``kubernetes_pods`` against documents and pages of kube-apiserver 1.31, metrics-server 0.7 and cAdvisor,
written after the public references: no cluster runs where these tests do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from harness import probes
from harness.analysis.processes import processes
from harness.analysis.restarts import ended, oom_kills, restarts
from harness.clients.connection import NoAnswerError
from harness.clients.kubernetes import quantity
from harness.errors import ConfigurationError
from harness.probes import Probe, Reading, _pod_usage, kubernetes_pods
from harness.probes._container_meter import CounterMeter
from harness.recording import ProbeSample
from tests import recordings
from tests.faults.engine import TOKEN, Documented, Request, listening

PAGE = """# HELP container_cpu_cfs_periods_total Number of elapsed enforcement period intervals.
# TYPE container_cpu_cfs_periods_total counter
container_cpu_cfs_periods_total{{container="web",id="/kubepods/pod1/a",image="w:1",name="a",namespace="shop",pod="web-1"}} {periods} {ms}
container_cpu_cfs_throttled_periods_total{{container="web",id="/kubepods/pod1/a",namespace="shop",pod="web-1"}} {throttled} {ms}
container_cpu_cfs_throttled_seconds_total{{container="web",id="/kubepods/pod1/a",namespace="shop",pod="web-1"}} 1.5 {ms}
container_cpu_usage_seconds_total{{container="",cpu="total",id="/kubepods/pod1",namespace="shop",pod="web-1"}} 99 {ms}
container_cpu_usage_seconds_total{{container="web",cpu="total",id="/kubepods/pod1/a",namespace="shop",pod="web-1"}} {cpu_s} {ms}
container_memory_working_set_bytes{{container="web",id="/kubepods/pod1/a",namespace="shop",pod="web-1"}} 1.2e+08 {ms}
container_memory_working_set_bytes{{container="POD",id="/kubepods/pod1/b",namespace="shop",pod="web-1"}} 7 {ms}
container_oom_events_total{{container="web",id="/kubepods/pod1/a",namespace="shop",pod="web-1"}} {ooms} {ms}
container_memory_working_set_bytes{{container="web",id="/kubepods/pod9/a",namespace="other",pod="web-1"}} 9 {ms}
machine_cpu_cores{{boot_id="x"}} 8
"""  # noqa: E501


class Cluster(Documented):
    """One pod of the namespace shop, web-1, with one container, web."""

    def __init__(self) -> None:
        super().__init__()
        self.second = 0
        self.restarts = 0
        self.ooms = 0
        """As the kernel counts them."""
        self.pods = 1
        self.managed = ""
        self.limits = {"cpu": "250m", "memory": "256Mi"}
        self.limits_of_pod: dict[str, str] = {}
        self.state: dict[str, Any] = {"running": {"startedAt": "2026-03-14T09:20:00Z"}}
        self.last: dict[str, Any] = {}
        self.statuses: list[dict[str, Any]] | None = None
        self.metrics_are_read = True
        self.refused: dict[str, int] = {}
        """Beginning of a path → status."""
        self.is_being_deleted = False
        self.phase = "Running"
        self.labels = {"app": "web"}
        self.pages = 1
        """Of the list of pods, the last of which has them all."""

    def answer(self, request: Request) -> tuple[int, Any]:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        for path, status in self.refused.items():
            if request.path.startswith(path):
                return status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
        if request.path == "/api/v1/nodes/node-1/proxy/metrics/cadvisor":
            at_s = self.second if self.metrics_are_read else 0
            ms = 1773480400000 + 1000 * at_s
            return 200, PAGE.format(periods=10 * at_s, throttled=4 * at_s, cpu_s=0.2 * at_s, ooms=self.ooms, ms=ms)
        assert request.query["labelSelector"] == "app=web"
        if request.path == "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods":
            return 200, {"kind": "PodMetricsList", "items": [self._metrics()]}
        assert request.path == "/api/v1/namespaces/shop/pods"
        page = int(request.query.get("continue", "1+/").removesuffix("+/"))
        if page < self.pages:
            return 200, {"kind": "PodList", "metadata": {"continue": f"{page + 1}+/"}, "items": []}
        return 200, {"kind": "PodList", "apiVersion": "v1", "items": [self._pod()] * self.pods}

    def _metrics(self) -> dict[str, Any]:
        return {
            "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}},
            "timestamp": f"2026-03-14T09:26:{self.second if self.metrics_are_read else 0:02d}Z",
            "window": "15.02s",
            "containers": [{"name": "web", "usage": {"cpu": "187654321n", "memory": "131072Ki"}}],
        }

    def _pod(self) -> dict[str, Any]:
        status = {
            "name": "web",
            "state": self.state,
            "lastState": self.last,
            "ready": "running" in self.state,
            "restartCount": self.restarts,
            "image": "w:1",
        }
        return {
            "metadata": {
                "name": "web-1",
                "namespace": "shop",
                "uid": "0c1a",
                "labels": self.labels,
                "managedFields": [self.managed],
            }
            | ({"deletionTimestamp": "2026-03-14T09:26:00Z"} if self.is_being_deleted else {}),
            "spec": {
                "nodeName": "node-1",
                "resources": {"limits": self.limits_of_pod},
                "containers": [{"name": "web", "resources": {"limits": self.limits}}],
            },
            "status": {"phase": self.phase, "containerStatuses": [status] if self.statuses is None else self.statuses},
        }

    def end(self, reason: str, code: int, *, again: bool) -> None:
        terminated = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-03-14T09:26:05Z"}}
        self.last = terminated
        if again:
            self.restarts += 1
            self.state = {"running": {"startedAt": f"2026-03-14T09:26:{self.restarts:02d}Z"}}
        else:
            self.state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed web"}}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with listening(cluster) as place:
        yield f"http://{place}"


@pytest.fixture
def token(tmp_path: Path) -> str:
    (tmp_path / "token").write_text(TOKEN)
    return str(tmp_path / "token")


def pods(url: str, token: str, **more: Any) -> Probe:
    return probes.load("kubernetes_pods", selector="app=web", namespace="shop", url=url, token_file=token, **more)


def only(probe: Probe) -> Reading:
    (reading,) = probe.sample()
    return reading


def test_use_of_the_metrics_api_beside_limits_and_restarts_of_the_pod(url: str, token: str) -> None:
    reading = only(pods(url, token))
    assert (reading.source, reading.error) == ("shop/web-1/web", None)
    assert reading.values == {
        "memory_age_s": 0,
        "memory_working_set_bytes": 128 << 20,
        "memory_limit_bytes": 256 << 20,
        "cpu_ratio": pytest.approx(0.187654321),
        "cpu_limit_cores": 0.25,
        "restarts": 0,
        "oom_kills": 0,
        "running": 1,
        "create_time_s": 1773480000.0,
    }


def test_what_is_not_said_of_a_container_is_nothing() -> None:
    """One that has never been restarted, in a pod without limits."""
    probe: Any = probes.load("kubernetes_pods", selector="app=web", usage="none")
    assert probe._of_container("shop/web-1/web", {"state": {"running": {}}}, {}, None) == Reading.of(
        "shop/web-1/web", {"restarts": 0, "oom_kills": 0, "running": 1, "cpu_limit_cores": 0}
    )


def test_throttling_is_on_the_page_of_the_kubelet(cluster: Cluster, url: str, token: str) -> None:
    """A page that has not been drawn up anew tells of no time in between."""
    probe = pods(url, token, usage="kubelet")
    cluster.second = 10
    assert "cpu_ratio" not in only(probe).values
    cluster.second = 20
    values = only(probe).values
    assert values["memory_working_set_bytes"] == 120e6
    assert (values["cpu_ratio"], values["cpu_throttled_ratio"]) == (pytest.approx(0.2), pytest.approx(0.4))
    assert (values["cpu_periods_total"], values["cpu_throttled_periods_total"]) == (200, 80)
    again = only(probe).values
    assert "cpu_ratio" not in again
    assert again["cpu_periods_total"] == 200


def test_of_a_container_that_is_on_the_page_twice_the_newer_one_counts() -> None:
    line = 'container_memory_working_set_bytes{container="web",namespace="shop",pod="p"}'
    page = f"{line} 7 2000\n{line} 9 3000\n"
    assert _pod_usage.on_page(page)["shop", "p", "web"].values["memory_working_set_bytes"] == 9


def test_restarts_oom_kills_and_a_container_that_does_not_come_back(cluster: Cluster, url: str, token: str) -> None:
    probe, samples = pods(url, token), []
    for second in range(9):
        cluster.second = second
        if second == 3:
            cluster.end("OOMKilled", 137, again=True)
        if second == 6:
            cluster.end("Error", 1, again=False)
        reading = only(probe)
        samples.append(ProbeSample(second, "kubernetes_pods", reading.source, reading.values, reading.error))
    recording = dataclasses.replace(recordings.healthy(), probes=tuple(samples), marks=())
    (found,) = restarts(recording)
    assert (found.source, found.is_certain, found.is_oom) == ("shop/web-1/web", True, True)
    assert found.how == "started again, restarts 0, then 1"
    assert oom_kills(recording) == 1
    assert [str(each) for each in ended(recording)] == ["shop/web-1/web at 6 s (exit code 1)"]


def test_kills_count_from_the_first_sample_on_whoever_tells_of_them(cluster: Cluster, url: str, token: str) -> None:
    """The kernel counts anew in the group of each start. Its page may still be that of the start before."""
    probe, counts = pods(url, token, usage="kubelet"), []
    cluster.ooms = 2
    for second in range(8):
        cluster.second = 10 + second
        if second == 1:
            cluster.ooms = 3
        if second == 3:
            cluster.end("OOMKilled", 137, again=True)
            cluster.state = {"running": {"startedAt": "2026-03-14T09:26:54Z"}}  # second 14 of the page's clock
        if second == 5:
            cluster.ooms = 0
        if second == 6:
            cluster.ooms = 1
        counts.append(only(probe).values["oom_kills"])
    assert counts == [0, 1, 1, 2, 2, 2, 3, 3]


def test_a_pod_that_comes_again_under_its_name_counts_restarts_anew(cluster: Cluster, url: str, token: str) -> None:
    probe = pods(url, token)
    cluster.restarts = 3
    assert only(probe).values["oom_kills"] == 0
    cluster.restarts = 0
    assert only(probe).values["oom_kills"] == 0
    cluster.end("OOMKilled", 137, again=True)
    assert only(probe).values["oom_kills"] == 1


def test_periods_without_those_that_were_throttled_are_no_ratio() -> None:
    meter = CounterMeter()
    meter.read(1.0, 1.0, {"periods": 10.0})
    assert meter.read(2.0, 1.5, {"periods": 20.0}) == {"cpu_periods_total": 20.0, "cpu_ratio": 0.5}


def test_two_hundred_pods_with_all_that_is_kept_of_them_are_listed(cluster: Cluster, url: str, token: str) -> None:
    cluster.pods, cluster.managed = 200, "f:" * 10_000
    readings = list(pods(url, token).sample())
    assert len(readings) == 200
    assert readings[0].error is None


def test_a_list_that_comes_in_pages_is_read_to_its_end(cluster: Cluster, url: str, token: str) -> None:
    """Else the pods of the second page would grow, and be killed, unseen."""
    cluster.pages = 3
    assert only(pods(url, token)).source == "shop/web-1/web"
    cluster.pages = 1000
    assert only(pods(url, token)).error == "the list of the pods of shop has more than 20 pages"


def test_pods_that_have_not_the_labels_are_not_those_that_were_asked_for(
    cluster: Cluster, url: str, token: str
) -> None:
    cluster.labels = {"app": "another"}
    assert only(pods(url, token)).error == (
        "the answer has pods of shop without app=web: does a proxy take the selector away?"
    )


def test_a_limit_may_be_that_of_the_pod_and_without_any_the_quota_is_0(cluster: Cluster, url: str, token: str) -> None:
    cluster.limits = {}
    free = only(pods(url, token)).values
    assert free["cpu_limit_cores"] == 0
    assert "memory_limit_bytes" not in free
    cluster.limits_of_pod = {"cpu": "2"}
    assert only(pods(url, token)).values["cpu_limit_cores"] == 2


def test_without_a_metrics_server_starts_are_known_and_memory_is_not(cluster: Cluster, url: str, token: str) -> None:
    cluster.refused = {"/apis/metrics.k8s.io": 404}
    error = only(pods(url, token)).error
    assert (
        error == "the metrics API is not served (HTTP 404): install metrics-server, or give usage=kubelet or usage=none"
    )
    values = only(pods(url, token, usage="none")).values
    assert values["restarts"] == 0
    sample = ProbeSample(1.0, "kubernetes_pods", "shop/web-1/web", values)
    recording = dataclasses.replace(recordings.healthy(), probes=(sample,), marks=())
    (one,) = processes(recording).values()
    assert (one.is_identified, len(one.memory[0])) == (True, 0)


def test_an_account_without_the_right_is_told_which_one(cluster: Cluster, url: str, token: str) -> None:
    cluster.refused = {"/api/v1/nodes": 403}
    error = only(pods(url, token, usage="kubelet")).error or ""
    assert "the account may not get the nodes/proxy node-1: give it a Role with the verb get" in error
    cluster.refused = {"/api/v1/namespaces": 403}
    assert "may not list the pods of shop" in (only(pods(url, token)).error or "")


def test_figures_that_nobody_reads_any_more_are_a_failure(
    cluster: Cluster, url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [1000.0]
    monkeypatch.setattr("harness.probes.kubernetes_pods.time.monotonic", lambda: now_s[0])
    probe = pods(url, token)
    assert only(probe).error is None
    cluster.metrics_are_read = False
    for after_s, failed in ((89, False), (91, True)):
        now_s[0] = 1000.0 + after_s
        assert bool(only(probe).error) is failed


@pytest.mark.parametrize(
    ("clock_s", "ages_s"),
    [(0.0, (0, 30)), (60.0, (60, 60)), (299.0, (299, 299)), (301.0, (0, 30)), (-5.0, (0, 30))],
)
def test_figures_are_as_old_as_they_say_or_as_they_were_seen_to_be(
    cluster: Cluster, url: str, token: str, monkeypatch: pytest.MonkeyPatch, clock_s: float, ages_s: tuple[int, int]
) -> None:
    """By the clock of the cluster, where it can be ours, and for as long as they have not changed."""
    read_at_s = datetime.fromisoformat("2026-03-14T09:26:00Z").timestamp() + cluster.second
    now_s = [1000.0]
    monkeypatch.setattr("harness.probes.kubernetes_pods.time.monotonic", lambda: now_s[0])
    monkeypatch.setattr("harness.probes.kubernetes_pods.time.time", lambda: read_at_s + clock_s)
    probe = pods(url, token)
    assert only(probe).values["memory_age_s"] == ages_s[0]
    now_s[0] += 30
    assert only(probe).values["memory_age_s"] == ages_s[1]


@pytest.mark.parametrize("usage", ["metrics", "kubelet"])
@pytest.mark.parametrize("ahead_s", [-45.0, 0.0, 45.0, 4000.0])
@pytest.mark.parametrize("age_s", [0, 20, 60])
def test_what_another_clock_says_is_held_against_that_clock(
    cluster: Cluster, url: str, token: str, monkeypatch: pytest.MonkeyPatch, usage: str, ahead_s: float, age_s: int
) -> None:
    """Ours may be ahead, so that fresh figures look old, or behind, so that old ones look fresh."""
    read_at_s = datetime.fromisoformat("2026-03-14T09:26:00Z").timestamp() if usage == "metrics" else 1773480400.0
    cluster.clock_s = read_at_s + cluster.second + age_s
    monkeypatch.setattr("harness.probes.kubernetes_pods.time.time", lambda: cluster.clock_s + ahead_s)
    assert only(pods(url, token, usage=usage)).values["memory_age_s"] == age_s


@pytest.mark.parametrize(("every_s", "longest_s"), [(15, 37.5), (5, 20), (60, 90)])
def test_who_is_known_to_read_often_is_missed_sooner(
    cluster: Cluster, url: str, token: str, monkeypatch: pytest.MonkeyPatch, every_s: int, longest_s: float
) -> None:
    """A metrics server that stops as the spike begins says nothing of the end of a run of 90 s."""
    now_s = [1000.0]
    monkeypatch.setattr("harness.probes.kubernetes_pods.time.monotonic", lambda: now_s[0])
    probe = pods(url, token)
    assert only(probe).error is None
    for _ in range(2):
        now_s[0] += every_s
        cluster.second += 1
        assert only(probe).error is None
    for after_s, failed in ((longest_s - 1, False), (longest_s + 1, True)):
        now_s[0] = 1000.0 + 2 * every_s + after_s
        assert bool(only(probe).error) is failed


def test_a_server_that_is_away_fails_for_each_container_that_was_known(cluster: Cluster, url: str, token: str) -> None:
    probe = pods(url, token)
    assert only(probe).error is None
    cluster.broken = (500, None)
    reading = only(probe)
    assert (reading.source, (reading.error or "")[:8]) == ("shop/web-1/web", "HTTP 500")


def test_a_pod_that_is_taken_away_is_not_read(cluster: Cluster, url: str, token: str) -> None:
    cluster.is_being_deleted = True
    reading = only(pods(url, token))
    assert reading.error == "no pod of shop has app=web: check selector and namespace"


def test_an_evicted_pod_counts_where_it_was_watched_and_not_where_it_only_stays_in_the_list(
    cluster: Cluster, url: str, token: str
) -> None:
    probe = pods(url, token)
    assert only(probe).values["running"] == 1
    cluster.phase, cluster.statuses = "Failed", []
    assert only(probe).values == {"running": 0}
    assert "no pod of shop has app=web" in (only(pods(url, token)).error or "")


def test_one_that_waits_for_its_first_start_may_come(cluster: Cluster, url: str, token: str) -> None:
    cluster.state = {"waiting": {"reason": "ContainerCreating"}}
    reading = only(pods(url, token))
    assert (reading.error, reading.may_come) == ("container shop/web-1/web does not run: ContainerCreating", True)
    cluster.state = {"waiting": {"reason": "CrashLoopBackOff"}}
    assert not only(pods(url, token)).may_come
    cluster.statuses = []
    assert only(pods(url, token)).error == "pod web-1 does not run: Running"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("187654321n", 0.187654321),
        ("12u", 12e-6),
        ("2", 2.0),
        ("131072Ki", 128 << 20),
        ("1.5Gi", 1.5 * (1 << 30)),
        ("129M", 129e6),
        ("129e6", 129e6),
        ("1E", 1e18),
    ],
)
def test_quantities(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "m", "1ki", "1 Gi", None, "1e", "Ki", "--1"])
def test_what_is_no_quantity(text: object) -> None:
    with pytest.raises(NoAnswerError, match="is no quantity"):
        quantity(text)


def test_what_is_wrong_is_said_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        probes.load("kubernetes_pods", selector=" ", url="http://api.example", token_file="/t")
    assert len(caught.value.messages) == 2
    with pytest.raises(ConfigurationError, match="usage"):
        probes.load("kubernetes_pods", selector="app=web", usage="guess")


def test_figures_that_were_there_when_the_probe_began_do_not_tell_how_often_they_come() -> None:
    """How long they had been there nobody knows: the interval is that of those that were seen to come."""
    known = kubernetes_pods._Container(0.0)
    seen = []
    for read_at, now_s in (("10:00", 10.0), ("10:01", 15.0), ("10:02", 45.0), ("10:03", 55.0)):
        known.note_reading(read_at, now_s)
        seen.append((known.interval_s, known.changed_s, known.is_first))
    assert seen == [(0.0, 10.0, True), (0.0, 15.0, False), (30.0, 45.0, False), (30.0, 55.0, False)]
