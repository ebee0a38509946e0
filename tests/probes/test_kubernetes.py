"""The probe ``kubernetes`` against an API server's documents, as kube-apiserver 1.31 writes them, and its refusals."""

from __future__ import annotations

import copy
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import probes
from harness.errors import ConfigurationError
from harness.probes import Reading, kubernetes
from tests.ports import free_port
from tests.probes.loopback import answer, hanging, serving

TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"
DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "0c1a7e0e-9a41-4d7e-8bb0-6a3f2a6a1c11",
        "resourceVersion": "48213",
        "generation": 7,
        "creationTimestamp": "2026-03-01T08:00:00Z",
        "annotations": {"deployment.kubernetes.io/revision": "3"},
    },
    "spec": {
        "replicas": 4,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "w:1"}]}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    },
    "status": {
        "observedGeneration": 7,
        "replicas": 4,
        "updatedReplicas": 4,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "unavailableReplicas": 1,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}],
    },
}
AUTOSCALER: dict[str, Any] = {
    "kind": "HorizontalPodAutoscaler",
    "apiVersion": "autoscaling/v2",
    "metadata": {"name": "web-hpa", "namespace": "shop", "resourceVersion": "48230"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
            }
        ],
    },
    "status": {
        "lastScaleTime": "2026-03-14T09:26:31Z",
        "currentReplicas": 4,
        "desiredReplicas": 6,
        "currentMetrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": 88, "averageValue": "442m"}},
            }
        ],
        "conditions": [{"type": "AbleToScale", "status": "True", "reason": "SucceededRescale"}],
    },
}
PATHS = {
    "/apis/apps/v1/namespaces/shop/deployments/web": DEPLOYMENT,
    "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web-hpa": AUTOSCALER,
}


