"""Criteria that take answers for good: what passes only because answers of another length, status or media type than
before are taken for good does not pass. Nobody can say that they are none, so they may have failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.criteria._answer_kind import other_media_types, other_statuses
from harness.criteria._answer_lengths import other_lengths
from harness.criteria._answer_pieces import Compared, with_failures
from harness.criteria._criterion import Criterion
from harness.findings import Finding, Outcome
from harness.recording import Recording
from harness.recording.header import Phase

SHORTER_RATIO = 0.5
SHORTER_HELP = (
    "good answers shorter than so many times nearly all of the baseline may have failed, and longer than 1 / it, where "
    "those are alike; 0: none"
)
SHORTER_THAN_HELP = "phase whose good answers show how long they are"


class JudgesAnswers(Criterion):
    """A criterion that takes answers for good, and so has no PASS where it only passes by ones of another length.
    Its parameters are declared by each: they are told in its order.
    """

    requests: str
    shorter_ratio: float

    def judge(self, recording: Recording) -> Finding:
        found = self._judge(recording)
        before, since = self._stretches(recording)
        if since is None:
            return found
        return _unless_doubted(
            found, recording, Compared(before, since, self.shorter_ratio, self.requests), self._judge
        )

    def _judge(self, recording: Recording) -> Finding:
        """As if all that was answered ok were good."""
        raise NotImplementedError

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        """What shows how long good answers are, and what is judged; None for what the run has not."""
        raise NotImplementedError


def _unless_doubted(
    found: Finding, recording: Recording, compared: Compared, judge: Callable[[Recording], Finding]
) -> Finding:
    """The finding of ``judge`` on the recording, where it holds though answers of another length had failed, and then
    those of another status, and of another media type, as well. Otherwise nothing has passed, and there is no figure,
    which others would be compared with, or a limit be found by: it stands in the evidence.
    """
    if found.outcome is Outcome.FAIL or (found.outcome is Outcome.INCONCLUSIVE and found.figure is None):
        return found
    failed: dict[int, int] = {}
    for doubts in (other_lengths, other_statuses, other_media_types):
        doubt = doubts(recording, compared)  # each of all of them: what one doubts hides nothing from the next
        if doubt is None:
            continue
        # Of a slice the larger number has the others in it: those of another kind are all that nobody has checked.
        failed |= {piece: max(count, failed.get(piece, 0)) for piece, count in doubt.doubted.items()}
        if not _holds(found, judge(with_failures(recording, failed))):
            break
    else:
        return found
    counted = {} if found.figure is None else {f"with them ({found.unit})": found.figure}
    return replace(
        found,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{found.reason}; but {doubt.in_words(compared)}",
        figure=None,
        interval=None,
        confidence=None,
        evidence={**found.evidence, **counted},
    )


def _holds(found: Finding, with_failures: Finding) -> bool:
    """Whether as much would be said for the service: no worse outcome, and no figure beyond the limit, or without an
    end, where it is within by now.
    """
    if with_failures.outcome.rank > found.outcome.rank:
        return False
    if found.outcome is Outcome.PASS or found.figure is None or found.limit is None:
        return True
    figure = with_failures.figure
    return figure is not None and (figure > found.limit) == (found.figure > found.limit)
