"""Paced: makes any Locust user park and start when its pacer says so.

``class Shopper(Paced, HttpUser)`` is enough. The user blocks inside ``wait_time``, in Locust's WAITING state, so a
parked user still stops at once. Its first task is an empty one, because Locust runs a task before the first wait.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import gevent
import requests
from locust import User

from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE
from harness.load.pacing import NotReadyError, Slot, Start
from harness.load.present_node import node_of
from harness.load.stock_clients import count_without_block
from harness.load.user_exceptions import CONTROL, raised_in
from harness.load.user_stop import ON_STOP_S
from harness.safe_text import say

if TYPE_CHECKING:
    from locust.env import Environment

PREPARE_PAUSE_S = 1.0
"""Before a user that could not get ready tries again."""

logger = logging.getLogger(__name__)


class UserGreenlet(gevent.Greenlet):  # type: ignore[type-arg]
    """One that does not keep where it was spawned: of ten thousand users that is the same place in Locust, and six
    megabytes.
    """

    spawning_stack_limit = 0


class Paced(User):
    """A user whose iterations begin when the run's pacer says so, not after a pause of its own."""

    abstract = True
    on_stop_s: float = ON_STOP_S
    """How long ``on_stop`` may take before it is ended; of users that look for what they wrote, beside that look."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.tasks: list[Any] = [_park]
        try:
            self.node = node_of(environment)
        except ConfigurationError as error:  # Locust would go on, and print a traceback for every user
            say(str(error))
            sys.exit(EXIT_USAGE)
        self.number: int = self.node.number_user()
        """0, 1, 2 …: different for every user of the run, over all nodes."""
        self.number_in_class: int = self.node.number_user(type(self).__name__)
        """The same of the users of its class."""
        self.current_start: Start | None = None
        self.ready_until_s = math.inf
        """For ``get_ready()`` to set: the instant, of ``time.monotonic()``, from which on the user has to get ready
        again although it has not been started, because a token runs out.
        """

    def get_ready(self) -> None:
        """Called whenever the user parks, and again at ``ready_until_s``: the moment to log in, or to renew a token.
        What it asks for is warm-up. Raises NotReadyError where the service does not let it; then it is called again.
        """

    @property
    def in_herd(self) -> bool:
        """Whether a gate has released this user, together with many others."""
        return self.current_start is not None and self.current_start.release is not None

    def start(self, group: Any) -> Any:
        """What the user asks for until it parks, in ``on_start`` too, is warm-up."""
        group.greenlet_class = UserGreenlet
        greenlet = super().start(group)
        self.node.recorder.gets_ready(greenlet)
        return greenlet

    def wait_time(self) -> float:
        """Blocks until the pacer starts this user again; there is no pause after that."""
        count_without_block(getattr(self, "client", None))
        self.node.iterations.end()
        if away_s := self.away_s():
            gevent.sleep(away_s)
        start = None
        while start is None:
            slot = self._prepared()
            start = None if slot is None else self.node.park(slot)
        self.node.iterations.begin(start, type(self).__name__)
        self.current_start = start
        return 0.0

    @classmethod
    def conflicts(cls) -> Iterable[str]:
        """What is wrong with the class's attributes, each with its remedy; said before the run."""
        return ()

    def _prepared(self) -> Slot | None:
        """None when that has failed, in the user's own code; then the user tries again after a pause."""
        try:
            self.ready_until_s = math.inf
            self.get_ready()
            slot = self.prepare_slot()
            slot.kind, slot.until_s = type(self).__name__, self.ready_until_s
            self.node.exceptions.note_ready(self)
            return slot
        except CONTROL:
            raise
        except NotReadyError as error:
            self.node.exceptions.note_not_ready(error, self)
            gevent.sleep(PREPARE_PAUSE_S)
            return None
        except Exception as error:
            raised_in("prepare", error)
            self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
            logger.exception("a user cannot get ready, and tries again")
            gevent.sleep(PREPARE_PAUSE_S)
            return None

    def away_s(self) -> float:
        """How long this user cannot be started, because the service has asked it to stay away."""
        return 0.0

    def prepare_slot(self) -> Slot:
        """Called whenever the user parks: the moment to get ready (connect, build the request)."""
        if self.node.connect_early is False:
            client: Any = getattr(self, "client", None)
            if isinstance(client, requests.Session):
                client.close()  # its idle connections; it can be used again
        return Slot()


def _park(user: Paced) -> None:
    """First task of every paced user: nothing, so that the wait which follows it parks the user."""
    del user.tasks


def all_paced(users: Iterable[type[User]], problems: list[str]) -> bool:
    """Whether the users park. Some of them and not the others is a problem, noted in ``problems``."""
    paced = [issubclass(user, Paced) for user in users]
    if any(paced) and not all(paced):
        problems.append("some user classes are paced and some are not: make all of them Paced, or none")
    return bool(paced) and all(paced)
