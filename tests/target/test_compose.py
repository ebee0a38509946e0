"""docker-compose.yml, as far as it can be judged without an engine."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]

from target.service.settings import from_environment
from target.stack import haproxy, options
from target.stack.ha import database_cluster, database_proxy, layout, patroni, sentinel
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
    simple = {name for name, service in compose["services"].items() if "profiles" not in service}
    assert simple == {"primary", "replica", "valkey", "seed", "upstream", "api1", "api2", "haproxy"}


def test_the_profile_ha_has_the_nodes_of_the_embedded_form(compose: dict[str, Any]) -> None:
    """The three votes are etcd's business there, and a job seeds."""
    profile = {name for name, service in compose["services"].items() if service.get("profiles") == ["ha"]}
    nodes = {*database_cluster.NODES, *layout.VALKEYS, *layout.SENTINELS, database_proxy.NAME}
    instances = {f"ha-api{number}" for number in range(1, int(options.HA_PROCESSES) + 1)}
    assert profile == {*nodes, *instances, "ha", "ha-seed", "etcd"}
    for name in profile:
        needed = compose["services"][name].get("depends_on", [])
        assert set(needed) <= {*profile, "upstream"}, name  # started alone, it brings no part of the simple form along


def test_the_profile_load_has_a_master_and_workers_of_one_scenario(compose: dict[str, Any]) -> None:
    """As many as the master waits for; the scenario is in the image, and the host is a service that is consented to."""
    profile = {name: each for name, each in compose["services"].items() if each.get("profiles") == ["load"]}
    assert set(profile) == {"master", "worker"}
    commands = {name: each["command"].split() for name, each in profile.items()}
    scenarios = {words[words.index("--locustfile") + 1] for words in commands.values()}
    (scenario,) = scenarios
    assert (FILE.parent / scenario.removeprefix("/springback/")).is_file()
    master = commands["master"]
    host = urlsplit(master[master.index("--host") + 1]).hostname
    assert host in compose["services"]
    assert master[master.index("--allow-host") + 1] == host
    assert int(master[master.index("--expect-workers") + 1]) == profile["worker"]["deploy"]["replicas"]
    assert commands["worker"][-2:] == ["--master-host", "master"]
    assert all("ports" not in each for each in profile.values())
    assert all((FILE.parent / each["build"]["dockerfile"]).is_file() for each in profile.values())


