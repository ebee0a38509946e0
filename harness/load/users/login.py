"""Users who log in all at once, each with one request that carries a name and a password as JSON."""

from __future__ import annotations

from typing import Any

from harness.load.http import HerdHttpUser
from harness.load.http.request import Request
from harness.load.http.response import Response
from harness.plugins import parameter


class LoginOptions:
    """Options of a scenario with such users."""

    login_path: str = parameter("/auth/login", "path that takes the login as JSON", web=True)
    username: str = parameter("user{number}", "name to log in with; {number} is different for every user", web=True)
    password: str = parameter("springback", "password of all these users", secret=True, web=True)


class LoginUser(HerdHttpUser):
    """A user with :class:`LoginOptions`. A good answer is JSON with a ``token``."""

    abstract = True

    def prepare(self) -> Request:
        options: Any = self.environment.parsed_options
        credentials = {"username": options.username.format(number=self.number), "password": options.password}
        return self.client.prepare("POST", options.login_path, json=credentials)

    def check(self, response: Response) -> str | None:
        return None if "token" in response.json() else "no token in the answer"