def refusal(code: int, reason: str, message: str) -> dict[str, Any]:
    """As the API server writes one."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def api(
    documents: Mapping[str, Any] = PATHS, seen: list[bytes] | None = None, forbidden: tuple[str, ...] = ()
) -> Callable[[socket.socket, bytes], None]:
    """An API server with these documents; whoever comes without the token is a stranger."""

    def respond(connection: socket.socket, request: bytes) -> None:
        if seen is not None:
            seen.append(request)
        path = request.split(b" ")[1].decode()
        if f"authorization: bearer {TOKEN}".lower().encode() not in request.lower():
            body, status = refusal(401, "Unauthorized", "Unauthorized"), "401 Unauthorized"
        elif any(part in path for part in forbidden):
            body, status = refusal(403, "Forbidden", f'User "x" cannot get {path}'), "403 Forbidden"
        elif path in documents:
            body, status = documents[path], "200 OK"
        else:
            body, status = refusal(404, "NotFound", "not found"), "404 Not Found"
        answer(json.dumps(body), status, "Content-Type: application/json\r\n")(connection, request)

    return respond


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return str(path)


def sample(**parameters: object) -> Reading:
    given = {"namespace": "shop", "deployment": "web", **parameters}
    (reading,) = probes.load("kubernetes", **given).sample()  # type: ignore[arg-type]
    return reading


def test_replicas_of_a_deployment_and_what_its_autoscaler_wants(token_file: str) -> None:
    seen: list[bytes] = []
    with serving(api(seen=seen)) as url:
        reading = sample(url=f"{url}/", autoscaler="web-hpa", token_file=token_file)
    assert reading == Reading("shop/web", {"ready": 3, "current": 4, "updated": 4, "desired": 6, "min": 2, "max": 10})
    assert len(seen) == 2


def test_without_an_autoscaler_the_deployment_says_what_it_wants(token_file: str) -> None:
    with serving(api()) as url:
        assert sample(url=url, token_file=token_file).values["desired"] == 4


def test_counts_that_kubernetes_leaves_out_are_0(token_file: str) -> None:
    """A deployment scaled to nothing has no readyReplicas, and an autoscaler without minReplicas means 1."""
    deployment, autoscaler = copy.deepcopy(DEPLOYMENT), copy.deepcopy(AUTOSCALER)
    deployment["status"] = {"observedGeneration": 8}
    del autoscaler["spec"]["minReplicas"]
    with serving(api(dict(zip(PATHS, (deployment, autoscaler), strict=True)))) as url:
        reading = sample(url=url, autoscaler="web-hpa", token_file=token_file)
    assert reading.values == {"ready": 0, "current": 0, "updated": 0, "desired": 6, "min": 1, "max": 10}


def test_what_is_not_said_of_a_deployment_and_its_autoscaler_is_kubernetes_default() -> None:
    """One replica is wanted, and one at least; of the counts it leaves out those that are 0."""
    assert kubernetes._of_deployment({"status": {}, "spec": {}}) == {
        "ready": 0,
        "current": 0,
        "updated": 0,
        "desired": 1,
    }
    assert kubernetes._of_autoscaler({"status": {}, "spec": {}}) == {"desired": 0, "min": 1, "max": 0}


def test_refusals_say_what_would_help_and_never_the_token(token_file: str, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong-token")
    with serving(api(forbidden=("autoscaling/v2",))) as url:
        refused = {
            "401": sample(url=url, token_file=str(tmp_path / "wrong")),
            "403": sample(url=url, autoscaler="web-hpa", token_file=token_file),
            "404": sample(url=url, deployment="api", token_file=token_file),
        }
    assert "token_file" in (refused["401"].error or "")
    assert "may not get the horizontalpodautoscaler shop/web-hpa" in (refused["403"].error or "")
    assert "no deployment shop/api" in (refused["404"].error or "")
    for status, reading in refused.items():
        assert f"HTTP {status}" in (reading.error or "") and not reading.values
        assert TOKEN not in repr(reading) and "wrong-token" not in repr(reading)


def test_a_token_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    """As Kubernetes does with those of pods, about once an hour."""
    path = tmp_path / "token"
    path.write_text("expired")
    with serving(api()) as url:
        probe = probes.load("kubernetes", url=url, namespace="shop", deployment="web", token_file=str(path))
        (before,) = probe.sample()
        path.write_text(TOKEN)
        (after,) = probe.sample()
    assert before.error is not None and after.error is None


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "emoji \N{PILE OF POO}", "a\r\nX-Header: b"])
def test_a_token_that_is_none_is_never_sent_nor_shown(content: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with serving(api()) as url:
        reading = sample(url=url, token_file=str(path))
    assert "holds no token" in (reading.error or "")
    assert not content or content not in (reading.error or "")


def test_files_that_are_missing(token_file: str, tmp_path: Path) -> None:
    with serving(api()) as url:
        assert "none cannot be read (No such file" in (sample(url=url, token_file=str(tmp_path / "none")).error or "")
        missing = sample(url=url, token_file=token_file, ca_file=str(tmp_path / "ca"))
        assert "ca cannot be read" in (missing.error or "")


@pytest.mark.parametrize(
    ("document", "words"),
    [([], "no JSON object"), ({}, "no status"), ({"status": {"readyReplicas": "3"}, "spec": {}}, "is no number")],
)
def test_another_kind_of_server(document: Any, words: str, token_file: str) -> None:
    with serving(api(dict.fromkeys(PATHS, document))) as url:
        assert words in (sample(url=url, token_file=token_file).error or "")


def test_an_api_server_that_is_away_or_hangs(token_file: str) -> None:
    away = sample(url=f"http://127.0.0.1:{free_port()}", token_file=token_file)
    assert "connection refused" in (away.error or "")
    with hanging() as url:
        assert "timed out" in (sample(url=url, token_file=token_file, timeout_s=0.2).error or "")


def test_it_trusts_the_authority_of_the_cluster_and_no_other(token_file: str, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command here to make certificates with")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out ca.crt -days 2"
    names = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.crt", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                plain, _address = listener.accept()
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        api()(connection, connection.recv(65536))
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        stranger = sample(url=url, token_file=token_file)
        assert "certificate is not valid" in (stranger.error or "")
        assert sample(url=url, token_file=token_file, ca_file=str(tmp_path / "ca.crt")).values["ready"] == 3


def test_every_wrong_parameter_is_named_at_once() -> None:
    """Over plain HTTP a token goes nowhere but to this machine."""
    with pytest.raises(ConfigurationError) as caught:
        probes.load("kubernetes", url="http://10.0.0.1", token_file="token", timeout_s=0)
    assert len(caught.value.messages) == 3
    assert "https://" in str(caught.value)
