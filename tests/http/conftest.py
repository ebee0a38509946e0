"""A client whose events are kept, and certificates made for the session."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from locust.env import Environment

from harness.load.http import ClientSettings, HttpClient
from harness.load.outcomes import outcome_of


class Watched(HttpClient):
    """Keeps what it fires."""

    def __init__(self, environment: Environment, host: str, settings: ClientSettings | None = None) -> None:
        super().__init__(environment, host, settings)
        self.events: list[dict[str, Any]] = []
        environment.events.request.add_listener(lambda **event: self.events.append(event))

    @property
    def outcomes(self) -> list[str]:
        return [outcome_of(event["exception"], event["response"]) for event in self.events]


Make = Callable[..., Watched]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Watched] = []

    def one(host: str, **settings: Any) -> Watched:
        made.append(Watched(Environment(), host, ClientSettings(**settings)))
        return made[-1]

    yield one
    for client in made:
        client.close()


@dataclass(frozen=True)
class Certificates:
    ca: str
    certificate: str
    key: str
    other_host: str
    """Certificate and key in one file, for another name than localhost."""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, and certificates that it signed."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command here to make certificates with")
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2"
    )

    def sign(name: str, alternative: str) -> None:
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
        )

    sign("server", "DNS:localhost,IP:127.0.0.1,IP:::1")
    sign("other", "DNS:other.example")
    both = Path(folder / "both.pem")
    both.write_text((folder / "other.pem").read_text() + (folder / "other.key").read_text())
    return Certificates(str(folder / "ca.pem"), str(folder / "server.pem"), str(folder / "server.key"), str(both))
