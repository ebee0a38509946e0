"""Users of a ledger: each writes rows with ids of its own, and in the end looks whether they are there.

The service takes ``POST PATH`` of ``{"id", "client", "value"}`` with 2xx when the row is safe, and answers ``GET
PATH/ID`` with 200 and JSON that has the ``id``, or 404. A write without an answer is sent again under the same id, with
the header ``Idempotency-Key``, and so are some of the others: that must not make it two. When the load is over, each
user reads all its rows from the primary (``?read=primary``), where ``copies`` in the answer says how many there are of
the id, and ``value``, where it is there, has to be what was written. It looks for one more that nobody has written, so
that a service which finds whatever it is asked for proves nothing. Where the service says so, ``X-Served-By`` is the
node that answered, and ``X-Read-From`` what it is: ``primary``, ``replica``; a row from a replica, or from a cache
(``X-Cache: hit``), has not been seen on the primary.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import gevent

from harness.load.http import PacedHttpUser
from harness.load.node import Node
from harness.load.users.measured import Measured
from harness.plugins import parameter
from harness.recording import READ, UNCOUNTED, WRITE

if TYPE_CHECKING:
    from locust.env import Environment

LEDGER, AUDIT, CONTROL = "ledger", "audit", "audit control"
"""The ways of the load's operations, of the look for them in the end, and of that for a row that nobody has written."""
PRIMARY, ROLE_HEADERS = "primary", ("X-Read-From", "X-Cache")
VALUE = "x" * 100
RETRY_S = 0.25
AUDIT_RETRY_S = 0.5
READ_AGAIN = 1000
"""So many of the newest rows of a load process are read."""
_written: WeakKeyDictionary[Node, deque[tuple[str, int]]] = WeakKeyDictionary()
"""Rows that had a good answer, each with the attempt that had it."""


class LedgerOptions:
    """Options of a scenario with such users."""

    ledger_path: str = parameter("/ledger", "path that takes rows, and below which they are read", web=True)
    audit_query: str = parameter("?read=primary", "what follows a row's path to read it from the primary", web=True)
    id_field: str = parameter(
        "id",
        "field of a row's JSON with its id, without which an answer is none; empty: its status is enough",
        web=True,
    )
    copies_field: str = parameter("copies", "field of a row's JSON with the number of rows of its id", web=True)
    write_attempts: int = parameter(3, "how often a write without an answer is sent, with the same id", lowest=1)
    resend_every: int = parameter(
        10, "every n-th row that was written is sent once more, as by a client that has missed the answer; 0: none"
    )
    audit_within_s: float = parameter(15.0, "longest time in the end for a user to look for its rows")


@dataclass(frozen=True)
class Look:
    """What became of a look for a row."""

    copies: int
    """How many rows there are of the id; 0: none, or one that is not what was written."""
    is_counted: bool
    """Whether the answer has said so; otherwise it is one at least."""
    source: str
    role: str
    begun_s: float
    done_s: float | None
    """None: there was no good answer."""


class LedgerUser(Measured, PacedHttpUser):
    """A session that writes rows of its own over HTTP and reads some that were written, with :class:`LedgerOptions`."""

    abstract = True
    timeout_s = 3.0
    source_header = "X-Served-By"
    """Names who has answered."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options: Any = environment.parsed_options
        self.options = options
        self.on_stop_s += options.audit_within_s
        self._sent: list[str] = []
        """Ids of all its rows, written or not."""
        self._written = _written.setdefault(self.node, deque(maxlen=READ_AGAIN))
        self._turns = self.number
        """Half of the users begin with a read, once there is a row."""

    def take_turn(self) -> None:
        """One write, or one read of a row that somebody in this process has written, in turn."""
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
                # Counted on from the user's number, for a user may write no more than a few rows.
                every = self.options.resend_every
                if every and (self.number + len(self._sent)) % every == 0:
                    attempt += self._write(row, attempt + 1)
                self._written.append((row, attempt))  # readers find what was acknowledged last
                return True
        return False

    def read_row(self) -> bool:
        """Whether it had an answer: that the row is not there (404) is one, too. A row has to have been written."""
        row, attempt = random.choice(self._written)
        look = self._get(row, "", "[id]")
        self._keep(row, look, attempt if look.copies else None, f"{LEDGER}, {look.role}" if look.role else LEDGER)
        return look.done_s is not None

    def on_stop(self) -> None:
        """Looks for every row on the primary of now, as long as there is time; and for one that cannot be there."""
        until_s = time.monotonic() + self.options.audit_within_s
        if self._sent:
            self._look_for(f"{self.node.run}-{self.number}-never", CONTROL)
        for row in self._sent:
            while time.monotonic() < until_s and not self._look_for(row, AUDIT):
                gevent.sleep(AUDIT_RETRY_S)

    def _look_for(self, row: str, via: str) -> bool:
        """On the primary; whether there was an answer. One that says that it comes from elsewhere is kept as such."""
        look = self._get(row, self.options.audit_query, "[id] in the end")
        self._keep(row, look, look.copies or None, via if look.role in ("", PRIMARY) else f"{via}, {look.role}")
        return look.done_s is not None

    def _keep(self, row: str, look: Look, version: int | None, via: str) -> None:
        told = UNCOUNTED if look.copies and not look.is_counted else ""
        self.operation(READ, row, str(self.number), version, look.begun_s, look.done_s, via, look.source, told)

    def _write(self, row: str, attempt: int) -> bool:
        begun_s = time.monotonic()
        with self.client.post(
            self.options.ledger_path,
            json={"id": row, "client": self.node.run, "value": VALUE},
            headers={"Idempotency-Key": row},
            catch_response=True,
        ) as response:
            done_s = time.monotonic()
            is_good = response.is_success or (attempt > 1 and response.status_code == 409)  # it was there already
            if is_good:
                response.success()
        source = response.headers.get(self.source_header, "")
        returned_s = done_s if is_good else None
        self.operation(WRITE, row, str(self.number), attempt, begun_s, returned_s, LEDGER, source)
        return is_good

    def _get(self, row: str, query: str, name: str) -> Look:
        begun_s = time.monotonic()
        path, copies, is_counted = self.options.ledger_path, 0, False
        with self.client.get(f"{path}/{row}{query}", name=f"{path}/{name}", catch_response=True) as response:
            done_s = time.monotonic()
            is_good = response.status_code == 404
            if response.is_success:
                document = response.json_object()
                is_good = self._is_of(row, document)
                if not is_good:
                    response.failure("no such row in the answer")  # an error page may come with status 200
                elif document.get("value", VALUE) != VALUE:
                    response.failure("another value in the row")
                else:
                    copies, is_counted = self._copies(document)
            elif is_good:
                response.success()
        source, role, cache = (response.headers.get(name, "") for name in (self.source_header, *ROLE_HEADERS))
        role = "cache" if cache.strip().lower() == "hit" else role.strip().lower()
        return Look(copies, is_counted, source, role, begun_s, done_s if is_good else None)

    def _is_of(self, row: str, document: dict[str, Any]) -> bool:
        field = self.options.id_field
        return bool(document) if not field else document.get(field) == row

    def _copies(self, document: dict[str, Any]) -> tuple[int, bool]:
        copies = document.get(self.options.copies_field)
        if isinstance(copies, int) and not isinstance(copies, bool):
            return copies, True
        return 1, False
