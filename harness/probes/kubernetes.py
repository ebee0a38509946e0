"""Replicas of a Deployment and what its HorizontalPodAutoscaler wants, from Kubernetes' API server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from harness.clients.address import url_problems
from harness.clients.http_get import NoAnswerError, request
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.regular_file import regular

LIMIT_BYTES = 2_000_000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds token, authority and namespace of its service account."""


@dataclass(frozen=True)
class Kubernetes(Probe):
    """``ready``, ``current`` and ``updated`` replicas of the Deployment ``deployment``; ``desired`` of the autoscaler
    ``autoscaler`` (autoscaling/v2) with its ``min`` and ``max``, or without one that of the Deployment itself.

    ``token_file`` and ``ca_file`` are read for each sample, because Kubernetes replaces them; empty: those of a pod,
    where there are any. The account may ``get`` deployments and horizontalpodautoscalers of the namespace. The source
    is ``namespace/deployment``; no token ever enters a reading.
    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
    """

    url: str = parameter("https://kubernetes.default.svc", "address of the API server")
    deployment: str = parameter("", "name of the Deployment that is scaled")
    autoscaler: str = parameter("", "name of its HorizontalPodAutoscaler; empty: without one")
    namespace: str = parameter("", "namespace of both; empty: the pod's own, else default")
    token_file: str = parameter("", "file with the bearer token; empty: the pod's, if there is one")
    ca_file: str = parameter("", "certificates of the authorities, PEM; empty: the pod's, else the system's")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterator[str]:
        yield from url_problems(self.url)
        if not self.deployment:
            yield "deployment is empty. Give the name of the Deployment that is scaled"
        if self.token_file and self.url.startswith("http://") and urlsplit(self.url).hostname not in LOOPBACK:
            yield "over http:// anybody on the way could read the token. Use https://"

    def sample(self) -> Iterator[Reading]:
        source = f"{self.namespace or 'the pod'}/{self.deployment}"
        try:
            namespace = self.namespace or _contents(IN_POD / "namespace", optional=True) or "default"
            source = f"{namespace}/{self.deployment}"
            values = _of_deployment(self._get_object("apps/v1", namespace, "deployments", self.deployment))
            if self.autoscaler:
                kind = "horizontalpodautoscalers"
                values |= _of_autoscaler(self._get_object("autoscaling/v2", namespace, kind, self.autoscaler))
        except NoAnswerError as error:
            yield Reading.failed(source, str(error))
            return
        yield Reading.of(source, values)

    def _get_object(self, group: str, namespace: str, kind: str, name: str) -> Mapping[str, Any]:
        """The document of one object. Raises NoAnswerError."""
        token = _token(Path(self.token_file) if self.token_file else IN_POD / "token", optional=not self.token_file)
        ca_file = self.ca_file
        if ca_file:
            _contents(Path(ca_file))
        elif _contents(IN_POD / "ca.crt", optional=True):
            ca_file = str(IN_POD / "ca.crt")
        path = f"/apis/{group}/namespaces/{quote(namespace, safe='')}/{kind}/{quote(name, safe='')}"
        url = self.url.rstrip("/") + path
        answer = request(
            url, self.timeout_s, LIMIT_BYTES, accept="application/json", bearer_token=token, ca_file=ca_file
        )
        if answer.status != 200:
            raise NoAnswerError(_status_reason(answer.status, answer.reason, f"{kind[:-1]} {namespace}/{name}"))
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise NoAnswerError(f"the answer of {len(answer.body)} bytes is no JSON object: is this the API server?")
        return document


def _contents(path: Path, optional: bool = False) -> str:
    """Of a file; empty where one that is ``optional`` is missing. Raises NoAnswerError, without what is in it."""
    try:
        return regular(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        if optional and not path.exists():
            return ""
        raise NoAnswerError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from None


def _token(path: Path, optional: bool) -> str:
    """Fit for a header. Raises NoAnswerError."""
    text = _contents(path, optional)
    if not (text or optional) or not text.isascii() or not text.isprintable() or " " in text:
        raise NoAnswerError(f"{path} holds no token: it must be one line without spaces")
    return text


def _status_reason(status: int, reason: str, what: str) -> str:
    hints = {
        401: "the token is missing, wrong or expired: name its file with token_file",
        403: f"the account may not get the {what}: give it a Role with the verb get",
        404: f"there is no {what}: check names and namespace, and that the API version is served",
    }
    return f"HTTP {status} {reason}".rstrip() + (f": {hints[status]}" if status in hints else "")


def _of_deployment(document: Mapping[str, Any]) -> dict[str, float]:
    """Kubernetes leaves a count out where it is 0."""
    status, spec = _part(document, "status"), _part(document, "spec")
    return {
        "ready": _number(status, "readyReplicas"),
        "current": _number(status, "replicas"),
        "updated": _number(status, "updatedReplicas"),
        "desired": _number(spec, "replicas", 1.0),
    }


def _of_autoscaler(document: Mapping[str, Any]) -> dict[str, float]:
    status, spec = _part(document, "status"), _part(document, "spec")
    return {
        "desired": _number(status, "desiredReplicas"),
        "min": _number(spec, "minReplicas", 1.0),
        "max": _number(spec, "maxReplicas"),
    }


def _part(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = document.get(key)
    if not isinstance(part, dict):
        raise NoAnswerError(f"the answer has no {key}: is this the API server?")
    return part


def _number(part: Mapping[str, Any], key: str, absent: float = 0.0) -> float:
    value = part.get(key, absent)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoAnswerError(f"{key} is no number: is this the API server?")
    return float(value)
