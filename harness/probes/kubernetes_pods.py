"""Memory, CPU, throttling, OOM kills and restarts of the containers of pods, by Kubernetes' API server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from harness.analysis import quota, target_memory
from harness.clients.connection import NoAnswerError
from harness.clients.kubernetes import ApiServer, access_problems, list_in, namespace_of, part_of, quantity
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._container_meter import COUNTERS, CounterMeter
from harness.probes._pod_usage import Usage, of_kubelets, of_metrics

METRICS, KUBELET, NONE = "metrics", "kubelet", "none"
STALE_S = 90.0
"""Figures that have not changed for so long come from a metrics server, or a kubelet, that has stopped: six times the
interval at which one looks by default …
"""
STALE_INTERVALS, SOONEST_STALE_S = 2.5, 20.0
"""… and so many of the longest interval that was seen, once there was one, but not sooner than this: in a run of a
minute or two, figures of before the spike would else be those of its end.
"""
LARGEST_AGE_S = 300.0
"""By which a figure may seem to be older than it was passed on: beyond that, clocks differ."""
OOM = "OOMKilled"
COMING = ("ContainerCreating", "PodInitializing", "Pending")
"""What is said of a container that is on its way to its first start; any other fails, again and again."""


@dataclass
class _Container:
    restarts: float
    oom_kills: float = 0.0
    kernel_oom_kills: float | None = None
    """As the kernel counted them last in the group of this start; None before it was read."""
    has_run: bool = False
    meter: CounterMeter = field(default_factory=CounterMeter)
    read_at: float | str = ""
    """When its figures were read, in the words of whoever did."""
    changed_s: float = 0.0
    interval_s: float = 0.0
    """Longest time from one reading to the next; 0 before two of them were seen to come."""
    is_first: bool = True
    """What is known was there when the probe began, or is nothing: how old it is nobody knows."""

    @property
    def stale_s(self) -> float:
        """So old figures may become."""
        return min(STALE_S, max(SOONEST_STALE_S, STALE_INTERVALS * self.interval_s)) if self.interval_s else STALE_S

    def note_reading(self, read_at: float | str, now_s: float) -> None:
        if self.read_at and not self.is_first:
            self.interval_s = max(self.interval_s, now_s - self.changed_s)
        self.is_first = not self.read_at
        self.read_at, self.changed_s = read_at, now_s


@dataclass(frozen=True)
class KubernetesPods(Probe):
    """Figures of the containers of those pods of ``namespace`` that have the labels ``selector`` (``app=web``).
    Sources are ``namespace/pod/container``. A pod that is being deleted is taken away on purpose, and is not read.

    From the pods themselves: ``restarts``, and ``create_time_s``, Unix time of the latest start; ``running`` 0 while a
    container that has run does not, with the ``exit_code`` of its end; ``oom_kills`` since the probe began, as often
    as its latest end was OOMKilled; ``memory_limit_bytes``, where it has a limit; ``cpu_limit_cores``, 0 without. With
    ``usage=metrics``, from the metrics API (metrics.k8s.io/v1beta1, by metrics-server): ``memory_working_set_bytes``
    and ``cpu_ratio``, 1.0 = one core, both of a window that ends up to 15 s or more before. With ``usage=kubelet``,
    from cAdvisor's page in the kubelet of each node, read about every 10 s there: the same, with
    ``cpu_throttled_ratio``, the share of the periods of the CPU limit in which it was used up, its counters
    ``cpu_periods_total``, ``cpu_throttled_periods_total`` and ``cpu_throttled_s_total``, and in ``oom_kills`` also what
    the kernel killed while the container went on. Figures that have not changed for 90 s, or for two and a
    half of the longest interval that was seen between two of them (20 s at least), are a failed reading;
    ``memory_age_s`` says how old they are.

    The account may list pods (and ``pods`` of metrics.k8s.io); for ``usage=kubelet`` it needs ``get`` of
    ``nodes/proxy``, which lets whoever has its token run commands in every pod of the node: use it where that does not
    matter.
    https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
    https://kubernetes.io/docs/reference/instrumentation/metrics/
    """

    watches_processes: ClassVar[bool] = True

    selector: str = parameter(help="labels of the pods, e.g. app=web")
    usage: str = parameter(METRICS, "where memory and CPU are read", choices=(METRICS, KUBELET, NONE))
    url: str = parameter("https://kubernetes.default.svc", "address of the API server")
    namespace: str = parameter("", "namespace of the pods; empty: our own pod's, else default")
    token_file: str = parameter("", "file with the bearer token; empty: our pod's, if there is one")
    ca_file: str = parameter("", "certificates of the authorities, PEM; empty: our pod's, else the system's")
    timeout_s: float = parameter(2.0, "longest time for one request", lowest=0.001)
    _known: dict[str, _Container] = field(default_factory=dict, init=False, repr=False, compare=False)

    def conflicts(self) -> Iterator[str]:
        yield from access_problems(self.url, self.token_file)
        if not self.selector.strip():
            yield "selector is empty. Give the labels of the pods, e.g. app=web"

    def sample(self) -> Iterator[Reading]:
        source = f"{self.namespace or 'the pod'}/{self.selector}"
        try:
            namespace = namespace_of(self.namespace)
            source = f"{namespace}/{self.selector}"
            pods = [pod for pod in self._server.pods(namespace, self.selector) if self._is_watched(namespace, pod)]
            if not pods:
                yield Reading.failed(source, f"no pod of {namespace} has {self.selector}: check selector and namespace")
                return
            used = self._used(namespace, pods)
            readings = [reading for pod in pods for reading in self._of_pod(namespace, pod, used)]
        except NoAnswerError as error:
            # What is known must not look as if it had been taken away on purpose.
            for known in list(self._known) or [source]:
                yield Reading.failed(known, str(error))
            return
        yield from readings

    def _is_watched(self, namespace: str, pod: Mapping[str, Any]) -> bool:
        """Not one that is taken away; nor one that was over before anybody looked, as evicted ones stay in the list."""
        metadata = part_of(pod, "metadata")
        if "deletionTimestamp" in metadata:
            return False
        beginning = f"{namespace}/{metadata.get('name')}/"
        has_run = any(each.has_run for source, each in self._known.items() if source.startswith(beginning))
        return has_run or part_of(pod, "status").get("phase") not in ("Succeeded", "Failed")

    def _used(self, namespace: str, pods: list[Mapping[str, Any]]) -> Mapping[tuple[str, str], Usage]:
        """By pod and container. Raises NoAnswerError."""
        if self.usage == METRICS:
            return of_metrics(self._server, namespace, self.selector)
        if self.usage == KUBELET:
            nodes = {str(part_of(pod, "spec").get("nodeName") or "") for pod in pods}
            return of_kubelets(self._server, namespace, nodes - {""})
        return {}

    def _of_pod(
        self, namespace: str, pod: Mapping[str, Any], used: Mapping[tuple[str, str], Usage]
    ) -> Iterator[Reading]:
        name = str(part_of(pod, "metadata").get("name"))
        status = part_of(pod, "status")
        spec = part_of(pod, "spec")
        # A limit of the pod as a whole holds for each of its containers.
        limits = {str(each.get("name")): {**_limits(spec), **_limits(each)} for each in list_in(spec, "containers")}
        told = {str(each.get("name")): each for each in list_in(status, "containerStatuses")}
        for container, limit in limits.items():
            source = f"{namespace}/{name}/{container}"
            if container not in told:
                # An evicted pod has none left, one that waits for a node none yet.
                why = str(status.get("message") or status.get("reason") or status.get("phase"))
                yield self._of_waiting(source, f"pod {name} does not run: {why}", {})
                continue
            yield self._of_container(source, told[container], limit, used.get((name, container)))

    def _of_container(
        self, source: str, status: Mapping[str, Any], limit: Mapping[str, Any], usage: Usage | None
    ) -> Reading:
        state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
        restarts = float(status.get("restartCount", 0))
        known = self._known.setdefault(source, _Container(restarts))
        if restarts != known.restarts:
            # Of several ends between two samples only the last one is told; another pod of that name has fewer.
            known.oom_kills += restarts > known.restarts and last.get("reason") == OOM
            known.restarts, known.kernel_oom_kills = restarts, 0.0
        running = state.get("running")
        if running is None:
            ended = state.get("terminated") or last
            why = (state.get("waiting") or ended).get("reason") or "it waits"
            text = f"container {source} does not run: {why}"
            return self._of_waiting(source, text, {"restarts": restarts, **_ending(ended)})
        known.has_run = True
        values = {"restarts": restarts, "running": 1.0, "oom_kills": known.oom_kills}
        if started_s := _unix_s(running.get("startedAt")):
            values["create_time_s"] = started_s
        if "memory" in limit:
            values[target_memory.LIMIT] = quantity(limit["memory"])
        values[quota.LIMIT] = quantity(limit.get("cpu", 0))
        if self.usage == NONE:
            return Reading.of(source, values)
        now_s = time.monotonic()
        if usage is None:
            # One that has just been started is not in the figures before they are drawn up next.
            known.changed_s = known.changed_s or now_s
        elif usage.read_at != known.read_at:
            known.note_reading(usage.read_at, now_s)
        if now_s - known.changed_s > known.stale_s:
            return Reading.failed(
                source, f"its memory and CPU have not been read for {known.stale_s:.0f} s ({self.usage})"
            )
        if usage is None:
            return Reading.of(source, values)
        age_s = max(now_s - known.changed_s, _told_age_s(usage))
        return Reading.of(source, values | _figures(known, usage, started_s) | {target_memory.AGE: round(age_s, 1)})

    def _of_waiting(self, source: str, why: str, values: Mapping[str, float]) -> Reading:
        known = self._known.get(source)
        if known is None or not known.has_run:
            return Reading.failed(source, why, may_come=why.endswith(COMING))
        return Reading.of(source, {"running": 0.0, **values})

    @property
    def _server(self) -> ApiServer:
        return ApiServer(self.url, self.token_file, self.ca_file, self.timeout_s)


def _figures(known: _Container, usage: Usage, started_s: float) -> dict[str, float]:
    values = {name: value for name, value in usage.values.items() if name not in (*COUNTERS, "cpu_s", "oom_kills")}
    if isinstance(usage.read_at, float) and "cpu_s" in usage.values:
        throttling = {name: usage.values[name] for name in COUNTERS if name in usage.values}
        values |= known.meter.read(usage.read_at, usage.values["cpu_s"], throttling)
    kernel = usage.values.get("oom_kills")
    # The kernel counts anew in the group of each start; figures from before it are those of the start before.
    if kernel is not None and isinstance(usage.read_at, float) and usage.read_at > started_s:
        if known.kernel_oom_kills is not None:
            known.oom_kills += max(0.0, kernel - known.kernel_oom_kills)
        known.kernel_oom_kills = kernel
    return values | {"oom_kills": known.oom_kills}


def _told_age_s(usage: Usage) -> float:
    """How long ago it was read, by the clocks of others: ours may be another, so it is asked only where they do not
    say what time it is. 0 where they are not alike.
    """
    read_s = usage.read_at if isinstance(usage.read_at, float) else _unix_s(usage.read_at)
    age_s = (usage.told_s or time.time()) - read_s
    return age_s if 0 < age_s < LARGEST_AGE_S else 0.0


def _limits(of: Mapping[str, Any]) -> Mapping[str, Any]:
    return (of.get("resources") or {}).get("limits") or {}


def _ending(terminated: Mapping[str, Any]) -> dict[str, float]:
    if not terminated:
        return {}
    return {"exit_code": float(terminated.get("exitCode", 0)), "oom_killed": float(terminated.get("reason") == OOM)}


def _unix_s(text: object) -> float:
    """0 for what is no instant."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0
