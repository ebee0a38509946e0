"""The instant of recovery, to be marked in every chart."""

from __future__ import annotations

import math

from harness.criteria import name_of
from harness.findings import RECOVERY_TIME, Finding, Verdict
from harness.recording import Recording
from harness.recording.header import CriterionSpec

RECOVERED = "recovered"
"""The state that its evidence gives; a target that was not degraded has an instant of recovery nowhere."""


def instant_s(recording: Recording, verdict: Verdict) -> float | None:
    """End of the spike plus the recovery time that was found; None when not degraded or not recovered.

    Taken from the finding, so that the charts mark the instant on which the verdict rests; that of all requests, as the
    charts are, before that of some.
    """
    specs = {name_of(spec): spec for spec in recording.header.criteria if spec.criterion == RECOVERY_TIME}
    found = [(each, specs.get(each.criterion, CriterionSpec(RECOVERY_TIME))) for each in verdict.findings]
    for finding, spec in sorted(found, key=lambda each: bool(each[1].parameters.get("requests"))):
        if finding.kind == RECOVERY_TIME:
            spike = recording.phase(str(spec.parameters.get("spike", "spike")))
            if spike is not None and _has_recovered(finding) and finding.figure is not None:
                return spike.end_s + finding.figure
    return None


def _has_recovered(finding: Finding) -> bool:
    return finding.evidence.get("state") == RECOVERED and math.isfinite(finding.figure or 0.0)
