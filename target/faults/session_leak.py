"""Keeps N bytes for every successful login, for ever: a leak whose size is known to the byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class SessionLeak:
    """Resident memory grows by `bytes_per_login` a login, until the fault is switched off."""

    bytes_per_login: int
    _kept: list[bytes] = field(default_factory=list, init=False, repr=False)

    def after_login(self) -> None:
        """Written with a byte other than zero: untouched zero pages would not be resident."""
        self._kept.append(b"\xa5" * self.bytes_per_login)

    def status(self) -> Mapping[str, Reading]:
        """Logins that leaked, and the bytes kept for them (without Python's 33 an object)."""
        return {"logins": len(self._kept), "kept_bytes": len(self._kept) * self.bytes_per_login}
