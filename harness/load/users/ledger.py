"""Users of a ledger: each writes rows with ids of its own, reads them, and in the end looks whether they are there.

The service takes ``POST PATH`` of ``{"id", "client", "value"}`` with 2xx when the row is safe, and answers ``GET
PATH/ID`` with 200 and JSON, or 404. A write without an answer is sent again under the same id, with the header
``Idempotency-Key``, and so are some of the others: that must not make it two. When the load is over, each user reads
all its rows from the primary (``?read=primary``), where ``copies`` in the answer says how many there are of the id;
without it, one. Where the service says so, ``X-Served-By`` is the node that answered, and ``X-Read-From`` what it is:
``primary``, ``replica``.
"""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import gevent

from harness.load.http import PacedHttpUser
from harness.load.http.response import Response
from harness.load.users.measured import Measured
from harness.plugins import parameter
from harness.recording import READ, WRITE

if TYPE_CHECKING:
    from locust.env import Environment

LEDGER, AUDIT = "ledger", "audit"
"""The ways of the load's operations, and of the look for them in the end."""
VALUE = "x" * 100
RETRY_S = 0.25
AUDIT_RETRY_S = 0.5


class LedgerOptions:
    """Options of a scenario with such users."""

    ledger_path: str = parameter("/ledger", "path that takes rows, and below which they are read", web=True)
    audit_query: str = parameter("?read=primary", "what follows a row's path to read it from the primary", web=True)
    copies_field: str = parameter("copies", "field of a row's JSON with the number of rows of its id", web=True)
    write_attempts: int = parameter(3, "how often a write without an answer is sent, with the same id", lowest=1)
    resend_every: int = parameter(
        10, "every n-th row that was written is sent once more, as by a client that has missed the answer; 0: none"
    )
    audit_within_s: float = parameter(15.0, "longest time in the end for a user to look for its rows")


class LedgerUser(Measured, PacedHttpUser):
    """A session that writes and reads its own rows over HTTP, with :class:`LedgerOptions`."""

    abstract = True
    timeout_s = 3.0
    source_header = "X-Served-By"
    """Names who has answered."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.options: Any = environment.parsed_options
        self._sent: list[str] = []
        """Ids of all rows, written or not."""
        self._written: dict[str, int] = {}
        """Id → which attempt had a good answer."""
        self._turns = self.number
        """Half of the users begin with a read, once they have a row."""

    def take_turn(self) -> None:
        """One write, or one read of a row that was written, in turn."""
        self._turns += 1
        if self._turns % 2 or not self._written:
            self.write_row()
        else:
            self.read_row()

    def write_row(self) -> bool:
        """Whether it had a good answer in the end. Each attempt is an operation with a version of its own."""
        row = f"{self.node.run}-{self.number}-{len(self._sent)}"
        self._sent.append(row)
        for attempt in range(1, self.options.write_attempts + 1):
            if attempt > 1:
                gevent.sleep(RETRY_S)
                if self.node.ending:
                    break
            if self._write(row, attempt):
                self._written[row] = attempt
                # Counted on from the user's number, for a user may write no more than a few rows.
                every = self.options.resend_every
                if every and (self.number + len(self._sent)) % every == 0:
                    self._write(row, attempt + 1)
                return True
        return False

    def read_row(self) -> bool:
        """Whether it had an answer: that the row is not there (404) is one, too."""
        row = random.choice(list(self._written))
        copies, source, role, begun_s, done_s = self._get(row, "", "[id]")
        version = self._written[row] if copies else None
        via = f"{LEDGER}, {role}" if role else LEDGER
        self.operation(READ, row, str(self.number), version, begun_s, done_s, via, source)
        return done_s is not None

    def on_stop(self) -> None:
        """Looks for every row on the primary of now, as long as there is time."""
        until_s = time.monotonic() + self.options.audit_within_s
        for row in self._sent:
            while time.monotonic() < until_s:
                copies, source, _, begun_s, done_s = self._get(row, self.options.audit_query, "[id] in the end")
                self.operation(READ, row, str(self.number), copies or None, begun_s, done_s, AUDIT, source)
                if done_s is not None:
                    break
                gevent.sleep(AUDIT_RETRY_S)

    def _write(self, row: str, attempt: int) -> bool:
        begun_s = time.monotonic()
        with self.client.post(
            self.options.ledger_path,
            json={"id": row, "client": self.node.run, "value": VALUE},
            headers={"Idempotency-Key": row},
            catch_response=True,
        ) as response:
            done_s = time.monotonic()
            is_good = response.ok or (attempt > 1 and response.status_code == 409)  # it was there already
            if is_good:
                response.success()
        source = response.headers.get(self.source_header, "")
        returned_s = done_s if is_good else None
        self.operation(WRITE, row, str(self.number), attempt, begun_s, returned_s, LEDGER, source)
        return is_good

    def _get(self, row: str, query: str, name: str) -> tuple[int, str, str, float, float | None]:
        """How many there are, who says so and what it is, and from when to when; no end where there was no answer."""
        begun_s = time.monotonic()
        path = self.options.ledger_path
        with self.client.get(f"{path}/{row}{query}", name=f"{path}/{name}", catch_response=True) as response:
            done_s = time.monotonic()
            is_good = response.ok or response.status_code == 404
            if is_good:
                response.success()
        source, role = (response.headers.get(header, "") for header in (self.source_header, "X-Read-From"))
        copies = self._copies(response) if response.ok else 0
        return copies, source, role.strip().lower(), begun_s, done_s if is_good else None

    def _copies(self, response: Response) -> int:
        try:
            document = json.loads(response.content)
            copies = document.get(self.options.copies_field, 1)
        except (ValueError, AttributeError):  # no JSON, or no object: it is there
            return 1
        return copies if isinstance(copies, int) and not isinstance(copies, bool) else 1
