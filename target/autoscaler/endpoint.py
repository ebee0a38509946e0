"""The controller's address: GET /autoscaler (log and replicas), and its own /_fault."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

from target.autoscaler.controller import Controller
from target.errors import UsageError
from target.faults import folder
from target.stack.endpoint import JsonHandler
from target.stack.state import FAULT_PATH


def handler(controller: Controller, token: str) -> type[JsonHandler]:
    """For an `Endpoint`; only the fault's path needs the token."""

    class Handler(JsonHandler):
        def do_GET(self) -> None:  # noqa: N802
            parts = urlsplit(self.path)
            if parts.path == FAULT_PATH:
                self._fault(lambda: None)
            elif parts.path == "/autoscaler":
                try:
                    after = float(parse_qs(parts.query).get("after", ["-inf"])[0])
                except ValueError:
                    self.answer(400, {"error": "after must be a number of seconds"})
                else:
                    self.answer(200, controller.as_json(after))
            else:
                self.answer(404, {"error": "not found"})

        def do_PUT(self) -> None:  # noqa: N802
            self._fault(self._switch_on)

        def do_DELETE(self) -> None:  # noqa: N802
            self._fault(controller.faults.switch_off)

        def _switch_on(self) -> None:
            document = self.body()
            if not isinstance(document, dict) or not isinstance(document.get("parameters", {}), dict):
                raise ValueError('the body must be {"fault": name, "parameters": {name: value}}')
            name = str(document.get("fault", ""))
            if not folder.belongs_to_autoscaler(name):
                raise UsageError(f"{name} is a fault of the API processes", "switch it there")
            given = {str(key): str(value) for key, value in document.get("parameters", {}).items()}
            controller.faults.switch_on(name, given)

        def _fault(self, order: Any) -> None:
            if urlsplit(self.path).path != FAULT_PATH:
                self.answer(404, {"error": "not found"})
                return
            if not self.has_token(token.encode()):
                return
            try:
                order()
            except (UsageError, ValueError, RecursionError) as error:
                self.answer(400, {"error": str(error)})
                return
            state = controller.faults.state()
            active = None if state is None else state.as_json()
            self.answer(200, {"name": "autoscaler", "pid": os.getpid(), "active": active})

    return Handler
