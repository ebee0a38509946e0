"""Names of what passes between processes: messages of master and workers, and who has started whom.

One name a direction: Locust refuses a second listener. What is about one run, in either direction, has the run's name.
"""

PARENT = "SPRINGBACK_PARENT"
"""Environment variable with the pid of ``springback run``: Locust ends its run when that process is gone."""
VERDICT_FD = "SPRINGBACK_VERDICT_FD"
"""Environment variable with a file descriptor to ``springback run``: each byte written to it is an exit code, and the
last one holds, so that the code is known however the process ends."""
LAUNCHER_FD = "SPRINGBACK_LAUNCHER_FD"
"""Environment variable with a socket to ``springback run``: Locust's process says there what its check has found, and
is told whether to run it.
"""

REFERENCE_TARGET = "SPRINGBACK_REFERENCE_TARGET"
"""Environment variable: ``springback run`` has started the reference target for this run, because no host is named."""

PING = "springback_ping"
"""Worker → master: a reading of the worker's clock."""
PONG = "springback_pong"
"""Master → worker: that reading and one of the master's clock."""
DESCRIBE = "springback_describe"
"""Master → worker, again and again until it answers: what would you run?"""
DESCRIPTION = "springback_description"
"""Worker → master: that."""
PARKED = "springback_parked"
"""Worker → master, again and again until the plan is there: how many users are parked, and what prevents others."""
ROW_WANTED = "springback_row_wanted"
"""Worker → master: a user wants a row of a file that nobody else has."""
ROW = "springback_row"
"""Master → worker: the number of that row, or why there is none."""
CONNECT_EARLY = "springback_connect_early"
"""Master → worker, before the plan: whether parked users hold a connection open, None: as they say."""
PLAN = "springback_plan"
"""Master → worker."""
STOP = "springback_stop"
"""Master → worker: drain and deliver the last report now; the second time, or ``at_once``, do not wait for answers."""
STOP_USERS = "springback_stop_users"
"""Master → worker, after the last reports: stop the users now, and tell what they raise. When Locust quits it would
tell its workers only after the reports are written.
"""
FINAL = "springback_final"
"""Worker → master: the last report, and after it the one of :data:`STOP_USERS`."""

REPORT = "springback"
"""Key of our part in Locust's own report from a worker, which comes every three seconds."""
RUN = "springback_run"
NODES = "springback_nodes"
MASTER_HOST = "springback_master_host"
"""Attributes of Locust's parsed options, which the master sends to the workers at every start: the run's name, the
ids of its workers in order, and the name of the machine that it is on."""


def worker_name(index: int) -> str:
    """Name of a node in the recording, from Locust's index of the worker, which begins with 0."""
    return f"worker-{index + 1}"
