"""The parts of a run that are judged by themselves, each in the phase of its name."""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import ERROR_RATIO, LATENCY_QUANTILE
from harness.recording.header import CriterionSpec
from harness.recording.values import Scalar

OF_A_PHASE = (ERROR_RATIO, LATENCY_QUANTILE)


class Parts:
    """The parts that a run has, by their names."""

    def __init__(self, *present: str) -> None:
        self._present = present

    def judged(self, part: str, *criteria: str, **parameters: Scalar) -> Iterator[CriterionSpec]:
        """These criteria, with these parameters, as findings of one part, by whose name they are called; those of its
        requests are about its phase. None where the run does not have it.
        """
        for criterion in criteria if part in self._present else ():
            of_phase = {"phase": part} if criterion in OF_A_PHASE else {}
            name = criterion if criterion.startswith(part) else f"{part}_{criterion}"
            yield CriterionSpec(criterion, {**of_phase, "part": part, "name": name, **parameters})
