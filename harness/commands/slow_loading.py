"""Where a scenario does not come to the end of being loaded: a file that starts a server when it is imported is none,
and would be loaded for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gevent import get_hub
from gevent.monkey import get_original

SLOW_S = 10.0


@contextmanager
def told_when_slow(locustfile: str, slow_s: float = SLOW_S) -> Iterator[None]:
    """Says so after a while; who then ends it gets no traceback of gevent's hub. In a thread of the system: a file that
    computes without end lets no greenlet have its turn.
    """
    loaded = get_original("_thread", "allocate_lock")()
    loaded.acquire()

    def watch() -> None:
        if not loaded.acquire(timeout=slow_s):
            sys.stderr.write(
                f"springback: {locustfile} has been loading for {slow_s:g} s, and nothing is run before that is done. "
                "A file that starts a server, or waits, when it is imported is no scenario; Ctrl-C ends this\n"
            )
            sys.stderr.flush()

    get_original("_thread", "start_new_thread")(watch, ())
    hub = get_hub()
    usual = hub.NOT_ERROR
    hub.NOT_ERROR = (*usual, KeyboardInterrupt)
    try:
        yield
    finally:
        hub.NOT_ERROR = usual
        loaded.release()
