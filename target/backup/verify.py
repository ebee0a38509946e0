"""Is a backup whole? Without a server: its checksums, and all of it read once."""

from __future__ import annotations

import dataclasses
import time

from target.backup import tools
from target.backup.catalogue import DUMP, Backup, Catalogue
from target.backup.take import DATA, DUMP_FILE, checksum
from target.errors import TargetError


def verify(catalogue: Catalogue, backup: Backup) -> list[str]:
    """What is wrong with it, or with one that it builds on, in words. Notes when nothing is."""
    problems = [f"{one.name}: {problem}" for one in catalogue.chain(backup) for problem in _problems(catalogue, one)]
    verified_at = None if problems else time.time()
    catalogue.write(dataclasses.replace(backup, verified_at=verified_at))
    return problems


def _problems(catalogue: Catalogue, backup: Backup) -> list[str]:
    place = catalogue.place(backup)
    try:
        if backup.kind == DUMP:
            if checksum(place / DUMP_FILE) != backup.sha256:
                return ["the file has another checksum than when it was written"]
            tools.run("pg_restore", "-f", "/dev/null", str(place / DUMP_FILE))
        else:
            tools.run("pg_verifybackup", "--quiet", str(place / DATA))
    except OSError as error:
        return [f"its file cannot be read ({error.strerror})"]
    except TargetError as error:
        return [error.remedy]
    return []
