"""A file that does not come to the end of being loaded is no scenario, and whoever named it is told so."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import gevent
import pytest

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


def test_among_several_it_holds_up_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(command: list[str], *, timeout: float, **_: object) -> None:
        assert command[:1] == [sys.executable]
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", never)
    (found,) = scenario_check.check([tmp_path / "shop.py"], [])
    assert isinstance(found, scenario_check.Refused) and not found.is_away
    (line,) = found.lines
    assert line.startswith("shop.py: was not read within 60 s") and "starts a server" in line
