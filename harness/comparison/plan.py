"""What has to be the same for figures of two runs to mean the same: what was planned, and where it was run."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

from harness.recording.header import FaultPlan, Header, PlannedClass


def plan_of(header: Header) -> dict[str, str]:
    """In words, by name. Target, time, version under test and limits may differ, and so may where a fault finds what it
    disturbs.
    """
    return {
        "scenario": header.scenario,
        "shape": header.shape,
        **{f"option {name} of the shape": str(value) for name, value in header.parameters.items()},
        "phases": ", ".join(f"{phase.name} {phase.start_s} to {phase.end_s} s" for phase in header.phases),
        "planned load": _load(header),
        "classes of users": ", ".join(map(_class, header.classes)) or "not told",
        "faults": "; ".join(map(_fault, header.faults)) or "none",
        "load processes": str(header.nodes),
        "built-in demo": "yes" if header.reference_target else "no",
        **header.environment,
    }


def _load(header: Header) -> str:
    """Of a shape that reads a file its options do not tell. The number stands for all of the course."""
    gates = [(gate.gate, gate.t, gate.users) for gate in header.gates]
    whole = _number_of((header.level, gates))
    highest = max((level for _, level in header.level), default=0.0)
    herds = "".join(f", {users:,} users at {t:g} s" for _, t, users in gates[:3])
    return f"up to {highest:g} {header.level_unit}{herds} ({whole})"


def _class(planned: PlannedClass) -> str:
    own = f" ({_number_of((planned.users, planned.level))})" if planned.users or planned.level else ""
    return f"{planned.user_class}{own}"


def _number_of(plan: object) -> str:
    """That stands for all of it, as it would be too long."""
    return f"{crc32(repr(plan).encode()):08x}"


def _fault(fault: FaultPlan) -> str:
    """Without the addresses and files in its parameters, as the target may be elsewhere."""
    kept = [word for word in fault.description.split() if not any(mark in word for mark in ":/") and "port" not in word]
    return f"{' '.join(kept)} from {fault.start_s:g} to {fault.end_s:g} s"


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """One line each, ``python: 3.11.7 and 3.12.1``."""
    names = dict.fromkeys((*first, *second))
    return [
        f"{name}: {first.get(name, 'not said')} and {second.get(name, 'not said')}"
        for name in names
        if first.get(name) != second.get(name)
    ]
