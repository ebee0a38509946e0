"""Backups in a directory: one subdirectory each, whose `backup.json`, written last, says what it is."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from target.errors import TargetError, UsageError

DUMP, PHYSICAL, INCREMENTAL = "dump", "physical", "incremental"
KINDS = (DUMP, PHYSICAL, INCREMENTAL)
ABOUT = "backup.json"


@dataclass(frozen=True)
class Table:
    """All rows of a table in the snapshot of a dump; the checksum does not depend on their order."""

    rows: int
    checksum: str


@dataclass(frozen=True)
class Backup:
    """What is known of one backup. Times are Unix seconds."""

    name: str
    kind: str
    begun_at: float
    ended_at: float
    bytes: int
    parent: str | None = None
    """Of an incremental one: the backup on which it builds."""
    sha256: str | None = None
    """Of the file of a dump. Physical ones have PostgreSQL's own manifest."""
    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)
    """Of a dump."""
    missing_rows: int = 0
    """Rows that a dump of an old snapshot lacks although they were committed when it was begun; see `take`."""
    verified_at: float | None = None


class Catalogue:
    """The backups of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()

    def all(self) -> list[Backup]:
        """Complete ones, oldest first. Raises TargetError for a `backup.json` that cannot be read."""
        found = [self._read(path) for path in self.directory.glob(f"*/{ABOUT}")]
        return sorted(found, key=lambda backup: (backup.begun_at, backup.name))

    def find(self, name: str) -> Backup:
        """One by its name; `latest` is the newest. Raises UsageError where there is none."""
        backups = self.all()
        for backup in backups:
            if backup.name == name or (name == "latest" and backup is backups[-1]):
                return backup
        there = ", ".join(backup.name for backup in backups) or "none"
        raise UsageError(f"there is no backup {name!r} in {self.directory}", f"there are: {there}")

    def place(self, backup: Backup | str) -> Path:
        return self.directory / (backup if isinstance(backup, str) else backup.name)

    def new(self, kind: str) -> Path:
        """An empty place for a backup, which does not count as one before `write`."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        place = self.directory / f"{moment}-{kind}"
        place.mkdir(mode=0o700)
        return place

    def write(self, backup: Backup) -> None:
        """Whole or not at all."""
        place = self.place(backup)
        with tempfile.NamedTemporaryFile("w", dir=place, prefix=".about-", delete=False) as file:
            json.dump(dataclasses.asdict(backup), file)
        Path(file.name).replace(place / ABOUT)

    def chain(self, backup: Backup) -> list[Backup]:
        """What is needed to restore it, the full backup first."""
        chain = [backup]
        while chain[0].parent is not None:
            chain.insert(0, self.find(chain[0].parent))
        return chain

    def prune(self, keep: int) -> list[str]:
        """Removes all but the newest `keep`, whatever those build on, and the newest that was verified, which is the
        only one that is known to be of use. Returns the names of those removed.
        """
        backups = self.all()
        kept = backups[-keep:] if keep else []
        kept += [backup for backup in backups if backup.verified_at is not None][-1:]
        names = {one.name for backup in kept for one in self.chain(backup)}
        removed = [backup.name for backup in backups if backup.name not in names]
        for name in removed:
            (self.place(name) / ABOUT).unlink()  # first of all: what is half removed is no backup
            shutil.rmtree(self.place(name))
        return removed

    def _read(self, path: Path) -> Backup:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            tables = {name: Table(**table) for name, table in document.pop("tables").items()}
            return Backup(**document, tables=tables)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TargetError(f"{path} cannot be read ({type(error).__name__})", "remove that backup") from error
