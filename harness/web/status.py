"""How the session stands: one small frozen picture, taken when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locust.env import Environment

from harness import runs
from harness.clients.address import strip_url
from harness.run.master import Lead
from harness.run.run import Conductor
from harness.web.figures import Figures, PhaseFigures

QUIET_BEFORE_S = 0.6
QUIET_AFTER_S = 0.4
"""Around a herd's instant nobody asks and nothing is read, so that watching does not spread the release."""

WORDS = {
    "idle": "no run yet",
    "refused": "not started",
    "warm-up": "warm-up: users get ready and park",
    "running": "running",
    "drain": "waiting for the last answers",
    "judging": "ended; the report is being written",
    "ended": "ended",
}


@dataclass(frozen=True)
class Status:
    state: str
    """A key of ``WORDS``."""
    words: str
    run: str = ""
    target: str = ""
    phase: str = ""
    in_phase_s: float = 0
    phase_left_s: float = 0
    elapsed_s: float = 0
    duration_s: float = 0
    users_wanted: int = 0
    users_parked: int = 0
    """Ready and waiting for the plan; 0 from the origin on."""
    users_connected: int = 0
    """Users that the nodes have at present, parked between iterations or in one."""
    nodes: int = 0
    nodes_lost: tuple[str, ...] = ()
    phases: tuple[PhaseFigures, ...] = ()
    alerts: tuple[str, ...] = ()
    """Those that hold just now. They inform; criteria judge."""
    disturbances: tuple[str, ...] = ()
    """Faults of ours that are injected just now."""
    faults: tuple[str, ...] = ()
    """Why the last start was refused."""
    verdict: runs.Judgement | None = None
    files: tuple[str, ...] = ()
    runs: int = 0
    """Runs of this session."""
    ask_again_s: float = 1.0
    """When to ask again."""

    @property
    def going(self) -> bool:
        return self.state in ("warm-up", "running", "drain", "judging")


class Watch:
    """Looks at the lead's run. Costs nothing as long as nobody asks."""

    def __init__(self, environment: Environment, lead: Lead, runs_dir: Path) -> None:
        self._environment = environment
        self._lead = lead
        self._runs_dir = runs_dir
        self._figures: Figures | None = None
        self._figures_of = ""
        self._last = Status("idle", WORDS["idle"])

    def status(self) -> Status:
        conductor = self._lead.conductor
        if (quiet_s := _quiet_s(conductor)) is not None:
            return replace(self._last, ask_again_s=quiet_s)
        self._last = self._look(conductor)
        return self._last

    def _look(self, conductor: Conductor | None) -> Status:
        if self._lead.refusal:
            return self._status("refused", faults=self._lead.refusal)
        if conductor is None:
            return self._status("idle")
        if conductor.finished:
            return self._ended(conductor)
        profile, elapsed_s = conductor.profile, conductor.elapsed_s()
        known = self._known(conductor)
        if elapsed_s is None or elapsed_s < 0:
            return self._status("warm-up", **known)
        phase = next((p for p in profile.phases if p.start_s <= elapsed_s < p.end_s), None)
        if phase is None:
            return self._status("drain", **known, elapsed_s=profile.duration_s)
        return self._status(
            "running",
            **known,
            phase=phase.name,
            in_phase_s=round(elapsed_s - phase.start_s, 1),
            phase_left_s=round(phase.end_s - elapsed_s, 1),
            elapsed_s=round(elapsed_s, 1),
        )

    def _known(self, conductor: Conductor) -> dict[str, Any]:
        runner: Any = self._environment.runner
        return {
            "run": conductor.run,
            "target": strip_url(self._environment.host or ""),
            "duration_s": conductor.profile.duration_s,
            "users_wanted": conductor.profile.pool_users,
            "users_parked": conductor.parked_users if conductor.elapsed_s() is None else 0,
            "users_connected": runner.user_count,
            "nodes": conductor.nodes_wanted,
            "nodes_lost": conductor.nodes_lost,
            "alerts": conductor.alerts,
            "disturbances": conductor.disturbances,
            "phases": self._look_at(conductor),
        }

    def _ended(self, conductor: Conductor) -> Status:
        known = {
            **self._known(conductor),
            "elapsed_s": conductor.profile.duration_s,
            "users_connected": 0,
            "alerts": (),
        }
        if self._lead.ending:
            return self._status("judging", **known)
        run = runs.run(self._runs_dir, conductor.run)
        files = run.files if run else ()
        return self._status("ended", **known, verdict=run.judgement if run else None, files=files)

    def _status(self, state: str, **known: Any) -> Status:
        return Status(state, WORDS[state], **known, runs=len(self._lead.runs))

    def _look_at(self, conductor: Conductor) -> tuple[PhaseFigures, ...]:
        if self._figures is None or self._figures_of != conductor.run:
            recording = conductor.directory / "recording.jsonl"
            self._figures, self._figures_of = Figures(recording, conductor.profile.phases), conductor.run
        return self._figures.look()


def _quiet_s(conductor: Conductor | None) -> float | None:
    """Seconds until it is time to look again, None when it is time."""
    if conductor is None or conductor.finished or (elapsed_s := conductor.elapsed_s()) is None:
        return None
    for herd in conductor.profile.herds:
        if herd.t - QUIET_BEFORE_S <= elapsed_s < herd.t + QUIET_AFTER_S:
            return round(herd.t + QUIET_AFTER_S - elapsed_s + 0.05, 2)
    return None
