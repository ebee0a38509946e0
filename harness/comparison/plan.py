"""What has to be the same for figures of two runs to mean the same: what was planned, and where it was run."""

from __future__ import annotations

from collections.abc import Mapping

from harness.recording_header import Header


def plan_of(header: Header) -> dict[str, str]:
    """In words, by name. Target, time, version under test and limits may differ."""
    return {
        "scenario": header.scenario,
        "shape": header.shape,
        **{f"option {name} of the shape": str(value) for name, value in header.parameters.items()},
        "phases": ", ".join(f"{phase.name} {phase.start_s} to {phase.end_s} s" for phase in header.phases),
        "load processes": str(header.nodes),
        "built-in demo": "yes" if header.reference_target else "no",
        **header.environment,
    }


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """One line each, ``python: 3.11.7 and 3.12.1``."""
    names = dict.fromkeys((*first, *second))
    return [
        f"{name}: {first.get(name, 'not said')} and {second.get(name, 'not said')}"
        for name in names
        if first.get(name) != second.get(name)
    ]
