"""Springback: when a spike hits, what breaks, and does the service come back, how fast, and at what cost?"""

from __future__ import annotations

from typing import Any

__all__ = ["attach"]


def __getattr__(name: str) -> Any:
    # Importing Locust patches the process; the judging side must stay free of it, so it waits until it is asked for.
    if name == "attach":
        from harness import hidden_packages

        hidden_packages.require_none()  # now: what is imported next would fail, and not say why
        from harness.attachment import attach

        return attach
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
