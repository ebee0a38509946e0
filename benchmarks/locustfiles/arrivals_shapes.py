"""All shapes of shapes/, one after another in one run: each is a phase that has the shape's name."""

import importlib
import pkgutil
from pathlib import Path

import harness
import shapes
from harness.load.http import HerdHttpUser
from shapes._phased import PhasedShape
from shapes._profile import Herd, Phase, Polyline, Profile

BRIEF = {
    "baseline_s": 1, "recovery_s": 1, "base": 20.0, "peak": 400.0, "hold_s": 2, "spike_s": 4, "ramp_s": 2,
    "ramp_up_s": 1, "plateau_s": 2, "ramp_down_s": 1, "steps": 3, "gap_s": 1, "teeth": 2, "period_s": 2, "pulses": 2,
    "duty_ratio": 0.6, "soak_s": 4, "mean": 100.0, "days": 1, "bursts": 2, "burst_s": 1, "burst": 200.0,
    "steady_s": 1, "drop_s": 1, "herd_users": 400, "canary_per_s": 20.0,
    "phases": "baseline 1 at 20, spike 2 at 20..400, recovery 2 at 20",
    "trace_file": str(Path(__file__).with_name("trace.csv")),
}  # fmt: skip
OWN = {"avalanche": {"spike_s": 1}, "diurnal": {"period_s": 6}, "double_spike": {"spike_s": 2}, "herd": {"spike_s": 1}}
USERS = 100
"""For the arrivals; herds have users of their own."""


def profiles():
    """Name and profile of every shape."""
    for module in pkgutil.iter_modules(shapes.__path__):
        if not module.name.startswith("_"):
            name = "".join(word.capitalize() for word in module.name.split("_"))
            shape = getattr(importlib.import_module(f"shapes.{module.name}"), name)()
            for option, value in {**BRIEF, **OWN.get(module.name, {})}.items():
                if option in shape.parameters:
                    setattr(shape, option, value)
            assert not shape.problems(), shape.problems()
            yield module.name, shape.profile()


class Reader(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")


class Medley(PhasedShape):
    def build(self):
        phases, points, herds, begin_s = [], [], [], 0
        for name, profile in profiles():
            phases.append(Phase(name, begin_s, begin_s + profile.duration_s))
            points += [(begin_s + t, level) for t, level in profile.starts.points]
            herds += [Herd(f"{name}, {herd.name}", begin_s + herd.t, herd.users) for herd in profile.herds]
            begin_s += profile.duration_s
        level = Polyline(tuple(points))
        most = max(herd.users for herd in herds)
        return Profile(tuple(phases), level, level, tuple(herds), pool_users=USERS + most, background_users=USERS)


harness.attach("bench-shapes")
