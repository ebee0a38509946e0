"""Deletes a pod, or takes it out of its Service by its label, by Kubernetes' API server."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.clients.connection import NoAnswerError
from harness.clients.kubernetes import ApiServer, RefusedError, access_problems, namespace_of, part_of, path_of
from harness.faults import Fault, FaultError
from harness.plugins import parameter

ACTIONS = ("delete", "cordon")
OUT = "out-by-springback"
"""The label's value while the pod is out: no Service selects it."""
GONE = 404
_LABEL = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""


@dataclass(frozen=True)
class KubernetesPod(Fault):
    """``action`` delete: the pod is ended, and whoever owns it makes another. cordon: the value of its ``label`` is
    changed, so that the Service that selects by it sends it nothing more while it goes on; undone, it is put back.

    A ReplicaSet that selects by the same label lets go of a pod that is cordoned, makes another, and ends one of them
    when the label is back. Choose a label that only the Service selects by where that is not wanted.

    One pod: ``pod``, or the first that runs by name of those that ``selector`` (``app=web``) finds. The account may
    get and list pods, and patch or delete them. The token is read from its file, and is shown nowhere.
    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
    """

    pod: str = parameter("", "name of the pod")
    selector: str = parameter("", "labels of the pods of which one is taken, e.g. app=web")
    action: str = parameter("delete", "delete it, or cordon it by its label", choices=ACTIONS)
    label: str = parameter("app", "label that is changed to cordon it")
    grace_s: int = parameter(-1, "seconds that it has to end when it is deleted; -1: its own", lowest=-1, highest=600)
    url: str = parameter("https://kubernetes.default.svc", "address of the API server")
    namespace: str = parameter("", "namespace of the pod; empty: our own pod's, else default")
    token_file: str = parameter("", "file with the bearer token; empty: our pod's, if there is one")
    ca_file: str = parameter("", "certificates of the authorities, PEM; empty: our pod's, else the system's")
    timeout_s: float = parameter(5.0, "longest time for one request", lowest=0.001, highest=10)
    found: tuple[str, ...] = parameter((), "what was found: namespace, name, uid, value of the label; leave it empty")
    """So that another pod of the same name is left alone, and the label gets its own value back."""

    def conflicts(self) -> Iterator[str]:
        yield from access_problems(self.url, self.token_file)
        if bool(self.pod) == bool(self.selector):
            yield "give one of pod and selector, e.g. selector=app=web"
        if not _LABEL.fullmatch(self.label):
            yield f"label is {self.label!r}. Give the key of a label, e.g. app"
        if self.grace_s >= 0 and self.action != "delete":
            yield "grace_s is for action=delete. Leave it away"
        if self.found and len(self.found) != 4:
            yield "found is what the fault itself finds. Leave it away"

    def addresses(self) -> Iterable[str]:
        return (self.url,)

    def pin(self) -> KubernetesPod:
        """Looks which pod it is. Raises FaultError when there is none, or no label to change."""
        with self._refusals_told():
            namespace = namespace_of(self.namespace)
            document = self._get(namespace, self.pod) if self.pod else self._first(namespace)
            name, uid, labels = _identity(document)
        if "deletionTimestamp" in document["metadata"]:
            raise FaultError(f"pod {namespace}/{name} is being deleted already: choose another")
        value = labels.get(self.label, "")
        if self.action == "cordon" and not value:
            there = ", ".join(sorted(labels)) or "none"
            raise FaultError(
                f"pod {namespace}/{name} has no label {self.label}; it has {there}: choose one with label="
            )
        if value == OUT:
            raise FaultError(f"pod {namespace}/{name} is out already, {self.label}={OUT}: put its label back first")
        return dataclasses.replace(self, found=(namespace, name, uid, value))

    def inject(self) -> str:
        namespace, name, uid, value = self.found or self.pin().found
        if self.action == "delete":
            body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
            if self.grace_s >= 0:
                body["gracePeriodSeconds"] = self.grace_s
            with self._refusals_told():
                self._change("delete", namespace, name, body)
            return f"deleted pod {namespace}/{name}"
        changed = self._set_label(namespace, name, uid, OUT)
        if changed != OUT:
            raise FaultError(f"pod {namespace}/{name} was to have {self.label}={OUT}, and has {changed or 'none'}")
        return f"pod {namespace}/{name} is out: {self.label}={value} became {OUT}"

    def undo(self) -> str:
        if self.action == "delete":
            return "nothing to undo: whoever owns a pod that is deleted makes another"
        if not self.found:
            return "nothing to undo: no pod was found yet"
        namespace, name, uid, value = self.found
        with self._refusals_told():
            try:
                now_uid, labels = _identity(self._get(namespace, name))[1:]
            except RefusedError as error:
                if error.status == GONE:
                    return f"nothing to undo: pod {namespace}/{name} is gone"
                raise
        if now_uid != uid:
            return f"nothing to undo: pod {namespace}/{name} is another one by now"
        if labels.get(self.label) != OUT:
            return f"nothing to undo: pod {namespace}/{name} has {self.label}={labels.get(self.label, '')}"
        back = self._set_label(namespace, name, uid, value)
        if back != value:
            raise FaultError(f"pod {namespace}/{name} was to have {self.label}={value}, and has {back or 'none'}")
        return f"pod {namespace}/{name} is back: {self.label}={value}"

    def _set_label(self, namespace: str, name: str, uid: str, value: str) -> str:
        """The value that it has then. The uid makes the server refuse (409) to change another pod."""
        body = {"metadata": {"uid": uid, "labels": {self.label: value}}}
        with self._refusals_told():
            return _identity(self._change("patch", namespace, name, body))[2].get(self.label, "")

    def _get(self, namespace: str, name: str) -> Mapping[str, Any]:
        return self._server.ask("get", path_of("api/v1", namespace, "pods", name), f"pod {namespace}/{name}")

    def _first(self, namespace: str) -> Mapping[str, Any]:
        running: dict[str, Mapping[str, Any]] = {
            _identity(pod)[0]: pod
            for pod in self._server.pods(namespace, self.selector)
            if part_of(pod, "status").get("phase") == "Running" and "deletionTimestamp" not in part_of(pod, "metadata")
        }
        if not running:
            raise FaultError(f"no pod that runs in {namespace} has {self.selector}: check selector and namespace")
        return running[min(running)]

    def _change(self, verb: str, namespace: str, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._server.ask(verb, path_of("api/v1", namespace, "pods", name), f"pod {namespace}/{name}", body)

    @contextmanager
    def _refusals_told(self) -> Iterator[None]:
        """What the API server refuses, or does not answer, is why the fault fails."""
        try:
            yield
        except NoAnswerError as error:
            raise FaultError(f"Kubernetes at {self.url}: {error}") from None

    @property
    def _server(self) -> ApiServer:
        return ApiServer(self.url, self.token_file, self.ca_file, self.timeout_s)


def _identity(document: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Name, uid and labels of a pod. Raises NoAnswerError for what is none."""
    metadata = part_of(document, "metadata")
    name, uid, labels = metadata.get("name"), metadata.get("uid"), metadata.get("labels", {})
    if not isinstance(name, str) or not isinstance(uid, str) or not isinstance(labels, dict):
        raise NoAnswerError("the answer describes no pod: is this the API server?")
    return name, uid, {str(key): str(value) for key, value in labels.items()}
