"""One account of a fault over several processes: counts add up; a fault may combine a figure otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from target.faults import folder
from target.faults.contract import Reading

Combine = Callable[[Iterable[float]], float]


def summed(name: str, accounts: Iterable[Mapping[str, Reading]]) -> dict[str, Reading]:
    """Combine each figure over all accounts that have it; None when none has."""
    combine: Mapping[str, Combine] = getattr(folder.class_of(name), "combine", {})
    columns: dict[str, list[float]] = {}
    for account in accounts:
        for key, value in account.items():
            columns.setdefault(key, []).extend([] if value is None else [value])
    return {key: combine.get(key, sum)(values) if values else None for key, values in columns.items()}
