"""Who a process has forked: read by thread where the system lists that, else from the table of all processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from harness.clients import process_search
from harness.clients.process_search import descendants

FAMILY = """
import os, signal, sys, threading

def fork(level):
    if level and os.fork() == 0:
        fork(level - 1)
        signal.pause()

def fork_and_stay():
    fork(2)
    forked.set()
    threading.Event().wait()

forked = threading.Event()
threading.Thread(target=fork_and_stay, daemon=True).start()
forked.wait()
fork(1)
sys.stdin.read()
os.killpg(0, 9)
"""
"""A thread that goes on has forked a child, which has forked another one, and the main thread has forked a third."""


@pytest.fixture
def family() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, start_new_session=True) as process:
        yield psutil.Process(process.pid)
        process.stdin.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("listed", [True, False])
def test_children_of_every_thread_and_theirs_are_found(
    listed: bool, family: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not listed:
        monkeypatch.setattr(process_search, "CHILDREN_ARE_LISTED", False)
    deadline_s = time.monotonic() + 20
    while len(family.children(recursive=True)) < 3 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    everybody = {each.pid for each in family.children(recursive=True)}
    assert len(everybody) == 3
    assert set(descendants(family.pid)) == everybody
    assert set(descendants(family.pid, recursive=False)) == {each.pid for each in family.children()}


@pytest.mark.parametrize("listed", [True, False])
def test_who_is_gone_has_none(listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not listed:
        monkeypatch.setattr(process_search, "CHILDREN_ARE_LISTED", False)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    assert descendants(process.pid) == []
