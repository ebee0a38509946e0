"""The fault ``kubernetes_pod`` against recorded answers of an API server, see engine.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.faults import FaultError, ScheduledFault, load
from harness.faults.kubernetes_pod import OUT, KubernetesPod
from tests.faults.engine import TOKEN, Kubernetes, listening
from tests.ports import free_port
from tests.probes.loopback import hanging

A = "web-6c9f7-a"


@pytest.fixture
def cluster() -> Kubernetes:
    return Kubernetes()


@pytest.fixture
def url(cluster: Kubernetes) -> Iterator[str]:
    with listening(cluster) as place:
        yield f"http://{place}"


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return str(path)


def fault(url: str, token_file: str, **parameters: str | int | float) -> KubernetesPod:
    chosen = {"namespace": "shop", **({} if "selector" in parameters else {"pod": A}), **parameters}
    made = load("kubernetes_pod", url=url, token_file=token_file, **chosen)
    assert isinstance(made, KubernetesPod)
    return made


def test_a_pod_is_deleted_and_no_other_of_that_name(cluster: Kubernetes, url: str, token_file: str) -> None:
    pinned = fault(url, token_file, grace_s=0).pin()
    assert pinned.inject() == f"deleted pod shop/{A}"
    assert A not in cluster.labels
    body = cluster.seen[-1].body
    assert body["preconditions"]["uid"].endswith(A) and body["gracePeriodSeconds"] == 0
    assert pinned.undo().startswith("nothing to undo")
    assert cluster.changes() == [f"DELETE /api/v1/namespaces/shop/pods/{A}"]


def test_a_pod_is_taken_out_of_its_service_by_its_label_and_put_back(
    cluster: Kubernetes, url: str, token_file: str
) -> None:
    pinned = fault(url, token_file, action="cordon").pin()
    assert "app=web became" in pinned.inject()
    assert cluster.labels[A] == {"app": OUT, "pod-template-hash": "6c9f7"}
    kept = ScheduledFault.from_message(json.loads(json.dumps(ScheduledFault.of(1, pinned, 0, 1).to_message())))
    assert kept.fault.undo() == f"pod shop/{A} is back: app=web"
    assert cluster.labels[A]["app"] == "web"
    assert kept.fault.undo() == f"nothing to undo: pod shop/{A} has app=web"


def test_of_a_selector_the_first_by_name_that_runs(cluster: Kubernetes, url: str, token_file: str) -> None:
    assert fault(url, token_file, selector="app=web").pin().found[1] == A
    cluster.phases[A] = "Pending"
    assert fault(url, token_file, selector="app=web").pin().found[1] == "web-6c9f7-b"
    with pytest.raises(FaultError, match="no pod that runs in shop has app=api"):
        fault(url, token_file, selector="app=api").pin()


def test_a_pod_of_another_service_is_not_taken_for_one_of_the_selector(
    cluster: Kubernetes, url: str, token_file: str
) -> None:
    cluster.ignores_selectors = True
    with pytest.raises(FaultError, match="pods of shop without app=api: does a proxy take the selector away"):
        fault(url, token_file, selector="app=api").pin()


def test_a_pod_that_has_gone_or_is_another_is_not_undone(cluster: Kubernetes, url: str, token_file: str) -> None:
    pinned = fault(url, token_file, action="cordon").pin()
    pinned.inject()
    cluster.uids[A] = "another"
    assert pinned.undo() == f"nothing to undo: pod shop/{A} is another one by now"
    del cluster.labels[A]
    assert pinned.undo() == f"nothing to undo: pod shop/{A} is gone"
    assert fault(url, token_file, action="cordon").undo() == "nothing to undo: no pod was found yet"


def test_a_pod_that_became_another_between_is_not_disturbed(cluster: Kubernetes, url: str, token_file: str) -> None:
    for action in ("cordon", "delete"):
        pinned = fault(url, token_file, action=action).pin()
        cluster.uids[A] = f"another-{action}"
        with pytest.raises(FaultError, match="HTTP 409 X: the pod shop/web-6c9f7-a is another one by now"):
            pinned.inject()
    assert cluster.labels[A]["app"] == "web"


def test_a_label_that_somebody_puts_back_is_no_success(cluster: Kubernetes, url: str, token_file: str) -> None:
    cluster.keeps_labels = True
    with pytest.raises(FaultError, match=f"was to have app={OUT}, and has web"):
        fault(url, token_file, action="cordon").pin().inject()


def test_what_cannot_be_cordoned_is_told_with_the_labels_there_are(
    cluster: Kubernetes, url: str, token_file: str
) -> None:
    with pytest.raises(FaultError, match="has no label tier; it has app, pod-template-hash"):
        fault(url, token_file, action="cordon", label="tier").pin()
    cluster.labels[A]["app"] = OUT
    with pytest.raises(FaultError, match="is out already"):
        fault(url, token_file, action="cordon").pin()


def test_refusals_are_one_line_with_the_remedy_and_never_the_token(
    cluster: Kubernetes, url: str, token_file: str, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong-token")
    pinned = fault(url, token_file, action="cordon").pin()
    cluster.forbidden = "PATCH"
    said = {}
    for name, attempt in {
        "401": fault(url, str(tmp_path / "wrong")).pin,
        "403": pinned.inject,
        "404": fault(url, token_file, pod="web-gone").pin,
        "none": fault(url, str(tmp_path / "none")).pin,
    }.items():
        with pytest.raises(FaultError) as refused:
            attempt()
        said[name] = str(refused.value)
    assert "token_file" in said["401"] and "verb patch" in said["403"]
    assert "there is no pod shop/web-gone" in said["404"] and "cannot be read" in said["none"]
    assert all(TOKEN not in words and "wrong-token" not in words and "\n" not in words for words in said.values())


@pytest.mark.parametrize("broken", [(500, {"kind": "Status"}), (200, []), (200, {}), (200, {"metadata": {"name": 1}})])
def test_other_answers_are_one_line(broken: tuple[int, object], cluster: Kubernetes, url: str, token_file: str) -> None:
    cluster.broken = broken
    for parameters in ({}, {"selector": "app=web"}):
        with pytest.raises(FaultError) as refused:
            fault(url, token_file, **parameters).pin()
        assert "\n" not in str(refused.value)


def test_an_api_server_that_is_away_or_hangs(token_file: str) -> None:
    with pytest.raises(FaultError, match="connection refused"):
        fault(f"http://127.0.0.1:{free_port()}", token_file).pin()
    with hanging() as url, pytest.raises(FaultError, match="timed out"):
        fault(url, token_file, timeout_s=0.2).pin()


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load("kubernetes_pod", url="http://10.0.0.1", token_file="t", label="a b", action="cordon", grace_s=3)
    assert len(refused.value.messages) == 4
    assert "https://" in str(refused.value) and "one of pod and selector" in str(refused.value)
    assert list(fault("https://cluster.example", "t").addresses()) == ["https://cluster.example"]
