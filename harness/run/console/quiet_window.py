"""When nothing is read or drawn: around a herd's instant, so that watching does not spread the release."""

from __future__ import annotations

from shapes._profile import Profile

BEFORE_S, AFTER_S = 0.6, 0.4


def quiet_s(profile: Profile, elapsed_s: float | None) -> float | None:
    """Seconds until it is time to look again, None when it is time."""
    if elapsed_s is None:
        return None
    for herd in profile.herds:
        if herd.t - BEFORE_S <= elapsed_s < herd.t + AFTER_S:
            return round(herd.t + AFTER_S - elapsed_s + 0.05, 2)
    return None