def test_the_profile_observe_is_for_this_machine_only(compose: dict[str, Any]) -> None:
    """A run listens on loopback, so Prometheus and Grafana share this machine's network, and listen there, too. What
    they are given is in the tree.
    """
    profile = {name: each for name, each in compose["services"].items() if each.get("profiles") == ["observe"]}
    assert set(profile) == {"prometheus", "grafana"}
    assert all(each["network_mode"] == "host" and "ports" not in each for each in profile.values())
    assert "--web.listen-address=127.0.0.1:9090" in profile["prometheus"]["command"]
    assert profile["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    mounted = [volume.split(":") for each in profile.values() for volume in each["volumes"]]
    assert all((FILE.parent / source).exists() and mode == "ro" for source, _, mode in mounted)
    at = {source: place for source, place, _ in mounted}
    provider = yaml.safe_load((FILE.parent / "deploy/observe/dashboards.yml").read_text())["providers"][0]
    assert at["./deploy/observe/springback.json"].startswith(provider["options"]["path"] + "/")
    (source,) = yaml.safe_load((FILE.parent / "deploy/observe/datasource.yml").read_text())["datasources"]
    assert source["url"] == "http://127.0.0.1:9090"


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
    for name in ("api1", "api2", "ha-api1", "ha-api2", "ha-api3"):
        environment = {key: str(value) for key, value in compose["services"][name]["environment"].items()}
        assert from_environment(environment).name == name.removeprefix("ha-")


def test_the_instances_of_the_profile_ha_are_told_what_those_of_the_embedded_form_are(compose: dict[str, Any]) -> None:
    """Each database by its name, the Sentinels, and the proxy for the rest."""
    environment = compose["services"]["ha-api1"]["environment"]
    databases = [address.partition("=")[0] for address in environment["TARGET_DATABASE_NODES"].split()]
    assert databases == list(database_cluster.NODES)
    assert environment["TARGET_VALKEY_SENTINELS"].split() == [f"{name}:26379" for name in layout.SENTINELS]
    assert environment["TARGET_VALKEY_SERVICE"] == sentinel.SERVICE_NAME
    assert f"@{database_proxy.NAME}:5000/" in environment["TARGET_PRIMARY_DSN"]
    assert f"@{database_proxy.NAME}:5001/" in environment["TARGET_REPLICA_DSN"]


def rules(text: str) -> set[str]:
    """What decides about requests and connections."""
    decide = r"(acl|http-|timeout|option|balance|default-server|default_backend|use_backend|retr|mode)"
    return {line.strip() for line in text.splitlines() if re.match(decide, line.strip())}


def accepted(content: str, directory: Path) -> None:
    """By HAProxy itself, with every name of a container an address."""
    configuration = directory / "haproxy.cfg"
    configuration.write_text(re.sub(r" [a-z-]+([123]):(\d+) ", r" 127.0.0.\1:\2 ", content))
    checked = subprocess.run([haproxy.binary(), "-c", "-f", str(configuration)], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(("name", "instances"), [("haproxy", 2), ("ha", 3)])
def test_the_proxy_has_the_rules_of_the_embedded_stack(
    compose: dict[str, Any], tmp_path: Path, name: str, instances: int
) -> None:
    """HAProxy accepts the file, and what decides about requests is the same."""
    content = compose["configs"][name]["content"]
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
    assert len(re.findall(r"^ *server api", content, re.MULTILINE)) == instances
    accepted(content, tmp_path)


def test_the_proxy_before_the_databases_has_the_rules_of_the_embedded_one(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    """It asks Patroni the same questions as often."""
    content = compose["configs"][database_proxy.NAME]["content"]
    embedded = database_proxy.CONFIGURATION.format(
        clients=1,
        checks=database_proxy.CHECKS,
        stats_socket="s",
        primary=":1",
        reads=":2",
        metrics=":3",
        lag_bytes=patroni.MAXIMUM_LAG_BYTES,
        servers="",
    )
    assert rules(content) == rules(embedded)
    accepted(content, tmp_path)


def test_patroni_decides_as_in_the_embedded_form(compose: dict[str, Any]) -> None:
    """Its times, how many servers have a write before it is acknowledged, and its version."""
    there = yaml.safe_load(compose["configs"]["patroni"]["content"])
    here = patroni.dynamic_configuration(synchronous=True, connections=108)
    assert there["bootstrap"]["dcs"] == here
    for name in ("synchronous_commit", "wal_sender_timeout", "wal_receiver_timeout", "shared_preload_libraries"):
        assert there["postgresql"]["parameters"][name] == patroni.SETTINGS[name]
    assert there["scope"] == patroni.SCOPE
    for node in database_cluster.NODES:
        service = compose["services"][node]
        assert f"=={version('patroni')}" in service["build"]["dockerfile_inline"]
        assert service["environment"]["PATRONI_NAME"] == node
        assert service["environment"]["PATRONI_POSTGRESQL_CONNECT_ADDRESS"] == f"{node}:5432"


def test_the_sentinels_decide_as_in_the_embedded_form(compose: dict[str, Any]) -> None:
    """The same lines, but for the address of the first primary."""
    embedded = sentinel.SENTINEL.format(
        host="valkey1",
        port=26379,
        directory="/tmp",
        service=sentinel.SERVICE_NAME,
        primary_port=6379,
        quorum=sentinel.QUORUM,
        password="springback",
        down_after_ms=sentinel.DOWN_AFTER_MS,
        failover_timeout_ms=sentinel.FAILOVER_TIMEOUT_MS,
    )
    there = set(compose["configs"]["sentinel"]["content"].splitlines())
    assert there - set(embedded.splitlines()) == {"sentinel resolve-hostnames yes"}
    assert set(embedded.splitlines()) - there == {"bind valkey1"}


def test_the_replica_uses_the_slot_that_the_primary_makes(compose: dict[str, Any]) -> None:
    """The same name as in the embedded stack, in both places."""
    configs = compose["configs"]
    assert f"'{SLOT}'" in configs["primary-init"]["content"]
    assert f"-S {SLOT} " in configs["replica-start"]["content"]
