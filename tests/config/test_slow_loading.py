"""A file that does not come to the end of being loaded is no scenario, and whoever named it is told so."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import psutil
import pytest

from harness.clients.process_search import is_alive
from harness.commands import scenario_check
from harness.commands.slow_loading import told_when_slow


@pytest.mark.parametrize("waits", [time.sleep, lambda seconds: burn(time.monotonic() + seconds)])
def test_who_waits_for_it_is_told_once(waits: object, capfd: pytest.CaptureFixture[str]) -> None:
    """Whether it waits, as a server does, or computes without letting anything have its turn."""
    with told_when_slow("shop.py", 0.05):
        assert callable(waits)
        waits(0.5)
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("springback: shop.py has been loading for 0.05 s") and "starts a server" in said


def burn(until_s: float) -> None:
    while time.monotonic() < until_s:
        pass


def test_of_one_that_is_loaded_in_time_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    usual = gevent.get_hub().NOT_ERROR
    with told_when_slow("sale.py", 0.2):
        assert KeyboardInterrupt in gevent.get_hub().NOT_ERROR  # Ctrl-C in the hub prints no traceback
    assert usual == gevent.get_hub().NOT_ERROR
    time.sleep(0.4)
    assert capfd.readouterr().err == ""


def test_among_several_it_holds_up_none_and_ends_with_what_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file that starts a server does, or one whose address is slow to answer."""
    started, shop = tmp_path / "pid", tmp_path / "shop.py"
    serves = ["sh", "-c", f"sleep 60 & echo $! > {started}; wait"]
    popen = subprocess.Popen

    def start(command: list[str], **how: Any) -> subprocess.Popen[str]:
        assert command[0] == sys.executable and str(shop) in command
        return popen(serves, **how)

    monkeypatch.setattr(scenario_check, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start}))
    monkeypatch.setattr(scenario_check, "LONGEST_S", 0.5)
    (found,) = scenario_check.check([shop], [])
    assert isinstance(found, scenario_check.Refused) and not found.is_away
    (line,) = found.lines
    assert line.startswith("shop.py: was not read within 0.5 s: either it starts a server")
    assert f"or a server that it asks, or this machine, is slow (then try it by itself: springback plan {shop})" in line
    with contextlib.suppress(psutil.NoSuchProcess):
        child = psutil.Process(int(started.read_text()))
        until_s = time.monotonic() + 5
        while is_alive(child):
            assert time.monotonic() < until_s
            time.sleep(0.01)
