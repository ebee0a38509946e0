"""Users of a service with a circuit breaker: they recognise the answer of an open breaker by its signature."""

from __future__ import annotations

from typing import Any

from locust import task

from harness.criteria.breaker import BREAKER_OPEN
from harness.load.http import PacedHttpUser
from harness.load.users.measured import WrongAnswerError
from harness.plugins import parameter


class GuardedOptions:
    """Options of a scenario with such users."""

    quote_path: str = parameter("/quote", "path that is answered with the help of the upstream", web=True)
    breaker_signature: str = parameter("503 X-Breaker", "status of a fast failure and text in its answer", web=True)


class GuardedHttpUser(PacedHttpUser):
    """A user with :class:`GuardedOptions`."""

    abstract = True

    def ask_for_quote(self) -> None:
        """One request. An answer with the signature's status, and its text in a header or the body, whatever its case,
        counts as a failure by an open breaker.
        """
        options: Any = self.environment.parsed_options
        status, _, text = options.breaker_signature.partition(" ")
        with self.client.get(options.quote_path, catch_response=True) as answer:
            seen = "\n".join([*map(": ".join, answer.headers.pairs), answer.text])
            if str(answer.status_code) == status and text.lower() in seen.lower():
                answer.failure(WrongAnswerError(BREAKER_OPEN))


class QuotingUser(GuardedHttpUser):
    """One who does nothing else than to ask for quotes."""

    abstract = True

    @task
    def quote(self) -> None:
        self.ask_for_quote()
