"""PostgreSQL's programs as Patroni calls them: each ends with whoever is responsible for it, however that one ends.

Patroni leaves its server to the system's first process, so that the server outlives Patroni. Here it is left to `up`,
which takes in orphans, and a server may not outlive `up`. A tool (pg_basebackup, pg_rewind …) ends with Patroni.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

SCRIPT = """\
#!/bin/sh
tool={binaries}/${{0##*/}}
case "$1 $3" in
"-D --config-file="*)
    # A server. Its parent is Patroni's starter, which ends at once; the next one has to be `up`. The starter may have
    # ended before this shell could ask who it is, so that another parent never changes: nobody waits for ever.
    waited=0
    while [ $waited -lt 500 ]; do
        while read -r key value; do [ "$key" = PPid: ] && break; done < /proc/$$/status
        [ "$value" = {up} ] && exec {dies_with_parent} QUIT -- "$tool" "$@"
        [ "$value" = "$PPID" ] || exit 1
        waited=$((waited + 1))
        sleep 0.01
    done
    exit 1 ;;
esac
exec {dies_with_parent} KILL -- "$tool" "$@"
"""
TOOLS = ("initdb", "pg_basebackup", "pg_controldata", "pg_ctl", "pg_isready", "pg_rewind", "pg_waldump", "postgres")


def write(directory: Path, binaries: Path) -> Path:
    """Make the folder that Patroni takes for PostgreSQL's own; the server's parent is this very process."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return binaries  # the guard alone has to do
    directory.mkdir()
    for name in TOOLS:
        script = directory / name
        script.write_text(
            SCRIPT.format(
                binaries=shlex.quote(str(binaries)),
                up=os.getpid(),
                dies_with_parent=f"{shlex.quote(setpriv)} --pdeathsig",
            )
        )
        script.chmod(0o755)
    return directory
