"""Asks Patroni to make another node the primary, as before maintenance: a planned switchover."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.clients.address import url_problems
from harness.clients.patroni import PatroniError, members, switch_over
from harness.faults import Fault, FaultError
from harness.plugins import parameter

REFUSED_WITHIN_S = 0.5
"""Patroni refuses at once what it does not do; a switchover takes seconds, and the load is to see all of them."""
SWITCHED_WITHIN_S = 30.0


class _Request(threading.Thread):
    """The request, which Patroni answers when it is over."""

    def __init__(self, url: str, leader: str, candidate: str) -> None:
        super().__init__(daemon=True)
        self.leader, self.said, self.error = leader, "", ""
        self._order = url, leader, candidate
        self.start()

    def run(self) -> None:
        try:
            self.said = switch_over(*self._order, SWITCHED_WITHIN_S)
        except PatroniError as error:
            self.error = str(error)


@dataclass(frozen=True)
class PatroniSwitchover(Fault):
    """It is injected when Patroni has been asked. There is nothing to undo: the new primary stays, and the old one
    follows it; the end tells what Patroni has said, and fails if that was no.
    """

    urls: tuple[str, ...] = parameter(
        help="addresses of the REST API of the nodes; the first that answers is asked", secret=True
    )
    candidate: str = parameter("", "name of the node that is to lead; empty: Patroni chooses")
    _asked: list[_Request] = field(default_factory=list, init=False, repr=False, compare=False)

    def conflicts(self) -> Iterator[str]:
        if not self.urls:
            yield "no address is given. Give that of a node's REST API, e.g. http://127.0.0.1:8008"
        for url in self.urls:
            yield from url_problems(url)

    def addresses(self) -> Iterable[str]:
        return self.urls

    def inject(self) -> str:
        problems = []
        for url in self.urls:
            try:
                known = members((url,), 1.0)
            except PatroniError as error:
                problems.append(str(error))
                continue
            leader = next((each.name for each in known if each.is_leader), "")
            if not leader:
                raise FaultError("no node leads, so none can be replaced")
            request = _Request(url, leader, self.candidate)
            request.join(REFUSED_WITHIN_S)
            if request.error:
                raise FaultError(f"Patroni does not replace {leader}: {request.error}")
            self._asked.append(request)
            return f"asked Patroni for another primary than {leader}"
        raise FaultError(f"no Patroni answers: {'; '.join(problems)}")

    def undo(self) -> str:
        """Only where it was injected is it known what Patroni has said."""
        for request in self._asked:
            request.join(1.0)
            if request.error:
                raise FaultError(f"Patroni has not replaced {request.leader}: {request.error}")
        said = "; ".join(request.said for request in self._asked if request.said)
        return f"nothing to undo: the new primary stays{f' ({said})' if said else ''}"
