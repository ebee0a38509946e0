"""Who takes part in a run: the workers that are there when it begins and run the same scenario as the master.

A worker that has another locustfile makes other load than the one that is judged, and one with plain Locust makes load
that nobody records. So each is asked what it runs before anything is started, and whoever comes later takes no part.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gevent
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, WorkerNode

from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.run import messages
from harness.run.own_modules import own_modules

ANSWER_S = 10.0
"""A worker that has just connected may still be loading; one with plain Locust never answers."""
ASK_AGAIN_S = 0.25
LEFT = "left before the end"


class FixedWorkersDispatcher(UsersDispatcher):
    """Locust would deal the users out afresh when a worker joins, and stop some that are in mid-request."""

    def add_worker(self, worker_node: WorkerNode) -> None:
        """A worker that joins, or is heard again, gets no users before the next run."""


@dataclass(frozen=True)
class ProcessDescription:
    """What one process of Locust would run."""

    springback: str
    """Version."""
    scenario: str
    locustfile: str
    """Beginning of the SHA-256 of the contents; it may lie under another name."""
    imported_modules: tuple[str, ...]
    """Of the users' own, each with the beginning of the SHA-256 of its contents."""
    user_classes: tuple[str, ...]
    options: tuple[str, ...]
    """Flags of the users' own options. Their values are the master's everywhere: Locust sends them."""
    user_configuration: str
    """``--config-users``, which each process applies for itself."""

    @staticmethod
    def of(environment: Environment, scenario: Scenario) -> ProcessDescription:
        parsed: Any = environment.parsed_options
        contents = hashlib.sha256()
        modules: dict[str, str] = {}
        for path in map(Path, environment.parsed_locustfiles or ()):
            contents.update(path.read_bytes())
            modules |= own_modules(path)
        return ProcessDescription(
            version("springback"),
            scenario.name,
            contents.hexdigest()[:12],
            tuple(f"{name} {digest}" for name, digest in modules.items()),
            tuple(sorted(user.__name__ for user in environment.user_classes)),
            tuple(sorted(option.flag for option in scenario.options)),
            json.dumps(getattr(parsed, "config_users", None), default=str),
        )

    @staticmethod
    def from_message(body: Mapping[str, Any]) -> ProcessDescription:
        """Raises TypeError for one of another version that says other things."""
        values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in body.items()}
        return ProcessDescription(**values)

    def to_message(self) -> dict[str, Any]:
        return asdict(self)

    def differences(self, worker: ProcessDescription) -> list[str]:
        """What is different at a worker, in words. It may have user classes that the master does not use."""
        found = []
        for name, ours in vars(self).items():
            theirs = getattr(worker, name)
            same = set(ours) <= set(theirs) if name == "user_classes" else ours == theirs
            if not same:
                found.append(f"{name.replace('_', ' ')} {_words(theirs)}, and {_words(ours)} at the master")
        return found


class Workers:
    """The workers of a master, by the ids that Locust gives them. ``on_late`` gets the name of one that takes no part
    in the present run because it has come too late.
    """

    def __init__(self, runner: MasterRunner, on_late: Callable[[str], None]) -> None:
        self.taking_part: list[str] = []
        """In the present run, or the latest one."""
        self._runner = runner
        self._on_late = on_late
        self._answers: dict[str, Mapping[str, Any]] = {}
        runner.environment.dispatcher_class = FixedWorkersDispatcher
        runner.environment.events.worker_connect.add_listener(self._on_connect)
        runner.register_message(messages.DESCRIPTION, self._on_description)

    def name(self, worker: str) -> str:
        """In the recording."""
        return messages.worker_name(self._runner.get_worker_index(worker))

    @property
    def present(self) -> list[str]:
        clients = self._runner.clients
        return [client.id for client in clients.ready + clients.running + clients.spawning]

    def choose(self, ours: ProcessDescription) -> list[str]:
        """Those that are there take part in the run that begins.

        Raises ConfigurationError when one of them would run something else than the master, ``ours``.
        """
        workers = self.present
        self._ask(workers)
        problems = [problem for worker in workers if (problem := self._problem(ours, worker))]
        if problems:
            raise ConfigurationError(problems)
        self.taking_part = workers
        return workers

    def lost(self) -> Iterator[tuple[str, str]]:
        """Name of each that takes part and is not there any more, and why."""
        for worker in self.taking_part:
            client = self._runner.clients.get(worker)
            if client is None:
                yield self.name(worker), LEFT
            elif client.state == STATE_MISSING:
                yield self.name(worker), "no heartbeat"

    def _ask(self, workers: Sequence[str]) -> None:
        """Waits until all of them have answered, but not for ever."""
        self._answers.clear()
        deadline_s = time.monotonic() + ANSWER_S
        while silent := [worker for worker in workers if worker not in self._answers]:
            if time.monotonic() > deadline_s:
                break
            for worker in silent:
                self._runner.send_message(messages.DESCRIBE, None, worker)
            gevent.sleep(ASK_AGAIN_S if self._answers else ASK_AGAIN_S / 10)

    def _problem(self, ours: ProcessDescription, worker: str) -> str:
        host = worker.rpartition("_")[0]
        who = f"{self.name(worker)} (on {host})"
        if worker not in self._answers:
            return (
                f"{who} has not answered within {ANSWER_S:g} s: it runs plain Locust, an older Springback, or a "
                "locustfile without harness.attach(...). Start it with this locustfile and --worker"
            )
        try:
            differences = ours.differences(ProcessDescription.from_message(self._answers[worker]))
        except TypeError:
            differences = [f"another version of Springback, and {ours.springback} at the master"]
        if not differences:
            return ""
        return (
            f"{who} would run something else: {'; '.join(differences)}. Give all of them the same locustfile, "
            "with what it imports, and install the same version"
        )

    def _on_connect(self, client_id: str, **_: Any) -> None:
        if client_id not in self.taking_part:
            self._on_late(self.name(client_id))

    def _on_description(self, msg: Any, **_: Any) -> None:
        self._answers[msg.node_id] = msg.data


def _words(value: str | tuple[str, ...]) -> str:
    return (", ".join(value) if isinstance(value, tuple) else value) or "none"
