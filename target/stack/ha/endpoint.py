"""Where nodes are killed and started again: GET lists them with their states, PUT {"node", "action"} does it."""

from __future__ import annotations

from target.errors import TargetError, UsageError
from target.stack.endpoint import JsonHandler
from target.stack.ha.nodes import Nodes

PATH = "/_node"


def handler(nodes: Nodes, token: str) -> type[JsonHandler]:
    """For an `Endpoint`; every request needs the token."""

    class Handler(JsonHandler):
        def do_GET(self) -> None:  # noqa: N802
            if self._may():
                self.answer(200, {"nodes": nodes.as_json()})

        def do_PUT(self) -> None:  # noqa: N802
            if not self._may():
                return
            try:
                document = self.body()
                done = nodes.act(str(document["node"]), str(document["action"]))
            except TargetError as error:
                status = 400 if isinstance(error, UsageError) else 500
                self.answer(status, {"error": error.problem, "remedy": error.remedy})
            except (ValueError, KeyError, TypeError, RecursionError):
                self.answer(400, {"error": "no such order", "remedy": 'send {"node": NAME, "action": ACTION}'})
            else:
                self.answer(200, done)

        def _may(self) -> bool:
            if self.path != PATH:
                self.answer(404, {"error": "not found"})
                return False
            return self.has_token(token.encode())

    return Handler
