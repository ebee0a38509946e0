"""Where `make test` has what the tests write: in memory, where that holds it and programs may lie there."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests import __main__ as parts

GIB = 1 << 30


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """One with room, to be changed."""
    there = SimpleNamespace(f_bavail=GIB, f_frsize=8, f_flag=0)
    memory = SimpleNamespace(available=16 * GIB)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(parts, "IN_MEMORY", tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: there)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    return SimpleNamespace(there=there, memory=memory, place=str(tmp_path))


def test_with_room_it_is_in_memory(machine: SimpleNamespace) -> None:
    assert parts.place_of_files() == machine.place
    machine.there.f_bavail, machine.memory.available = GIB // 2, 8 * GIB
    assert parts.place_of_files() == machine.place, "four are enough, and half of what is free"


def test_with_less_it_is_where_the_system_has_its_files(machine: SimpleNamespace) -> None:
    machine.there.f_bavail = GIB // 2 - 1
    assert parts.place_of_files() is None
    machine.there.f_bavail, machine.memory.available = GIB, 8 * GIB - 2
    assert parts.place_of_files() is None, "the memory is not there, however large the file system says it is"


def test_where_no_program_may_lie_or_somebody_has_named_a_place_it_is_not(
    machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    assert parts.place_of_files() is None
    monkeypatch.delenv("TMPDIR")
    machine.there.f_flag = os.ST_NOEXEC
    assert parts.place_of_files() is None


def test_without_such_a_file_system_it_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(parts, "IN_MEMORY", tmp_path / "none")
    assert parts.place_of_files() is None
