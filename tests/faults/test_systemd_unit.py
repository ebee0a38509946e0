"""The fault ``systemd_unit`` against a systemctl written after systemctl(1) of 252, for no systemd runs here."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.faults import FaultError, load
from harness.faults.systemd_unit import SystemdUnit

SYSTEMCTL = r"""#!/bin/sh
echo "$@" >> "$0.log"
state=$(cat "$0.state"); pid=$(cat "$0.pid")
shift 2
[ "$1" = --user ] && shift
[ -f "$0.refusal" ] && { cat "$0.refusal" >&2; exit 1; }
[ -f "$0.hang" ] && exec sleep 30
command=$1; shift
for unit; do :; done
case $command in
show)
    if [ "$unit" = shop.service ]; then
        printf 'Id=%s\nLoadState=loaded\nActiveState=%s\nMainPID=%s\n' "$unit" "$state" "$pid"
    else
        printf 'Id=%s\nLoadState=not-found\nActiveState=inactive\nMainPID=0\n' "$unit"
    fi;;
stop) echo inactive > "$0.state"; echo 0 > "$0.pid";;
start) echo active > "$0.state"; echo 4712 > "$0.pid";;
restart) echo active > "$0.state"; echo 4713 > "$0.pid";;
kill) [ -f "$0.deaf" ] || { echo failed > "$0.state"; echo 0 > "$0.pid"; };;
esac
"""


class Systemd:
    def __init__(self, directory: Path) -> None:
        self.program = directory / "systemctl"
        self.program.write_text(SYSTEMCTL)
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        self.set("state", "active")
        self.set("pid", "4711")

    def set(self, what: str, value: str) -> None:
        (self.program.parent / f"systemctl.{what}").write_text(value)

    @property
    def state(self) -> str:
        return (self.program.parent / "systemctl.state").read_text().strip()

    @property
    def changes(self) -> list[str]:
        lines = (self.program.parent / "systemctl.log").read_text().splitlines()
        return [line for line in lines if " show " not in line]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Systemd(tmp_path)


def fault(**parameters: str | float | bool) -> SystemdUnit:
    made = load("systemd_unit", **{"unit": "shop.service", **parameters})
    assert isinstance(made, SystemdUnit)
    return made


@pytest.mark.parametrize(
    ("action", "state", "changes"),
    [
        ("stop", "inactive", ["stop -- shop.service", "start -- shop.service"]),
        ("kill", "failed", ["kill --signal=SIGKILL -- shop.service", "start -- shop.service"]),
        ("restart", "active", ["restart -- shop.service"]),
    ],
)
def test_it_is_done_and_undone(action: str, state: str, changes: list[str], systemd: Systemd) -> None:
    pinned = fault(action=action).pin()
    assert f"unit shop.service, which is {state} now" in pinned.inject()
    assert systemd.state == state
    pinned.undo()
    assert systemd.state == "active"
    assert systemd.changes == [f"--no-ask-password --no-pager {each}" for each in changes]
    assert pinned.undo() == "nothing to undo: unit shop.service is active"


def test_the_users_own_manager_is_asked_where_it_is_meant(systemd: Systemd) -> None:
    fault(user=True).pin().inject()
    assert systemd.changes == ["--no-ask-password --no-pager --user stop -- shop.service"]


def test_a_signal_that_ends_nothing_is_sent_all_the_same_but_a_kill_has_to_show(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.faults.systemd_unit.SEEN_WITHIN_S", 0.1)
    systemd.set("deaf", "")
    assert "sent SIGHUP to unit shop.service" in fault(action="kill", signal="SIGHUP").inject()
    with pytest.raises(FaultError, match=r"still active 0.1 s after kill"):
        fault(action="kill").inject()


def test_what_is_not_there_or_does_not_run_is_left_alone(systemd: Systemd) -> None:
    with pytest.raises(FaultError, match=r"unit nothing\.service is not-found: check its name"):
        fault(unit="nothing.service").pin()
    systemd.set("state", "inactive")
    with pytest.raises(FaultError, match="is inactive: there is nothing to disturb"):
        fault().pin()


def test_the_unit_that_we_run_in_is_none_to_stop(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    assert systemd.state == "active"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "0::/system.slice/shop.service\n")
    with pytest.raises(FaultError, match="the one that we run in"):
        fault().pin()


@pytest.mark.parametrize(
    ("refusal", "remedy"),
    [
        ("Failed to stop shop.service: Interactive authentication required.", "polkit"),
        ("Failed to stop shop.service: Access denied", "polkit"),
        ("System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed", "does not run here"),
        ("Failed to connect to bus: No medium found", "user=yes"),
        ("", "ended with 1"),
    ],
)
def test_refusals_are_one_line_with_the_remedy(refusal: str, remedy: str, systemd: Systemd) -> None:
    systemd.set("refusal", refusal)
    with pytest.raises(FaultError) as refused:
        fault().pin()
    assert remedy in str(refused.value) and "\n" not in str(refused.value)


def test_a_manager_that_hangs_times_out(systemd: Systemd) -> None:
    systemd.set("hang", "")
    with pytest.raises(FaultError, match=r"systemctl show shop.service: timed out after 0.2 s"):
        fault(timeout_s=0.2).pin()


def test_without_systemctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FaultError, match="no systemctl on PATH"):
        fault().pin()


def test_the_real_one_where_no_systemd_runs_says_so_in_one_line() -> None:
    """Whatever it says here, it is one line, or the unit is not there."""
    if shutil.which("systemctl") is None:
        return
    with pytest.raises(FaultError) as refused:
        fault(unit="springback-nothing.service").pin()
    assert "\n" not in str(refused.value)


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load("systemd_unit", unit="--all", signal="kill me")
    assert len(refused.value.messages) == 3
