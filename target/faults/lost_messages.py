"""Each connection misses a known share of the broadcasts: of its first n messages floor(n × share) are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading
from target.faults.share import OfShare, Share


@dataclass(kw_only=True)
class LostMessages(OfShare):
    """Counted by connection: all receivers of a process lose alike, whenever they came."""

    due: int = field(default=0, init=False)
    lost: int = field(default=0, init=False)
    _shares: dict[int, Share] = field(default_factory=dict, init=False, repr=False)

    def loses_message(self, connection: int, client: str, seq: int) -> bool:
        self.due += 1
        loses = self._shares.setdefault(connection, Share(self.share)).take()
        if loses:
            self.lost += 1
            self._records.append({"client": client, "seq": seq})
        return loses

    def status(self) -> Mapping[str, Reading]:
        """Messages due to a connection, and those of them that it did not get."""
        return {"due": self.due, "lost": self.lost}
