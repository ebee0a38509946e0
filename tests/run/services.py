"""Services for tests, each a module in a process of its own, which prints its address first.

``with served("fastapi_app", "40", "3") as url`` is one of this folder; others go by their whole name.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.run.preloaded import ForkedModule


@contextmanager
def served(module: str, *arguments: object) -> Iterator[str]:
    name = module if "." in module else f"{__package__}.{module}"
    command = [sys.executable, "-m", name, *map(str, arguments)]
    with ForkedModule(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def counts(url: str, ca: str = "") -> Counter[str]:
    """What the service says that it has done; ``ca`` is the authority of its certificate."""
    return Counter(_told(f"{url}/counts", ca))


def issued(url: str) -> frozenset[str]:
    """The tokens and the values of cookies that the service says it has given out."""
    return frozenset(_told(f"{url}/issued"))


def _told(url: str, ca: str = "") -> Any:
    context = ssl.create_default_context(cafile=ca) if ca else None
    with urllib.request.urlopen(url, timeout=30, context=context) as answer:
        return json.loads(answer.read())
