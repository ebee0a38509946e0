"""What the options of a session ask for: its shape, host and settings, read afresh for each run and checked whole."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from locust.env import Environment
from locust.util.load_locustfile import is_shape_class

from harness.clients.address import allowed_hosts, require_allowed
from harness.config.scenario import Scenario
from harness.config.settings import RunSettings, read
from harness.errors import ConfigurationError
from harness.load.users.paced import all_paced
from shapes._phased import PhasedShape


def only_shape(found: Any, locustfiles: Sequence[str]) -> PhasedShape:
    """The shape that Locust has found in these files, which it has loaded. It takes the first one of the first file
    that has any; so a file with a shape alone, before that of a scenario, swaps the scenario's.

    Raises ConfigurationError when it is none of ours, or when that file has several.
    """
    if not isinstance(found, PhasedShape):
        raise ConfigurationError(
            "the locustfile has no shape of Springback: subclass one of the modules in shapes/, e.g. herd.Herd"
        )
    for path in locustfiles:
        module = sys.modules.get(Path(path).stem)
        shapes = {each.__name__: each for each in vars(module).values() if is_shape_class(each)} if module else {}
        if len(shapes) > 1:
            raise ConfigurationError(
                f"{Path(path).name} has {len(shapes)} load shapes, {' and '.join(sorted(shapes))}, and Locust would "
                "take the first that it finds: keep one, and give a class that others build upon abstract = True"
            )
        if shapes:
            break
    return found


class RunRequest:
    """Of the local runner or the master."""

    def __init__(self, environment: Environment, scenario: Scenario) -> None:
        self._environment = environment
        self._scenario = scenario

    @property
    def starts_by_itself(self) -> bool:
        parsed: Any = self._environment.parsed_options
        return bool(parsed.headless or parsed.autostart)

    @property
    def is_headless(self) -> bool:
        parsed: Any = self._environment.parsed_options
        return bool(parsed.headless)

    @property
    def host(self) -> str:
        if not self._environment.host:
            hosts = {user.host for user in self._environment.user_classes if user.host}
            if len(hosts) == 1:
                self._environment.host = hosts.pop()
        return self._environment.host or ""

    def shape(self) -> PhasedShape:
        """Raises ConfigurationError when it is none of ours, or when it is not clear which one is meant."""
        parsed: Any = self._environment.parsed_options
        # With the picker it is the user who chooses, in the web UI.
        files = () if getattr(parsed, "class_picker", False) else self._environment.parsed_locustfiles or ()
        return only_shape(self._environment.shape_class, files)

    def settings(self) -> RunSettings:
        """Reads and checks everything, the scenario's own checks included, which may ask servers.

        Raises ConfigurationError with all that is wrong.
        """
        return self._read(self._environment.parsed_options, self.host, self.shape, ask=True)

    def prepare(self, values: Any, host: str | None) -> None:
        """Checks ``values`` and ``host`` (None: as it is) as at the start of a run, and makes the shape ready for it:
        Locust asks it for its first users before the run has begun.

        Raises ConfigurationError with all that is wrong; then nothing is changed.
        """
        host = self.host if host is None else host
        self._read(values, host, lambda: copy.copy(self.shape()))
        self._read(values, host, self.shape)
        self.shape().clock = None

    def _read(self, values: Any, host: str, shape_of: Callable[[], PhasedShape], ask: bool = False) -> RunSettings:
        problems: list[str] = []
        settings: RunSettings | None = None
        try:
            shape = shape_of()
            shape.parked = all_paced(self._environment.user_classes, problems)
            settings = read(values, self._scenario, shape, host, ask)
        except ConfigurationError as error:
            problems += error.messages
        if not host:
            problems.append("the host is missing: name the service with --host, e.g. --host http://127.0.0.1:8000")
        else:
            try:
                # Not from the settings: there are none when something else is wrong.
                require_allowed(host, allowed_hosts(getattr(values, "allow_host", "")))
            except ConfigurationError as error:
                problems += error.messages
        if problems or settings is None:
            raise ConfigurationError(problems)
        return settings
