"""How the session stands: one small frozen picture, taken when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locust.env import Environment

from harness import runs
from harness.clients.address import strip_url
from harness.live.phase_tally import PhaseFigures
from harness.run.console.plan import BEFORE_S, quiet_s
from harness.run.master import Master
from harness.run.run import Run

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
    faults: tuple[str, ...] = ()
    """Those that are injected just now."""
    problems: tuple[str, ...] = ()
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
    """Looks at the session's run. Costs nothing as long as nobody asks."""

    def __init__(self, environment: Environment, master: Master, runs_dir: Path) -> None:
        self._environment = environment
        self._master = master
        self._runs_dir = runs_dir
        self._last = Status("idle", WORDS["idle"])

    @property
    def run(self) -> Run | None:
        """The session's latest, also when it has ended; None after a start that was refused."""
        return None if self._master.refusal else self._master.current_run

    def quiet_s(self) -> float | None:
        """Seconds until it is time to look again, None when it is time."""
        run = self._master.current_run
        return None if run is None or run.finished else quiet_s(run.profile, run.elapsed_s())

    def quiet_begins_s(self, run: Run) -> list[float]:
        """In how many seconds each time begins in which nobody may look; negative where it has."""
        elapsed_s = run.elapsed_s() or 0.0
        return [herd.t - BEFORE_S - elapsed_s for herd in run.profile.herds]

    def status(self) -> Status:
        run = self._master.current_run
        if (left_s := self.quiet_s()) is not None:
            return replace(self._last, ask_again_s=left_s)
        self._last = self._look(run)
        return self._last

    def _look(self, run: Run | None) -> Status:
        if self._master.refusal:
            return self._status("refused", problems=self._master.refusal)
        if run is None:
            return self._status("idle")
        if run.finished:
            return self._ended(run)
        profile, elapsed_s = run.profile, run.elapsed_s()
        known = self._known(run)
        if elapsed_s is None or elapsed_s < 0:
            return self._status("warm-up", **known)
        phase = profile.phase_at(elapsed_s)
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

    def _known(self, run: Run) -> dict[str, Any]:
        runner: Any = self._environment.runner
        live = run.live.snapshot()
        return {
            "run": run.name,
            "target": strip_url(self._environment.host or ""),
            "duration_s": run.profile.duration_s,
            "users_wanted": run.profile.pool_users,
            "users_parked": live.parked_users if run.elapsed_s() is None else 0,
            "users_connected": runner.user_count,
            "nodes": live.nodes_wanted,
            "nodes_lost": live.nodes_lost,
            "alerts": live.alerts,
            "faults": live.faults,
            "phases": live.phases,
        }

    def _ended(self, run: Run) -> Status:
        known = {
            **self._known(run),
            "elapsed_s": run.profile.duration_s,
            "users_connected": 0,
            "alerts": (),
        }
        if self._master.ending:
            return self._status("judging", **known)
        stored = runs.run(self._runs_dir, run.name)
        files = stored.files if stored else ()
        return self._status("ended", **known, verdict=stored.judgement if stored else None, files=files)

    def _status(self, state: str, **known: Any) -> Status:
        return Status(state, WORDS[state], **known, runs=len(self._master.runs))
