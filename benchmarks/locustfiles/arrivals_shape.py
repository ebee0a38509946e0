"""A shape of shapes/, named by BENCH_SHAPE, in a dozen seconds: 20 starts/s outside, 400 at the peak."""

import importlib
import os

import harness
from harness.load.http import HerdHttpUser

NAME = os.environ["BENCH_SHAPE"]
BRIEF = {
    "baseline_s": 2, "recovery_s": 2, "base": 20.0, "peak": 400.0, "pool_users": 100, "hold_s": 3, "spike_s": 6,
    "ramp_s": 3, "steps": 3, "gap_s": 2, "teeth": 3, "period_s": 3, "pulses": 3, "duty_ratio": 0.4, "soak_s": 6,
    "ramp_up_s": 2, "plateau_s": 3, "ramp_down_s": 2, "mean": 100.0, "days": 1.0, "bursts": 2, "burst_s": 1,
    "burst": 200.0,
}  # fmt: skip
if NAME == "diurnal":
    BRIEF |= {"period_s": 10}


class Reader(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")


base = getattr(importlib.import_module(f"shapes.{NAME}"), "".join(word.capitalize() for word in NAME.split("_")))
own = {key: type(getattr(base, key))(value) for key, value in BRIEF.items() if key in base.options}
Shape = type("Shape", (base,), own)
Shape.abstract = False
del base

harness.attach("bench-shape")
