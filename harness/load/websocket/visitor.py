"""Visitors of a feed: a crowd that stays, and others who look in."""

from __future__ import annotations

from locust import task

from harness.load.websocket.feed import FeedUser


class FeedVisitor(FeedUser):
    """Who starts in a herd stays and talks until the end of the run; the others look in, say one thing, and leave."""

    abstract = True
    quiet_before = "recovery"
    """The phase before which nothing is said for a while: whatever was said is delivered by then, or lost."""

    @task
    def visit(self) -> None:
        if self.in_herd:
            self.stay_and_talk(self.quiet_before)
        else:
            self.look_in(connection_name="canary")
