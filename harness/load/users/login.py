"""Users who log in all at once, each with one request that carries a name and a password as JSON."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from harness.load.http import HerdHttpUser
from harness.load.http.request import Request
from harness.load.http.response import Response
from harness.load.node import Node
from harness.load.present_node import node_of
from harness.load.users.measured import WrongAnswerError
from harness.plugins import parameter


class LoginOptions:
    """Options of a scenario with such users."""

    login_path: str = parameter("/auth/login", "path that takes the login as JSON", web=True)
    username: str = parameter("user{number}", "name to log in with; {number} is different for every user", web=True)
    password: str = parameter("springback", "password of all these users", secret=True, web=True)


class LoginUser(HerdHttpUser):
    """A user with :class:`LoginOptions`. A good answer is JSON with a ``token`` that nobody else has got."""

    abstract = True
    _username = ""
    """For whom it logs in. Where a ``prepare()`` of one's own does not say, all may be one, and get one token."""

    def prepare(self) -> Request:
        options: Any = self.environment.parsed_options
        self._username = options.username.format(number=self.number)
        credentials = {"username": self._username, "password": options.password}
        return self.client.prepare("POST", options.login_path, json=credentials)

    def check(self, response: Response) -> str | Exception | None:
        return token_problem(self, self._username, response.json())


_owners: WeakKeyDictionary[Node, dict[int, int]] = WeakKeyDictionary()
"""Tokens → who got them, in this load process; of both the hashes, as a token is secret and may be long."""
MOST_TOKENS = 100_000
"""That are remembered, the newest: some 15 MB."""


def token_problem(user: HerdHttpUser, username: str, answer: object) -> WrongAnswerError | None:
    """What is wrong with the ``token`` in the JSON that the login of that name was answered with; None where nothing
    is. Under load, a service that mixes up its sessions lets one user in as another.
    """
    token = answer.get("token") if isinstance(answer, dict) else None
    if not token:
        return WrongAnswerError("no token in the answer")
    owners = _owners.setdefault(node_of(user.environment), {})
    owner = hash(username)
    if len(owners) >= MOST_TOKENS:
        del owners[next(iter(owners))]
    return None if owners.setdefault(hash(str(token)), owner) == owner else WrongAnswerError("token of another user")
