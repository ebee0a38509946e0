"""A made access log whose truth is known: days of a small shop with a daily pattern and flash crowds."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests.learn.logs import Seen, combined

START = 1_780_272_000
"""2026-06-01, a Monday, midnight in UTC."""
MIX = (("GET", "/"), ("GET", "/items/{}"), ("GET", "/search?q=hush-{}"), ("POST", "/cart"), ("GET", "/reset/hush-{}"))


def lines(days: int, crowds: int, per_minute: float = 30.0, m: float = 5.0, seed: int = 1) -> list[str]:
    """``crowds`` of half an hour, spread evenly, of ``m`` times the level."""
    chance, choice = np.random.default_rng(seed), random.Random(seed)
    minutes = np.arange(days * 1440)
    level = per_minute * (1 - 0.5 * np.cos(2 * np.pi * minutes / 1440))
    for crowd in range(crowds):
        at = int((crowd + 0.5) / crowds * len(minutes)) if crowds > 1 else 12 * 60 + 1440 * (days - 1)
        level[at : at + 30] *= m
    found = []
    for minute, count in enumerate(chance.poisson(level)):
        for _ in range(int(count)):
            method, target = choice.choice(MIX)
            second = START + 60 * minute + choice.randrange(60)
            found.append(combined(Seen(second, method, target.format(choice.randrange(100)))))
    return found


def write(path: Path, days: int, crowds: int, **more: float) -> str:
    path.write_text("\n".join(lines(days, crowds, **more)) + "\n")  # type: ignore[arg-type]
    return str(path)
