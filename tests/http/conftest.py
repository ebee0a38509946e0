"""A client whose events are kept, and certificates made for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from locust.env import Environment

from harness.load.http import ClientSettings, HttpClient
from harness.load.outcomes import outcome_of
from tests.certificates import Certificates, made_in, openssl_is_here


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


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, and certificates that it signed."""
    if not openssl_is_here():
        pytest.skip("no openssl command here to make certificates with")
    return made_in(tmp_path_factory.mktemp("tls"))
