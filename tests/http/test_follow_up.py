"""What a user of a herd does after the request that was released."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from harness.load.http.users import HerdHttpUser


def test_it_comes_once_after_the_answer_was_counted() -> None:
    said: list[str] = []

    class Client(HerdHttpUser):
        abstract = True

        def follow_up(self, response: Any) -> None:
            said.append(response)

    def send(request: Any, start: Any, _check: object) -> str:
        said.append(f"{start.name} counted")
        return f"answer to {request.name}"

    user: Any = Client.__new__(Client)
    user._request = SimpleNamespace(method="GET", name="/own")
    user.current_start = SimpleNamespace(name="")
    user.client = SimpleNamespace(send=send)
    (task,) = Client.tasks
    task(user)
    assert said == ["GET /own counted", "answer to /own"]
