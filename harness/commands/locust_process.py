"""Locust as ``springback run`` starts it. Until it can say what came of it, a Ctrl-C ends it without a traceback."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # first of all: what follows takes seconds; attach() takes it back
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

from locust.main import main  # noqa: E402

main()
