"""The reference target's own backup command with a defect: ``python -m tests.ground_truth._backup_command DEFECT STATE
WORD…``, see ``DEFECTS``. What each backup says of itself is kept beside the target's logs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = "backups.jsonl"
DEFECTS = {
    "none": "as it is",
    "lossy": "dumps are of a snapshot that is 2 s older than they say",
    "damaged": "the first dump is damaged as soon as it is there",
    "blind": "to verify one finds nothing, whatever is wrong with it",
    "slow": "to restore one begins 10 s late",
}
LATE_S = 10.0
RESTORED_AFTER_S = "restored_after_s"
"""Of what is kept: how long it took by its own clock until what was restored could be read."""


def told(target: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each backup has said of itself, in order."""
    file = Path(target["data"]) / KEPT
    return [json.loads(line) for line in file.read_text().splitlines()]


def main(defect: str, state: str, *words: str) -> int:
    old = ("--old-snapshot-s", "2") if defect == "lossy" else ()
    command = [sys.executable, "-P", "-m", "target", "backup", "--state", state, *old, *words]
    kept = Path(json.loads(Path(state).read_text())["data"]) / KEPT
    if words[0] == "take":
        return _take(command, defect, kept, Path(words[words.index("--in") + 1]))
    if words[0] == "restore" and defect == "slow":
        return _restore_late(command, kept)
    if words[0] == "verify" and defect == "blind":
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        print("{}")
        return 0
    return subprocess.run(command, check=False).returncode


def _take(command: list[str], defect: str, kept: Path, directory: Path) -> int:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    is_first = not kept.exists()
    with kept.open("a") as file:
        file.write(done.stdout)
    if defect == "damaged" and is_first:
        (dump,) = (directory / json.loads(done.stdout)["name"]).glob("*.dump")
        content = bytearray(dump.read_bytes())
        content[len(content) // 2] ^= 0xFF
        dump.write_bytes(content)
    print(done.stdout, end="")
    return done.returncode


def _restore_late(command: list[str], kept: Path) -> int:
    called_s = time.monotonic()
    time.sleep(LATE_S)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:  # one, when it can be read; it stays so until standard input ends
            with kept.open("a") as file:
                print(json.dumps({RESTORED_AFTER_S: time.monotonic() - called_s}), file=file)
            print(line, end="", flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
