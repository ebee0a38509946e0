"""Headless Chromium, as every test starts it."""

from __future__ import annotations

import os
from pathlib import Path

PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
"""The first is the engine without what is around a page: a visit takes two thirds of the CPU."""
CHROMIUM = Path(os.environ.get("CHROMIUM") or next((each for each in PROGRAMS if each.exists()), PROGRAMS[0]))
MISSING = "needs Chromium: apt-get install chromium-headless-shell"

_WITHOUT = (
    # The list below the address, made anew for every window though nobody sees it: two pages, 0.6 s of CPU.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    # The last such flag is the one that holds, so these are what Playwright itself leaves out.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
    "AvoidCorsURLLoaderRestartOnRedirect",
)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
    f"--disable-features={','.join(_WITHOUT)}",
]
