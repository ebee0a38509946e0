"""What tests wait for in a recording that goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.recording import Slice
from harness.recording.values import UNFINISHED
from tests import recordings
from tests.run import runs


def test_one_condition_takes_nothing_from_the_next(tmp_path: Path) -> None:
    """Also where the recording has stopped growing meanwhile."""
    healthy = recordings.healthy()
    run: Any = SimpleNamespace(runs_dir=tmp_path, read_last={})
    assert not runs.has_slice(run, 0)
    recordings.write(dataclasses.replace(healthy, slices=healthy.slices[:1]), tmp_path / "1")
    assert runs.has_slice(run, 0) and not runs.has_slice(run, 30) and not runs.told_unanswered(run)
    waiting = Slice(30, "worker-1", "GET /", UNFINISHED, 8, 0, {})
    recordings.write(dataclasses.replace(healthy, slices=(*healthy.slices[:1], waiting)), tmp_path / "1")
    assert runs.has_slice(run, 30) and runs.has_slice(run, 30) and runs.told_unanswered(run)
