"""Messages that were lost, came twice, or came to somebody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, percent
from harness.criteria._seen import Seen, after
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import OK

LOST, DOUBLED, LATE, MISDELIVERED = "lost", "doubled", "late", "misdelivered"
NOT_DUE = DOUBLED, MISDELIVERED
REFUSED_RATIO = 0.05
"""So many of the messages may have been refused, or unreadable, where those that were taken prove anything."""
ADAPT = (
    "the target may speak another protocol; adapt what the users say and what they take for an answer (say and "
    "on_message of the user class, docs/websocket.md)"
)


@dataclass(frozen=True)
class MessageDelivery(Criterion):
    """Messages lost, doubled or misdelivered ÷ messages due stays within a limit, over the whole run.

    Due is a message to a receiver who was connected when it was sent, and stayed long enough to get it; whatever was
    under way when a connection ended is not. A message that comes a second time was due once, and one that comes to a
    receiver of another channel was not due there. All messages are counted by their numbers, none is inferred from
    others, so the figure has no uncertainty.

    A greeting with which the service begins each connection is a message as well. Where not one message or greeting has
    ever come, nobody knows whether the target loses them or speaks another protocol: that is no FAIL. Nor is there a
    PASS where the target refused more than a few, or sent what nobody can read.
    """

    title = "messages lost, doubled or misdelivered"
    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.0, "largest share of messages that may be lost, or come twice or to others", highest=1)
    messages: str = parameter("message *", "names of the messages that are counted, * for anything")
    greetings: str = parameter("greeting *", "names of the greetings, which are counted as well")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        for pattern in (self.messages, self.greetings):
            yield from after(recording, 0, pattern)

    def judge(self, recording: Recording) -> Finding:
        due: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        messages = phases.only(recording, self.messages).slices
        for piece in (*messages, *phases.only(recording, self.greetings).slices):
            outcomes[piece.outcome] += piece.count
            if piece.outcome not in NOT_DUE:
                due[piece.name] += piece.count
            if piece.outcome in (LOST, *NOT_DUE):
                wrong[f"{piece.name}, {piece.outcome}"] += piece.count
        total, lost, doubled = due.total(), outcomes[LOST], outcomes[DOUBLED]
        if total and not any(outcomes[came] for came in (OK, LATE, *NOT_DUE)):
            told = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common())
            reason = f"no message came as it was expected ({told}): {ADAPT}"
            return self.inconclusive(reason, {"due": total, **outcomes})
        misdelivered = outcomes[MISDELIVERED]
        if not total and not misdelivered:
            return self.inconclusive(f"no {self.messages} was due, so none could be lost")
        ratio = (lost + doubled + misdelivered) / total if total else 1.0
        evidence = {
            "due": total,
            "lost": lost,
            "doubled": doubled,
            **{f"{name}, due": count for name, count in sorted(due.items())},
            **dict(sorted(wrong.items())),
        }
        if misdelivered:
            evidence[MISDELIVERED] = misdelivered
        if outcomes[LATE]:
            evidence["came after a later one"] = outcomes[LATE]
        if outcomes["refused"]:
            evidence["refused by the target, and so not lost"] = outcomes["refused"]
        to_others = f"{misdelivered:,} misdelivered, " if misdelivered else ""
        wrongly = f"{to_others}{lost:,} lost and {doubled:,} doubled"
        reason = f"{wrongly} of {total:,} messages due; limit {percent(self.limit)}"
        outcome = against(self.limit, (ratio, ratio))
        refused = {name: count for name, count in outcomes.most_common() if name not in (OK, LATE, LOST, *NOT_DUE)}
        if outcome is Outcome.PASS and sum(refused.values()) > REFUSED_RATIO * total:
            told = " and ".join(f"{count:,} {name}" for name, count in refused.items())
            outcome = Outcome.INCONCLUSIVE
            reason += f"; but {told}, which is neither: an error_ratio of {self.messages} would judge it"
        return self.finding(outcome, reason, ratio, (ratio, ratio), evidence)
