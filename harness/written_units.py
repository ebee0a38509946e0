"""Numbers that were written with a unit although the option's name has it: what to write in place of ``30s``."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECONDS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}
_OF_NAME: Mapping[str, Mapping[str, float]] = {
    "_ms": {unit: factor * 1e3 for unit, factor in _SECONDS.items()},
    "_s": _SECONDS,
    "_bytes": _BYTES,
}
"""By the end of a name: what one of a unit is in the unit of the name."""
_SHARE = {"%": 0.01}
_WRITTEN = re.compile(r"(\d+(?:\.\d*)?)\s*([A-Za-z]+|%)")


def without_unit(name: str, text: str) -> float | None:
    """The figure of ``text`` in the unit that an option of this name has; None where that cannot be told."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    units = next((units for ending, units in _OF_NAME.items() if name.endswith(ending)), _SHARE)
    factor = units.get(found[2].lower())
    return None if factor is None else float(found[1]) * factor
