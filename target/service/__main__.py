"""`python -m target.service`: one API process, configured by its environment alone."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    # Nothing of what is imported is garbage. To look for it takes a third of a start, and again at the end; frozen, it
    # also holds up no request later.
    gc.disable()
    from target.service.server import serve

    gc.freeze()
    gc.enable()
    return serve()


if __name__ == "__main__":
    sys.exit(main())
