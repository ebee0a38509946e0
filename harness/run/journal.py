"""The journal: appends a run's lines to its recording, and flushes them, so that a kill loses a second at most."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from harness.errors import ConfigurationError
from harness.recording import Header, Line
from harness.recording_file import FILE_NAME, encode


def make_run_directory(runs: Path, scenario: str) -> tuple[Path, str]:
    """Makes ``runs/<utc>-<scenario>`` and returns it with the start's ISO 8601 text.

    Raises ConfigurationError when it cannot be made.
    """
    while True:
        now = datetime.now(UTC)
        path = runs / f"{now:%Y%m%dT%H%M%SZ}-{scenario}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.is_dir():
                raise ConfigurationError(f"--runs-dir {runs}: is no directory; name another") from None
            time.sleep(0.1)  # two runs in one second: the next second is free
            continue
        except OSError as error:
            raise ConfigurationError(
                f"--runs-dir {runs}: cannot be written ({error.strerror}); name a directory that can"
            ) from None
        return path, f"{now:%Y-%m-%dT%H:%M:%SZ}"


class Journal:
    """Writes one recording. A disk that is full or away is remembered in ``failure``; the load goes on without it."""

    def __init__(self, directory: Path, header: Header) -> None:
        self.path = directory / FILE_NAME
        self.failure: str | None = None
        self._file: IO[str] | None = None
        try:
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{self.path}: cannot be written ({error.strerror})") from None
        self.write_text(encode(header))
        if self.failure:
            raise ConfigurationError(f"{self.path}: cannot be written ({self.failure}); free some space")

    def write(self, *lines: Line) -> None:
        self.write_text("".join(encode(line) for line in lines))

    def write_text(self, text: str) -> None:
        """Appends whole lines that are encoded already, as they come from other nodes."""
        if self._file is None or self.failure or not text:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            self.failure = error.strerror or str(error)

    def close(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:
            self.failure = self.failure or error.strerror or str(error)
        self._file = None
