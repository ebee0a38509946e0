"""deploy/: the image's build file and Kubernetes' manifests, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
OLDEST, NEWEST = "1.29", kubernetes_validate.latest_version()


def documents() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str, name: str = "") -> dict[str, Any]:
    (found,) = (each for each in documents() if each["kind"] == kind and name in ("", each["metadata"]["name"]))
    return found


def container(kind: str) -> dict[str, Any]:
    (found,) = of_kind(kind)["spec"]["template"]["spec"]["containers"]
    return found  # type: ignore[no-any-return]


def words(kind: str) -> list[str]:
    one = container(kind)
    return [*one["command"], *one["args"]]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("document", list(documents()), ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_each_is_what_kubernetes_takes(document: dict[str, Any], version: str) -> None:
    """Strictly: a field that is no field of its kind is one that somebody has misspelt."""
    kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    job = of_kind("Job")
    job["spec"]["backofLimit"] = job["spec"].pop("backoffLimit")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, NEWEST, strict=True)


def test_the_master_expects_as_many_as_there_are() -> None:
    """And all have the same scenario, since the master refuses workers that have another one."""
    master, worker = words("Job"), words("Deployment")
    assert int(master[master.index("--expect-workers") + 1]) == of_kind("Deployment")["spec"]["replicas"]
    files = {each[each.index("--locustfile") + 1] for each in (master, worker)}
    (file,) = files
    assert Path(file).name in of_kind("ConfigMap")["data"]
    assert worker[worker.index("--master-host") + 1] == of_kind("Service")["metadata"]["name"]


def test_who_reaches_whom_is_named_by_labels_that_there_are() -> None:
    labels = {kind: of_kind(kind)["spec"]["template"]["metadata"]["labels"] for kind in ("Job", "Deployment")}
    policy = of_kind("NetworkPolicy")["spec"]
    assert of_kind("Service")["spec"]["selector"] == policy["podSelector"]["matchLabels"] == labels["Job"]
    (rule,) = policy["ingress"]
    assert [each["podSelector"]["matchLabels"] for each in rule["from"]] == [labels["Deployment"]]
    assert of_kind("Deployment")["spec"]["selector"]["matchLabels"] == labels["Deployment"]
    port = container("Job")["ports"][0]
    assert {port["name"]} == {each["port"] for each in rule["ports"]}
    assert of_kind("Service")["spec"]["ports"][0]["targetPort"] == port["name"]


def test_every_volume_that_is_mounted_is_there() -> None:
    for kind in ("Job", "Deployment"):
        spec = of_kind(kind)["spec"]["template"]["spec"]
        volumes = {each["name"]: each for each in spec["volumes"]}
        assert {each["name"] for each in container(kind)["volumeMounts"]} == set(volumes)
        assert volumes["scenario"]["configMap"]["name"] == of_kind("ConfigMap")["metadata"]["name"]
    claim = of_kind("PersistentVolumeClaim")["metadata"]["name"]
    volumes = {each["name"]: each for each in of_kind("Job")["spec"]["template"]["spec"]["volumes"]}
    assert volumes["runs"]["persistentVolumeClaim"]["claimName"] == claim


def test_no_load_process_is_throttled_and_none_is_root() -> None:
    for kind in ("Job", "Deployment"):
        one, pod = container(kind), of_kind(kind)["spec"]["template"]["spec"]
        assert set(one["resources"]["limits"]) == {"memory"}
        assert pod["securityContext"]["runAsNonRoot"]
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_role_allows_what_the_probes_ask_for_and_no_more() -> None:
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in of_kind("Role")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert allowed == {
        ("", "pods"): {"get", "list"},
        ("metrics.k8s.io", "pods"): {"get", "list"},
        ("apps", "deployments"): {"get"},
        ("autoscaling", "horizontalpodautoscalers"): {"get"},
    }
    (subject,) = of_kind("RoleBinding")["subjects"]
    account = of_kind("ServiceAccount")["metadata"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    assert of_kind("Job")["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]


def test_the_scenario_and_its_options_are_read_as_they_are(tmp_path: Path) -> None:
    """By `springback plan`, which refuses whatever a run would refuse, but for the probe, which would ask the cluster:
    it is read in tests/config/test_written_probes.py.
    """
    data = of_kind("ConfigMap")["data"]
    (probe,) = (line for line in data["run.conf"].splitlines() if line.startswith("probe"))
    (tmp_path / "scenario.py").write_text(data["scenario.py"])
    (tmp_path / "run.conf").write_text(data["run.conf"].replace(probe, ""))
    command = [sys.executable, "-P", "-m", "harness.cli", "plan", "scenario.py", "--config", "run.conf"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "front-page" in done.stdout
    assert "2,000" in done.stdout


def test_what_the_image_is_built_from_is_there_and_not_left_out() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    copied = {source for line in lines if line.startswith("COPY") for source in line.split()[1:-1]}
    kept = {
        line[1:] for line in DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"
    }
    assert {source.rstrip("/") for source in copied} == kept
    assert all((ROOT / source).exists() for source in copied)
    packages = re.search(r"include = (\[.*\])", (ROOT / "pyproject.toml").read_text())
    assert packages is not None
    assert {each.rstrip("*") for each in yaml.safe_load(packages[1])} <= kept


def test_no_registry_is_named() -> None:
    """Whose image it is, is the user's to say."""
    images = [container(kind)["image"] for kind in ("Job", "Deployment")]
    assert images == ["springback", "springback"]
    assert [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("FROM")] == [
        "FROM python:3.11-slim"
    ]
