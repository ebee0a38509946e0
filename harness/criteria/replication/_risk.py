"""Which acknowledged writes a fault may have lost: those just before it struck the node that takes writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.criteria._effects import effect_of, nothing_shown
from harness.criteria._injections import Injection, injections, not_injected
from harness.criteria._outcome import seconds
from harness.criteria.replication._ledger import Ledger, LedgerCriterion, Row
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class Risk:
    """Only what has not reached a replica yet can be lost, and only where it was the primary that was struck."""

    faults: tuple[Injection, ...]
    effects: Mapping[Injection, str]
    """What showed of each, in words; empty: nothing did."""
    before_any: int
    """Acknowledged shortly before a fault."""
    at_risk: int
    """Of these, before one that showed in anything."""

    def why_none(self, fault: str, at_risk_s: float, remedy: str) -> str:
        """Why no write was at risk, where none was."""
        if not self.faults:
            return not_injected(fault, "no write was at risk", remedy)
        if self.before_any:
            return nothing_shown(self.faults)
        reason = f"no write was acknowledged in the last {seconds(at_risk_s)} before a fault, so none was "
        return reason + "at risk; more writers would put some there"

    @property
    def evidence(self) -> dict[str, Scalar]:
        return {
            f"effect of fault {number}, {fault.fault} at {seconds(fault.at_s)}": self.effects[fault] or "none was seen"
            for number, fault in enumerate(self.faults, start=1)
        }


@dataclass(frozen=True)
class RiskCriterion(LedgerCriterion):
    """A criterion about the acknowledged rows that a fault may have taken."""

    at_risk_s: float = parameter(1.0, "so shortly before a fault, in seconds, a write has to be acknowledged", lowest=0)

    def at_risk(self, recording: Recording, ledger: Ledger) -> tuple[tuple[Row, ...], list[Row], Risk]:
        """What was acknowledged, what of it is lost, and which faults may have taken it."""
        acknowledged = ledger.acknowledged
        lost = [row for row in acknowledged if row.rows == 0]
        faults = injections(recording, self.fault)
        effects = {each: effect_of(recording, each) for each in faults}
        struck = [each for each in faults if effects[each]]
        before_any, before_struck = (_shortly_before(each, acknowledged, self.at_risk_s) for each in (faults, struck))
        return acknowledged, lost, Risk(faults, effects, before_any, before_struck)


def _shortly_before(faults: Sequence[Injection], acknowledged: Sequence[Row], at_risk_s: float) -> int:
    returned_s = [row.acknowledged_s for row in acknowledged]
    return sum(any(0 <= fault.at_s - t <= at_risk_s for fault in faults) for t in returned_s)
