"""Uses plug-ins that lie in the tree it is started in: ``python plugins_at_work.py KIND:NAME …``.

In a process of its own, since the tests themselves have imported another tree. Prints one line of JSON: for each of
them "", or what went wrong.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable

from harness import criteria, faults, probes
from harness.findings import Outcome
from harness.plugins import Folder
from harness.recording import CriterionSpec, Recording
from harness.verdict import judge
from tests import recordings


def probe(name: str) -> None:
    readings = list(probes.load(name).sample())
    assert readings and all(reading.values and reading.error is None for reading in readings), readings


def fault(name: str) -> None:
    disturbing = faults.load(name)
    assert disturbing.inject() and disturbing.undo()


def criterion(name: str) -> None:
    assert not criteria.is_guard(name)
    _judged(name)
    whole = recordings.login_herd()
    nothing = Recording(whole.header, end=whole.end)
    assert criteria.load(CriterionSpec(name)).judge(nothing).outcome is not Outcome.PASS, "it passes by nothing at all"


def guard(name: str) -> None:
    assert criteria.is_guard(name) and CriterionSpec(name) in criteria.guard_specs()
    _judged(name)


def _judged(name: str) -> None:
    """A finding of its own, neither a crash nor a mistake in its parameters."""
    verdict = judge(recordings.login_herd(), [CriterionSpec(name)])
    (found,) = (finding for finding in verdict.findings if finding.kind == name)
    assert "crashed" not in found.reason and "not judged" not in found.reason, found.reason


def report(name: str) -> None:
    import reports

    recording = recordings.login_herd()
    text = reports.formats()[name].render(recording, judge(recording))
    assert recording.header.scenario in text


def target_fault(name: str) -> None:
    from target.faults import folder

    assert name in folder.names()
    found = Folder("target.faults", "fault", "status").class_of(name)
    required = dict.fromkeys(folder.parameters_of(name), 1)
    assert found(**required).status()


USES: dict[str, Callable[[str], None]] = {
    "probe": probe,
    "fault": fault,
    "criterion": criterion,
    "guard": guard,
    "report": report,
    "target-fault": target_fault,
}


def problem(kind: str, name: str) -> str:
    try:
        USES[kind](name)
    except Exception:  # whatever it is, it is the test's to tell
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    print(json.dumps({plugin: problem(*plugin.split(":")) for plugin in sys.argv[1:]}))
