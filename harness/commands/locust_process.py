"""Locust as ``springback run`` starts it. Until it can say what came of it, a Ctrl-C ends it without a traceback."""

from __future__ import annotations

import gc
import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # first of all: what follows takes seconds; attach() takes it back
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

gc.disable()  # nothing of what is imported is garbage: not to look for it, now and at the end, saves a fifth of a start
from locust.main import main  # noqa: E402

gc.freeze()
gc.enable()
main()
