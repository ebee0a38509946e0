"""What the master asks of the load processes of a run, wherever they are."""

from __future__ import annotations

from typing import Protocol

from harness.load.run_plan import Plan
from harness.run.run import Run


class Nodes(Protocol):
    """For the whole session, whose latest run is the one that was begun last."""

    @property
    def all_gone(self) -> bool:
        """Whether none is left that could make load."""

    def choose(self) -> list[str]:
        """Those that take part in the run that is about to begin. Raises ConfigurationError when one cannot."""

    def begin(self, run: Run) -> None:
        """This is the present run from now on."""

    def send_plan(self, whole: Plan) -> tuple[str, ...]:
        """Its part to each; the names of those who got one."""

    def tell_connect_early(self, connect_early: bool | None) -> None:
        """How users are to be parked."""

    def take_reports(self) -> None:
        """Now and then while the run goes."""

    def note_lost(self) -> None:
        """Tells the run who is gone."""

    def stop(self, parked: bool) -> None:
        """The load is over: they deliver while answers can still come. ``parked``: users wait for their starts."""

    def stop_waiting(self) -> None:
        """No answer is waited for any more."""

    def halt(self) -> None:
        """The load ends at once."""

    def wait_for_users_gone(self) -> None:
        """Takes what is told after the last reports, when the users have been stopped."""

    def close(self) -> None:
        """Everything of the run is done, or has failed."""
