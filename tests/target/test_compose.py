"""docker-compose.yml, as far as it can be judged without an engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from target.service.settings import from_environment
from target.stack import haproxy
from target.stack.postgres import SLOT

FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, with every `${NAME:-default}` replaced by its default and `$$` by `$`."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text()).replace("$$", "$")
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document


def test_the_same_servers_as_the_embedded_stack(compose: dict[str, Any]) -> None:
    """Primary, replica, Valkey, the upstream, two API processes, HAProxy, and a job that seeds."""
    assert set(compose["services"]) == {"primary", "replica", "valkey", "seed", "upstream", "api1", "api2", "haproxy"}


def test_every_published_port_is_bound_to_loopback(compose: dict[str, Any]) -> None:
    """Default passwords must not be reachable from another machine."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) >= 7
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_images_are_plain_names(compose: dict[str, Any]) -> None:
    """No registry's host in front: whatever the user's engine is set up with is used."""
    for service in compose["services"].values():
        first = service["image"].split("/")[0]
        assert "/" not in service["image"] or not re.search(r"[.:]", first), service["image"]


def test_the_api_containers_settings_are_accepted(compose: dict[str, Any]) -> None:
    """The very check that the process makes when it starts."""
    for name in ("api1", "api2"):
        environment = {key: str(value) for key, value in compose["services"][name]["environment"].items()}
        assert from_environment(environment).name == name


def test_the_proxy_has_the_rules_of_the_embedded_stack(compose: dict[str, Any], tmp_path: Path) -> None:
    """HAProxy accepts the file, and what decides about requests is the same."""

    def rules(text: str) -> set[str]:
        lines = {line.strip() for line in text.splitlines()}
        return {line for line in lines if re.match(r"(acl|http-|timeout|option|balance|default-server|retr)", line)}

    content = compose["configs"]["haproxy"]["content"]
    embedded = haproxy.CONFIGURATION.format(
        clients=1,
        checks=haproxy.CHECKS,
        parked_s=haproxy.PARKED_S,
        stats_socket="s",
        public_fd=3,
        metrics_fd=4,
        servers="",
    )
    assert rules(content) == rules(embedded)
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(re.sub(r"\bapi([12]):8000", r"127.0.0.1:800\1", content))
    checked = subprocess.run([haproxy.binary(), "-c", "-f", str(configuration)], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_replica_uses_the_slot_that_the_primary_makes(compose: dict[str, Any]) -> None:
    """The same name as in the embedded stack, in both places."""
    configs = compose["configs"]
    assert f"'{SLOT}'" in configs["primary-init"]["content"]
    assert f"-S {SLOT} " in configs["replica-start"]["content"]
