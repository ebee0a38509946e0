"""What the options of a session ask for: its shape, host and settings, read afresh for each run and checked whole."""

from __future__ import annotations

import copy
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from locust import User
from locust.util.load_locustfile import is_shape_class

from harness.clients.address import allowed_hosts, require_allowed, strip_url
from harness.config import options
from harness.config.machine_limits import limits, need_of
from harness.config.scenario import Scenario
from harness.config.settings import RunSettings, read
from harness.errors import ConfigurationError
from harness.live.stop_rules import parse
from harness.load.users.class_problems import class_problems, count_problems
from harness.load.users.paced import all_paced
from shapes._phased import PhasedShape

NO_SHAPE = (
    "the locustfile has no shape of Springback: subclass one, e.g. from shapes import herd, then "
    "class Spike(herd.Herd); springback plugins shapes lists them"
)
NO_HOST = "the host is missing: name the service with --host, e.g. --host http://127.0.0.1:8000"
EMPTY_HOST = (
    "the host is empty, as a variable is that nobody has set: give an address in --host, LOCUST_HOST or the host line "
    "of the config file, or leave out all of them"
)


def only_shape(found: Any, locustfiles: Sequence[str]) -> PhasedShape:
    """The shape that Locust has found in these files, which it has loaded. It takes the first one of the first file
    that has any; so a file with a shape alone, before that of a scenario, swaps the scenario's.

    Raises ConfigurationError when it is none of ours, or when that file has several.
    """
    if not isinstance(found, PhasedShape):
        raise ConfigurationError(NO_SHAPE)
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
    """Of the local runner or the master, or of what one of them would be asked for.

    ``environment`` is Locust's, or has at least its ``parsed_options``, ``host``, ``user_classes`` and ``shape_class``.
    ``rules_of_this_run``: those of ``--stop-when`` were given for one run, and not for several, as in a config file.
    """

    def __init__(self, environment: Any, scenario: Scenario, rules_of_this_run: bool = True) -> None:
        self._environment = environment
        self._scenario = scenario
        self._stop_when = str(getattr(environment.parsed_options, "stop_when", "") or "")
        """As it was given when Locust was started: the web form can add rules, and take none away."""
        self._standing = () if rules_of_this_run else parse(self._stop_when)[0]
        """The rules among them that hold for other runs, too, which may be longer than this one."""
        self.disturbing: tuple[str, ...] = ()
        """Limits of this machine that the run meets and that do not prevent it, in words."""

    @property
    def starts_by_itself(self) -> bool:
        parsed: Any = self._environment.parsed_options
        return bool(parsed.headless or parsed.autostart)

    @property
    def is_headless(self) -> bool:
        parsed: Any = self._environment.parsed_options
        return bool(parsed.headless)

    def shape(self) -> PhasedShape:
        """Raises ConfigurationError when it is none of ours, or when it is not clear which one is meant."""
        parsed: Any = self._environment.parsed_options
        # With the picker it is the user who chooses, in the web UI.
        files = () if getattr(parsed, "class_picker", False) else self._environment.parsed_locustfiles or ()
        return only_shape(self._environment.shape_class, files)

    def settings(self, *, host_needed: bool = True, ask: bool = True) -> RunSettings:
        """Reads and checks everything; ``ask``: what servers have to be asked for, too.

        Sets the environment's host where only the user classes name one. It stays None where nobody does and it is not
        ``host_needed``. Raises ConfigurationError with all that is wrong.
        """
        environment = self._environment
        problems: list[str] = []
        host = target_host(environment.host, environment.user_classes, problems)
        settings = self._read(environment.parsed_options, host, self.shape, problems, host_needed, ask)
        environment.host = host
        return settings

    def prepare(self, values: Any, host: str | None) -> None:
        """Checks ``values`` and ``host`` (None: as it is) as at the start of a run, and makes the shape ready for it:
        Locust asks it for its first users before the run has begun.

        Raises ConfigurationError with all that is wrong; then nothing is changed.
        """
        problems: list[str] = []
        host = target_host(self._environment.host if host is None else host, self._environment.user_classes, problems)
        self._read(values, host, lambda: copy.copy(self.shape()), problems)
        self._read(values, host, self.shape, [])
        self.shape().clock = None

    def try_out(self, values: Any, host: str | None, chosen: PhasedShape | None) -> tuple[PhasedShape, list[str]]:
        """A copy of the shape, or of the ``chosen`` one, as ``values`` would have it, and all that is wrong with them.
        Nothing is changed, and no server is asked.
        """
        problems: list[str] = []
        shape = copy.copy(self.shape() if chosen is None else chosen)
        host = target_host(self._environment.host if host is None else host, self._environment.user_classes, problems)
        try:
            self._read(values, host, lambda: shape, problems)
        except ConfigurationError as error:
            return shape, list(error.messages)
        return shape, []

    def _read(
        self,
        values: Any,
        host: str | None,
        shape_of: Callable[[], PhasedShape],
        problems: list[str],
        host_needed: bool = True,
        ask: bool = False,
    ) -> RunSettings:
        settings: RunSettings | None = None
        users = self._environment.user_classes
        if self._stop_when not in (asked := str(getattr(values, "stop_when", "") or "")):
            values.stop_when = f"{self._stop_when}; {asked}"
        problems += options.misspelt(os.environ, self._scenario)
        problems += class_problems(users)
        try:
            shape = shape_of()
            shape.parked = all_paced(users, problems)
            shape.user_classes = tuple(user.__name__ for user in users)
            settings = read(values, self._scenario, shape, host or "", ask, users, self._standing)
            problems += count_problems(users, shape)
        except ConfigurationError as error:
            problems += error.messages
        if host is None and host_needed:
            problems.append(NO_HOST)
        elif host:
            try:
                # Not from the settings: there are none when something else is wrong.
                require_allowed(host, allowed_hosts(getattr(values, "allow_host", "")))
                if extra := re.search(r"[?#]", host):
                    problems.append(f"{strip_url(host)}{extra[0]}…: leave out what comes from {extra[0]!r} on")
            except ConfigurationError as error:
                problems += error.messages
        if problems or settings is None:
            raise ConfigurationError(problems)
        parsed: Any = self._environment.parsed_options
        if need := need_of(parsed, shape.planned_users, host or ""):
            low = [limit for limit in limits(need) if limit.remedy]
            if refused := [limit.remedy for limit in low if limit.prevents]:
                raise ConfigurationError(refused)
            self.disturbing = tuple(f"{limit.name}, {limit.figure}: {limit.remedy}" for limit in low)
        return settings


def target_host(given: str | None, users: Iterable[type[User]], problems: list[str]) -> str | None:
    """The host that a run loads: what was ``given``, else what the user classes say; None where nobody names one.

    An empty one is a problem, and never the same as none: whoever gave it meant a service of his own.
    """
    if given is not None:
        if not given.strip():
            problems.append(EMPTY_HOST)
        return given.strip()
    named = {user.host: user.__name__ for user in users if user.host is not None}
    if len(named) > 1:
        shown = ", ".join(f"{strip_url(host) or 'nothing'} ({user})" for host, user in named.items())
        problems.append(f"the user classes name different hosts, {shown}: choose one with --host")
        return ""
    for host, user in named.items():
        if not host.strip():
            problems.append(f"{user}.host is empty: give the class an address, or leave it out and give --host")
        return host.strip()
    return None
