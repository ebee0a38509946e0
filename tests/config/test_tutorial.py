"""What the tutorial shows of a verdict is what a run is judged by today."""

from __future__ import annotations

import re

from harness.config.queue_gauge import by_default
from harness.config.run_criteria import OF_PROCESSES
from harness.config.scenario import STANDARD
from harness.recording.header import CriterionSpec
from tests.docs.blocks import ROOT, in_page


def test_the_tutorial_passes_by_every_criterion_that_it_is_judged_by_today() -> None:
    """Its service runs in no container, so of its processes memory and restarts are judged."""
    given = tuple(CriterionSpec(name) for name in STANDARD)
    judged = [*given, *by_default(given, ()), *(spec for spec in OF_PROCESSES if spec.criterion != "cpu_throttling")]
    passed = [block.text for block in in_page(ROOT / "docs" / "tutorial.md") if block.text.startswith("PASS  sale")]
    assert passed
    for text in passed:
        assert f"All {len(judged)} criteria hold" in text
        assert len(re.findall(r"^  PASS  ", text, re.MULTILINE)) == len(judged)
