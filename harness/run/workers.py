"""Who takes part in a run: the workers that are there when it begins and run the same scenario as the master.

A worker that has another locustfile makes other load than the one that is judged, and one with plain Locust makes load
that nobody records. So each is asked what it runs before anything is started, and whoever comes later takes no part.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gevent
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import MasterRunner, WorkerNode

from harness.config.scenario import Scenario
from harness.run import messages

ANSWER_S = 10.0
"""A worker that has just connected may still be loading; one with plain Locust never answers."""
ASK_AGAIN_S = 0.25


class FixedWorkersDispatcher(UsersDispatcher):
    """Locust would deal the users out afresh when a worker joins, and stop some that are in mid-request."""

    def add_worker(self, worker_node: WorkerNode) -> None:
        """A worker that joins, or is heard again, gets no users before the next run."""


@dataclass(frozen=True)
class Description:
    """What one process of Locust would run."""

    springback: str
    """Version."""
    scenario: str
    locustfile: str
    """Beginning of the SHA-256 of the contents; it may lie under another name."""
    user_classes: tuple[str, ...]
    options: tuple[str, ...]
    """Flags of the users' own options. Their values are the master's everywhere: Locust sends them."""
    user_configuration: str
    """``--config-users``, which each process applies for itself."""

    @staticmethod
    def of(environment: Environment, scenario: Scenario) -> Description:
        parsed: Any = environment.parsed_options
        contents = hashlib.sha256()
        for path in environment.parsed_locustfiles or ():
            contents.update(Path(path).read_bytes())
        return Description(
            version("springback"),
            scenario.name,
            contents.hexdigest()[:12],
            tuple(sorted(user.__name__ for user in environment.user_classes)),
            tuple(sorted(option.flag for option in scenario.options)),
            json.dumps(getattr(parsed, "config_users", None), default=str),
        )

    @staticmethod
    def from_message(body: Mapping[str, Any]) -> Description:
        """Raises TypeError for one of another version that says other things."""
        values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in body.items()}
        return Description(**values)

    def to_message(self) -> dict[str, Any]:
        return asdict(self)

    def differences(self, worker: Description) -> list[str]:
        """What is different at a worker, in words. It may have user classes that the master does not use."""
        found = []
        for name, ours in vars(self).items():
            theirs = getattr(worker, name)
            same = set(ours) <= set(theirs) if name == "user_classes" else ours == theirs
            if not same:
                found.append(f"{name.replace('_', ' ')} {_words(theirs)}, and {_words(ours)} at the master")
        return found


class WorkerCheck:
    """The master's side: asks the workers of a run what they would run."""

    def __init__(self, runner: MasterRunner, name_of: Callable[[str], str]) -> None:
        self._runner = runner
        self._name_of = name_of
        self._answers: dict[str, Mapping[str, Any]] = {}
        runner.register_message(messages.DESCRIPTION, self._on_description)

    def problems(self, ours: Description, workers: Sequence[str]) -> list[str]:
        """One line for each of these workers (Locust's ids) that must not take part. Waits for their answers."""
        self._answers.clear()
        deadline_s = time.monotonic() + ANSWER_S
        while silent := [worker for worker in workers if worker not in self._answers]:
            if time.monotonic() > deadline_s:
                break
            for worker in silent:
                self._runner.send_message(messages.DESCRIBE, None, worker)
            gevent.sleep(ASK_AGAIN_S if self._answers else ASK_AGAIN_S / 10)
        return [problem for worker in workers if (problem := self._problem(ours, worker))]

    def _problem(self, ours: Description, worker: str) -> str:
        host = worker.rpartition("_")[0]
        who = f"{self._name_of(worker)} (on {host})"
        if worker not in self._answers:
            return (
                f"{who} has not answered within {ANSWER_S:g} s: it runs plain Locust, an older Springback, or a "
                "locustfile without harness.attach(...). Start it with this locustfile and --worker"
            )
        try:
            differences = ours.differences(Description.from_message(self._answers[worker]))
        except TypeError:
            differences = [f"another version of Springback, and {ours.springback} at the master"]
        if not differences:
            return ""
        return (
            f"{who} would run something else: {'; '.join(differences)}. Give all of them the same locustfile, and "
            "install the same version"
        )

    def _on_description(self, msg: Any, **_: Any) -> None:
        self._answers[msg.node_id] = msg.data


def _words(value: str | tuple[str, ...]) -> str:
    return (", ".join(value) if isinstance(value, tuple) else value) or "none"
