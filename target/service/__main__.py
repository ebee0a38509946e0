"""`python -m target.service`: one API process, configured by its environment alone."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OPTIONAL = ("opentelemetry.sdk.metrics", "cryptography")
"""What the clients of Valkey and of JSON web tokens import wherever it is installed: for metrics of the client, and for
signatures with key pairs. Nobody here has either of them, and they are a sixth of all that is imported.
"""


@contextmanager
def without(modules: tuple[str, ...]) -> Iterator[None]:
    """As if these were not installed; what is imported later, for traces say, finds them."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None is for that
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def server() -> Callable[[], int]:
    """Imports the application. What is imported is no garbage: to look for it takes a third of a start, and again at
    the end; frozen, it also holds up no request later.
    """
    gc.disable()
    with without(OPTIONAL):
        from target.service.server import serve

    gc.freeze()
    gc.enable()
    return serve


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    return server()()


if __name__ == "__main__":
    sys.exit(main())
