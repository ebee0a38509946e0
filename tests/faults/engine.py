"""APIs of the systems that run other people's services, with just enough behind them to be disturbed.

No engine runs where these tests do, and nothing here was recorded from one: all of it was written after the public
references. Docker's documents and status codes are those of the examples of Engine API 1.43
(https://docs.docker.com/reference/api/engine/, operations ContainerInspect, ContainerStop, ContainerKill,
ContainerPause …) with the messages of moby's source. Kubernetes' are a Pod and a Status as the reference of 1.31 has
them (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/, …/common-definitions/status/),
cut down to what a client looks at and what stands beside it.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CONTAINER_ID = "4fa6e0f0c6786287e131c3852c58a2e01cc697a68231826813597e4994f1d6e2"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Documented:
    """Reads one request per connection and answers it; ``seen`` are all of them."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.broken: tuple[int, Any] | None = None
        """Answered in place of everything else."""
        self.clock_s: float | None = None
        """Unix time by its own clock, where it tells that."""

    def answer(self, request: Request) -> tuple[int, Any]:
        raise NotImplementedError

    def changes(self) -> list[str]:
        """Method and path of what was more than a look."""
        return [f"{each.method} {each.path}" for each in self.seen if each.method != "GET"]

    def serve(self, connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                if not (chunk := connection.recv(65536)):
                    return
                data += chunk
            head, _, body = data.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            while len(body) < int(headers.get("content-length", 0)):
                body += connection.recv(65536)
            method, target, _ = lines[0].split(" ")
            parts = urlsplit(target)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            request = Request(method, unquote(parts.path), query, headers, json.loads(body) if body else None)
            self.seen.append(request)
            status, document = self.broken or self.answer(request)
            content = _content(document)
            kind = "Content-Type: application/json\r\n" if content else ""
            if self.clock_s is not None:
                kind += f"Date: {formatdate(self.clock_s, usegmt=True)}\r\n"
            connection.sendall(
                f"HTTP/1.1 {status} X\r\n{kind}Content-Length: {len(content)}\r\n\r\n".encode() + content
            )


class Lines(list[Any]):
    """Documents one a line, as events are."""


def _content(document: Any) -> bytes:
    if isinstance(document, Lines):
        return b"".join(json.dumps(each).encode() + b"\n" for each in document)
    if isinstance(document, str):
        return document.encode()
    return b"" if document is None else json.dumps(document).encode()


@contextmanager
def listening(api: Documented, path: Path | None = None) -> Iterator[str]:
    """On a socket of this machine, or on a free port; yields its path, or host:port."""
    if path is None:
        listener = socket.create_server(("127.0.0.1", 0))
        place = f"127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        place = str(path)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=api.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield place
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@dataclass
class DockerEngine(Documented):
    """One container, ``api1``."""

    status: str = "running"
    started: int = 1
    removed_when_stopped: bool = False
    ignores_signals: bool = False
    refuses_start: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def answer(self, request: Request) -> tuple[int, Any]:
        if request.path == "/containers/json":
            return 200, [{"Id": CONTAINER_ID, "Names": ["/api1"], "Image": "shop:1", "State": "running"}]
        _, _, name, action = request.path.split("/")
        if name not in ("api1", CONTAINER_ID):
            return 404, {"message": f"No such container: {name}"}
        if action == "json":
            return 200, self._document()
        return getattr(self, f"_{action}")(request)  # type: ignore[no-any-return]

    def _document(self) -> dict[str, Any]:
        return {
            "Id": CONTAINER_ID,
            "Created": "2026-03-01T08:00:00.119034912Z",
            "Path": "python",
            "Name": "/api1",
            "State": {
                "Status": self.status,
                "Running": self.status in ("running", "paused"),
                "Paused": self.status == "paused",
                "Restarting": False,
                "OOMKilled": False,
                "Dead": False,
                "Pid": 4711 if self.status in ("running", "paused") else 0,
                "ExitCode": 137 if self.status == "exited" else 0,
                "Error": "",
                "StartedAt": f"2026-03-14T09:26:{self.started:02d}.535897932Z",
                "FinishedAt": "0001-01-01T00:00:00Z",
            },
            "HostConfig": {"AutoRemove": self.removed_when_stopped, "RestartPolicy": {"Name": "no"}},
        }

    def _stop(self, _: Request) -> tuple[int, Any]:
        if self.status == "exited":
            return 304, None
        self.status = "exited"
        return 204, None

    def _kill(self, request: Request) -> tuple[int, Any]:
        if self.status != "running":
            return 409, {"message": f"cannot kill container: {CONTAINER_ID}: container {CONTAINER_ID} is not running"}
        if request.query["signal"] == "SIGKILL" and not self.ignores_signals:
            self.status = "exited"
        return 204, None

    def _start(self, _: Request) -> tuple[int, Any]:
        if self.refuses_start:
            return 500, {"message": "driver failed programming external connectivity: port is already allocated"}
        if self.status == "running":
            return 304, None
        self.status, self.started = "running", self.started + 1
        return 204, None

    def _restart(self, request: Request) -> tuple[int, Any]:
        self.status = "exited"
        return self._start(request)

    def _pause(self, _: Request) -> tuple[int, Any]:
        if self.status != "running":
            return 409, {"message": f"Container {CONTAINER_ID} is not running"}
        self.status = "paused"
        return 204, None

    def _unpause(self, _: Request) -> tuple[int, Any]:
        if self.status != "paused":
            return 500, {"message": f"Container {CONTAINER_ID} is not paused"}
        self.status = "running"
        return 204, None


@dataclass
class Kubernetes(Documented):
    """Pods of the namespace shop, by name."""

    labels: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "web-6c9f7-b": {"app": "web", "pod-template-hash": "6c9f7"},
            "web-6c9f7-a": {"app": "web", "pod-template-hash": "6c9f7"},
        }
    )
    phases: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    forbidden: str = ""
    """A method that the account has no right to."""
    ignores_selectors: bool = False
    """As a proxy in front of it that drops what is behind the question mark."""
    keeps_labels: bool = False
    """As where a webhook puts them back."""

    def __post_init__(self) -> None:
        super().__init__()

    def answer(self, request: Request) -> tuple[int, Any]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._status(401, "Unauthorized", "Unauthorized")
        if request.method == self.forbidden:
            return self._status(403, "Forbidden", 'pods is forbidden: User "x" cannot do that')
        _, _, _, _, namespace, _, *names = request.path.split("/")
        if not names:
            terms = () if self.ignores_selectors else request.query["labelSelector"].split(",")
            wanted = dict(part.split("=") for part in terms)
            items = [self.pod(name) for name, labels in self.labels.items() if wanted.items() <= labels.items()]
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": items}
        (name,) = names
        if namespace != "shop" or name not in self.labels:
            return self._status(404, "NotFound", f'pods "{name}" not found')
        body = request.body or {}
        wanted_uid = body.get("metadata", {}).get("uid") or body.get("preconditions", {}).get("uid")
        if wanted_uid not in (None, self.pod(name)["metadata"]["uid"]):
            return self._status(409, "Conflict", "the UID in the precondition does not match the UID in record")
        if request.method == "PATCH":
            assert request.headers["content-type"] == "application/merge-patch+json"
            if not self.keeps_labels:
                self.labels[name] |= body["metadata"]["labels"]
        gone = self.pod(name)
        if request.method == "DELETE":
            del self.labels[name]
        return 200, gone

    def pod(self, name: str) -> dict[str, Any]:
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "generateName": "web-6c9f7-",
                "namespace": "shop",
                "uid": self.uids.get(name, f"0c1a7e0e-9a41-4d7e-8bb0-{name}"),
                "resourceVersion": "48213",
                "labels": dict(self.labels[name]),
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6c9f7"}],
            },
            "spec": {"containers": [{"name": "web", "image": "w:1"}], "nodeName": "node-1"},
            "status": {"phase": self.phases.get(name, "Running"), "podIP": "10.1.0.7"},
        }

    @staticmethod
    def _status(code: int, reason: str, message: str) -> tuple[int, Any]:
        return code, {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
