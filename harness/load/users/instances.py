"""The instances of a service behind its balancer, for scenarios that strike one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.faults import Fault, load
from harness.load.users.reference_target import start_command


@dataclass(frozen=True)
class Instance:
    """A process of this machine that answers at ``url``, and is called ``name`` by whoever starts it."""

    url: str
    name: str
    start_command: str

    def killed(self, signal: str = "KILL") -> Fault:
        """And started again in the end. ``TERM`` asks it to end, as for a new version."""
        return load("kill_process", port=self._port, signal=signal, start_command=self.start_command)

    def frozen(self) -> Fault:
        return load("stop_process", port=self._port)

    @property
    def _port(self) -> int | None:
        return urlsplit(self.url).port


def instances(options: Any) -> list[Instance]:
    """Those of the options ``api_urls``, by ``member``, in which ``{number}`` counts from 1, and ``start_command``."""
    names = [options.member.replace("{number}", str(number)) for number in range(1, len(options.api_urls) + 1)]
    return [
        Instance(url, name, start_command(options, name)) for url, name in zip(options.api_urls, names, strict=True)
    ]
